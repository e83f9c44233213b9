//! Shell words of a Dockerfile: splitting, quotes and variables.

use crate::images::glob::matches_part;

/// What is known of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// It has this value.
    Known(String),
    /// It has none.
    Unset,
    /// The base image or the builder's platform may set it.
    Unknown,
}

/// Stands in an expanded word for a value that is not known.
pub(super) const UNKNOWN: char = '\u{fffc}';

/// The end of the word at the start of `text`: the first blank outside quotes.
pub(super) fn word_end(text: &str, escape: char) -> usize {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match quote {
            _ if escaped => escaped = false,
            Some('\'') if c != '\'' => {}
            _ if c == escape => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if c.is_whitespace() => return at,
            None => {}
        }
    }
    text.len()
}

/// Words between blanks, their quotes kept.
pub(super) fn split(text: &str, escape: char) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = word_end(rest, escape);
        words.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    words
}

/// Removes quotes and substitutes variables of one word: `$a`, `${a}`, `${a:-w}`, `${a-w}`, `:+`, `+`, `:?`, `?`, `#`, `##`, `%`, `%%`,
/// `/p/r`, `//p/r`.
///
/// # Errors
/// A sentence for people: an unclosed brace or quote, an unknown form, a variable that `?` demands.
pub(super) fn expand(word: &str, escape: char, lookup: &dyn Fn(&str) -> Lookup) -> Result<String, String> {
    let mut scanner = Scanner { chars: word.chars().collect(), at: 0, escape, lookup };
    scanner.word(None)
}

struct Scanner<'a> {
    chars: Vec<char>,
    at: usize,
    escape: char,
    lookup: &'a dyn Fn(&str) -> Lookup,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += 1;
        c
    }

    /// Up to `stop`, which is not consumed, or to the end.
    fn word(&mut self, stop: Option<&[char]>) -> Result<String, String> {
        let mut out = String::new();
        while let Some(c) = self.peek() {
            if stop.is_some_and(|stop| stop.contains(&c)) {
                return Ok(out);
            }
            self.at += 1;
            match c {
                '\'' => loop {
                    match self.next() {
                        Some('\'') => break,
                        Some(c) => out.push(c),
                        None => return Err("a single quote is not closed".into()),
                    }
                },
                '"' => loop {
                    match self.next() {
                        Some('"') => break,
                        Some('$') => out.push_str(&self.variable()?),
                        Some(c) if c == self.escape => match self.next() {
                            Some(next) if next == '"' || next == '$' || next == self.escape => out.push(next),
                            Some(next) => out.extend([c, next]),
                            None => return Err("a double quote is not closed".into()),
                        },
                        Some(c) => out.push(c),
                        None => return Err("a double quote is not closed".into()),
                    }
                },
                '$' => out.push_str(&self.variable()?),
                c if c == self.escape => out.extend(self.next()),
                c => out.push(c),
            }
        }
        match stop {
            Some(_) => Err("a `${` is not closed by `}`".into()),
            None => Ok(out),
        }
    }

    /// After a `$`.
    fn variable(&mut self) -> Result<String, String> {
        if self.peek() != Some('{') {
            let name = self.name();
            return Ok(if name.is_empty() { "$".into() } else { text((self.lookup)(&name)) });
        }
        self.at += 1;
        let name = self.name();
        if name.is_empty() {
            return Err("a `${` has no variable name after it".into());
        }
        let value = (self.lookup)(&name);
        let operator = self.next().ok_or("a `${` is not closed by `}`")?;
        let (colon, operator) = match operator {
            ':' => (true, self.next().ok_or("a `${` is not closed by `}`")?),
            operator => (false, operator),
        };
        let counts = |value: &Lookup| match value {
            Lookup::Known(value) => !colon || !value.is_empty(),
            Lookup::Unset | Lookup::Unknown => false,
        };
        if operator == '}' && !colon {
            return Ok(text(value));
        }
        if !"-+?#%/".contains(operator) || colon && !"-+?".contains(operator) {
            return Err(format!("`${{{name}{}{operator}` is not a known substitution", if colon { ":" } else { "" }));
        }
        let doubled = "#%/".contains(operator) && self.peek() == Some(operator);
        self.at += usize::from(doubled);
        let word = self.word(Some(if operator == '/' { &['/', '}'] } else { &['}'] }))?;
        let replacement = if operator == '/' && self.next() == Some('/') {
            let replacement = self.word(Some(&['}']))?;
            self.at += 1;
            replacement
        } else {
            self.at += usize::from(operator != '/');
            String::new()
        };
        Ok(match (operator, value) {
            (_, Lookup::Unknown) => UNKNOWN.into(),
            ('-', value) => {
                if counts(&value) {
                    text(value)
                } else {
                    word
                }
            }
            ('+', value) => {
                if counts(&value) {
                    word
                } else {
                    String::new()
                }
            }
            ('?', value) if counts(&value) => text(value),
            ('?', _) => {
                return Err(if word.is_empty() { format!("the variable `{name}` has no value") } else { format!("{name}: {word}") });
            }
            ('#', value) => strip(&text(value), &word, doubled, Side::Front),
            ('%', value) => strip(&text(value), &word, doubled, Side::Back),
            (_, value) => replace(&text(value), &word, &replacement, doubled),
        })
    }

    /// A variable's name: letters, digits and `_`; a positional or special name is one character.
    fn name(&mut self) -> String {
        let start = self.at;
        if self.peek().is_some_and(|c| c.is_ascii_digit() || "@*#?-!".contains(c)) && self.peek().is_some_and(|c| c != '?' && c != '-') {
            self.at += 1;
        } else {
            while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                self.at += 1;
            }
        }
        self.chars[start..self.at].iter().collect()
    }
}

fn text(value: Lookup) -> String {
    match value {
        Lookup::Known(value) => value,
        Lookup::Unset => String::new(),
        Lookup::Unknown => UNKNOWN.into(),
    }
}

enum Side {
    Front,
    Back,
}

/// Where a text may be cut: at each character and at the end.
fn cuts(value: &str) -> Vec<usize> {
    value.char_indices().map(|(at, _)| at).chain([value.len()]).collect()
}

fn strip(value: &str, pattern: &str, longest: bool, side: Side) -> String {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut cuts = cuts(value);
    if longest == matches!(side, Side::Front) {
        cuts.reverse();
    }
    let rest = cuts.into_iter().map(|cut| value.split_at(cut)).find_map(|(front, back)| match side {
        Side::Front => matches_part(&pattern, front).then_some(back),
        Side::Back => matches_part(&pattern, back).then_some(front),
    });
    rest.unwrap_or(value).to_owned()
}

fn replace(value: &str, pattern: &str, with: &str, all: bool) -> String {
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut out, mut at, mut done) = (String::new(), 0, false);
    while let Some(c) = value[at..].chars().next() {
        let ends = cuts(&value[at..]).into_iter().skip(1).rev();
        let found = if all || !done { ends.map(|end| at + end).find(|end| matches_part(&pattern, &value[at..*end])) } else { None };
        match found {
            Some(end) => {
                out.push_str(with);
                (at, done) = (end, true);
            }
            None => {
                out.push(c);
                at += c.len_utf8();
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Lookup {
        match name {
            "a" => Lookup::Known("A".into()),
            "path" => Lookup::Known("one/two/three.tar.gz".into()),
            "empty" => Lookup::Known(String::new()),
            "unknown" => Lookup::Unknown,
            _ => Lookup::Unset,
        }
    }

    #[test]
    fn expansion_table() {
        for (word, expect) in [
            ("plain", "plain"),
            ("$a", "A"),
            ("x${a}y", "xAy"),
            ("$a/b", "A/b"),
            ("$no", ""),
            ("${no:-w}", "w"),
            ("${no:-$a}", "A"),
            ("${no:-${no2:-deep}}", "deep"),
            ("${empty:-w}", "w"),
            ("${empty-w}", ""),
            ("${no-w}", "w"),
            ("${a:-w}", "A"),
            ("${a:+w}", "w"),
            ("${empty:+w}", ""),
            ("${empty+w}", "w"),
            ("${no+w}", ""),
            ("${a:?m}", "A"),
            ("${path#*/}", "two/three.tar.gz"),
            ("${path##*/}", "three.tar.gz"),
            ("${path%.*}", "one/two/three.tar"),
            ("${path%%.*}", "one/two/three"),
            ("${path/t/T}", "one/Two/three.tar.gz"),
            ("${path//t/T}", "one/Two/Three.Tar.gz"),
            ("${path//t}", "one/wo/hree.ar.gz"),
            ("'$a'", "$a"),
            ("\"$a b\"", "A b"),
            ("\\$a", "$a"),
            ("\"\\$a\"", "$a"),
            ("a\\ b", "a b"),
            ("$", "$"),
            ("$unknown/x", "\u{fffc}/x"),
            ("${unknown:-w}", "\u{fffc}"),
        ] {
            assert_eq!(expand(word, '\\', &lookup).as_deref(), Ok(expect), "{word}");
        }
        assert_eq!(expand("`$a", '`', &lookup).as_deref(), Ok("$a"));
    }

    #[test]
    fn broken_words() {
        for word in ["${a", "${}", "${a:", "${a:-x", "${a!b}", "${no:?}", "${no?say}", "'x", "\"x", "${a/b"] {
            assert!(expand(word, '\\', &lookup).is_err(), "{word}");
        }
    }

    #[test]
    fn splitting() {
        assert_eq!(split(" a  'b c' \"d \\\" e\" f\\ g ", '\\'), ["a", "'b c'", "\"d \\\" e\"", "f\\ g"]);
    }
}
