//! `a ~ b` joins what both sides print. Left alone, minijinja would print them as Python does: `True`, `None`, `{'a': 1}`.
//!
//! It asks the environment's formatter for a side whose neighbour is a *safe* string. So `a ~ b` is read as `a ~ __text ~ b`, where
//! `__text` is a safe string without letters, and places in what minijinja reads are led back to what was written.

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment};

/// What follows each `~`.
const INSERTED: &str = "__text~";
const NAME: &str = "__text";

/// Makes an environment know what [`Readable::new`] puts in.
pub fn register(environment: &mut Environment<'_>) {
    environment.add_global(NAME, Value::from_safe_string(String::new()));
    // nothing is escaped, by the formatter; with `None` no string would count as safe
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("text".into()));
}

/// A template's text as minijinja reads it.
#[derive(Clone, Debug)]
pub struct Readable {
    /// The text.
    pub text: String,
    /// Where something was put in, in ascending order.
    inserted: Vec<usize>,
}

impl Readable {
    /// Puts `__text` behind every `~` of an expression.
    pub fn new(written: &str) -> Self {
        let mut readable = Readable { text: String::with_capacity(written.len()), inserted: Vec::new() };
        let mut from = 0;
        for at in tildes(written) {
            readable.text.push_str(&written[from..=at]);
            readable.inserted.push(readable.text.len());
            readable.text.push_str(INSERTED);
            from = at + 1;
        }
        readable.text.push_str(&written[from..]);
        readable
    }

    /// The place in the written text.
    pub fn written(&self, offset: usize) -> usize {
        let before = self.inserted.partition_point(|at| *at < offset);
        let inside = before.checked_sub(1).map_or(0, |last| (self.inserted[last] + INSERTED.len()).saturating_sub(offset));
        offset + inside - before * INSERTED.len()
    }
}

/// Where a `~` stands in an expression or a statement: outside of strings, comments and raw blocks.
fn tildes(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('{').map(|found| at + found) {
        let rest = &text[open..];
        at = if rest.starts_with("{#") {
            rest.find("#}").map_or(text.len(), |end| open + end + 2)
        } else if rest.starts_with("{%") || rest.starts_with("{{") {
            let end = tag(text, open, &mut found);
            let words = text[open..end].trim_matches(['{', '}', '%', '-', '+']).trim();
            if words == "raw" { end_of_raw(text, end) } else { end }
        } else {
            open + 1
        };
    }
    found
}

/// The end of the tag that begins here; its `~` are found.
fn tag(text: &str, open: usize, found: &mut Vec<usize>) -> usize {
    let close = if text[open..].starts_with("{%") { "%}" } else { "}}" };
    let (mut quote, mut depth, mut escaped) = (None, 0usize, false);
    for (at, letter) in text[open + 2..].char_indices().map(|(at, letter)| (open + 2 + at, letter)) {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(end), letter) if letter == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '~') => found.push(at),
            _ if depth == 0 && text[at..].starts_with(close) => return at + 2,
            (None, '{') => depth += 1,
            (None, '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}

/// Where the raw block ends that begins here.
fn end_of_raw(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(open) = text[at..].find("{%").map(|found| at + found) {
        at = text[open..].find("%}").map_or(text.len(), |end| open + end + 2);
        if text[open..at].trim_matches(['{', '}', '%', '-', '+']).trim() == "endraw" {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tildes_of_expressions_are_found() {
        // `@` stands for those that are found
        let cases = [
            "~ {~} {{ a @ b }}~",
            "{{ '~' @ \"\\\"~\" }}{# ~ {{ ~ #}{%- set x = 1@2 -%}",
            "{{ {\"a\": {'}}~': 1}} @ 1 }} ~",
            "{% raw %}{{ a ~ b }}{%- endraw %}{{ @",
            "{{ é @ \"{% raw %}\" }}{{ @ }}",
            "{",
            "{{",
            "{#",
        ];
        for marked in cases {
            let text = marked.replace('@', "~");
            let expected: Vec<usize> = marked.match_indices('@').map(|(at, _)| at).collect();
            assert_eq!(tildes(&text), expected, "{text}");
        }
    }

    #[test]
    fn places_are_led_back() {
        let readable = Readable::new("{{ ab ~ c~d }}");
        assert_eq!(readable.text, "{{ ab ~__text~ c~__text~d }}");
        for (letter, written) in [("ab", 3), ("~__", 6), (" c", 7), ("c~", 8), ("~__text~d", 9), ("d", 10), (" }}", 11)] {
            let at = readable.text.find(letter).unwrap();
            assert_eq!(readable.written(at), written, "{letter}");
        }
        assert_eq!(readable.written(7), 7);
        assert_eq!(readable.written(10), 7);
        assert_eq!(readable.written(readable.text.len()), 14);
    }
}
