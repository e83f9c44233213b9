//! Shell words of a Dockerfile: quotes, escapes and variables.
//!
//! Follows the lexer of BuildKit's frontend to the letter where that differs from a shell: a backslash within double quotes that
//! escapes nothing vanishes, `<<` takes the blanks after it into its word, `#`, `%` and `/` know `*` and `?` but no classes.

use regex::Regex;

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

/// A word that grows beyond this, in bytes, is refused: values may be made of values, and double with each line.
const LONGEST: usize = 4 << 20;

/// Substitutions within substitutions.
const DEEPEST: usize = 100;

/// The blanks that part a Dockerfile's words outside quotes.
pub(super) const BLANKS: [char; 5] = ['\t', '\u{b}', '\u{c}', '\r', ' '];

/// Words between runs of blanks; quotes mean nothing.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(BLANKS).filter(|word| !word.is_empty())
}

/// The words of ARG, ENV and LABEL: blanks part them outside quotes, quotes and escapes stay for [`expand`].
pub(super) fn quoted(text: &str, escape: char) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else if c == escape && quote != Some('\'') {
            match chars.next() {
                Some(next) => word.extend([c, next]),
                // An escape character at the very end is dropped, and closes a quote.
                None => quote = None,
            }
        } else {
            match quote {
                None if matches!(c, '\'' | '"') => quote = Some(c),
                Some(open) if open == c => quote = None,
                _ => {}
            }
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Removes quotes and substitutes variables of one word: `$a`, `${a}`, `${a:-w}`, `${a-w}`, `:+`, `+`, `:?`, `?`, `#`, `##`, `%`, `%%`,
/// `/p/r`, `//p/r`.
///
/// # Errors
/// A sentence for people: an unclosed brace or quote, an unknown form, a variable that `?` demands.
pub(super) fn expand(word: &str, escape: char, lookup: &dyn Fn(&str) -> Lookup) -> Result<String, String> {
    let mut lexer = Lexer { raw_quotes: false, raw_escapes: false, keep_unset: false, ..Lexer::new(word, escape, lookup) };
    lexer.word(None, false, false).map(|(text, _)| text)
}

/// A text's words with their quotes, escapes and variables as written, which is how heredocs are looked for; a quote that is not closed
/// leaves no words.
pub(super) fn raw(text: &str) -> Vec<String> {
    Lexer::new(text, '\\', &|_| Lookup::Unset).word(None, true, false).map(|(_, words)| words).unwrap_or_default()
}

/// A text's words without quotes or with them, its variables as written.
///
/// # Errors
/// As [`expand`].
pub(super) fn unexpanded(text: &str, quotes: bool) -> Result<Vec<String>, String> {
    let mut lexer = Lexer { raw_quotes: quotes, raw_escapes: false, ..Lexer::new(text, '\\', &|_| Lookup::Unset) };
    lexer.word(None, false, false).map(|(_, words)| words)
}

/// The names that a text may look up: what follows a `$` or `${`.
pub(super) fn mentioned(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        (end > 0).then(|| &rest[..end])
    })
}

struct Lexer<'a> {
    chars: Vec<char>,
    at: usize,
    escape: char,
    /// Quotes stay in the result.
    raw_quotes: bool,
    /// Escape characters stay in the result.
    raw_escapes: bool,
    /// A variable without value stays as it is written.
    keep_unset: bool,
    lookup: &'a dyn Fn(&str) -> Lookup,
    /// The word that is being read. A substitution with a word of its own begins it anew, as BuildKit's does.
    buffer: String,
    depth: usize,
}

impl<'a> Lexer<'a> {
    fn new(text: &str, escape: char, lookup: &'a dyn Fn(&str) -> Lookup) -> Self {
        let chars = text.chars().collect();
        Lexer { chars, at: 0, escape, raw_quotes: true, raw_escapes: true, keep_unset: true, lookup, buffer: String::new(), depth: 0 }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += 1;
        c
    }

    /// Up to `stop`, which is consumed, or to the end: the text, and the words that blanks part it into.
    fn word(&mut self, stop: Option<char>, raw_escapes: bool, pattern: bool) -> Result<(String, Vec<String>), String> {
        if self.depth > DEEPEST {
            return Err(format!("more than {DEEPEST} substitutions are within one another"));
        }
        self.depth += 1;
        let outer = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        let found = self.word_in(stop, pattern);
        self.raw_escapes = outer;
        self.depth -= 1;
        found
    }

    fn word_in(&mut self, stop: Option<char>, pattern: bool) -> Result<(String, Vec<String>), String> {
        let (mut text, mut words, mut inside) = (String::new(), Vec::new(), false);
        self.buffer.clear();
        while let Some(c) = self.peek() {
            if text.len() > LONGEST {
                return Err(too_long());
            }
            if Some(c) == stop {
                self.at += 1;
                words.extend((!self.buffer.is_empty()).then(|| std::mem::take(&mut self.buffer)));
                return Ok((text, words));
            }
            let from = text.len();
            let mut literal = true;
            match c {
                '$' => {
                    text.push_str(&self.variable()?);
                    literal = false;
                }
                '<' => text.push_str(&self.angles()),
                '\'' => text.push_str(&self.single(pattern)?),
                '"' => text.push_str(&self.double(pattern)?),
                c => {
                    self.at += 1;
                    literal = c == self.escape;
                    if literal {
                        if self.raw_escapes {
                            text.push(c);
                        }
                        text.extend(self.next());
                    } else {
                        text.push(c);
                    }
                }
            }
            if literal {
                self.buffer.push_str(&text[from..]);
                inside |= text.len() > from || matches!(c, '\'' | '"');
            } else {
                for c in text[from..].chars() {
                    if !c.is_whitespace() {
                        self.buffer.push(c);
                        inside = true;
                    } else if inside && !self.buffer.is_empty() {
                        words.push(std::mem::take(&mut self.buffer));
                        inside = false;
                    }
                }
            }
        }
        match stop {
            Some(stop) => Err(format!("a `${{` has no `{stop}` after it")),
            None => {
                words.extend((!self.buffer.is_empty()).then(|| std::mem::take(&mut self.buffer)));
                Ok((text, words))
            }
        }
    }

    /// `<`, or `<<` with the blanks after it.
    fn angles(&mut self) -> String {
        self.at += 1;
        if self.peek() != Some('<') {
            return "<".into();
        }
        self.at += 1;
        let mut text = String::from("<<");
        while let Some(blank) = self.peek().filter(|c| matches!(c, '\t' | '\r' | ' ')) {
            text.push(blank);
            self.at += 1;
        }
        text
    }

    fn single(&mut self, pattern: bool) -> Result<String, String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.next() {
                Some('\'') => break,
                Some(c) => {
                    text.extend((pattern && c == self.escape).then_some(c));
                    text.push(c);
                }
                None => return Err("a single quote is not closed".into()),
            }
        }
        Ok(if self.raw_quotes { format!("'{text}'") } else { text })
    }

    fn double(&mut self, pattern: bool) -> Result<String, String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return Err("a double quote is not closed".into()),
                Some('$') => {
                    let value = self.variable()?;
                    text.push_str(&value);
                    if text.len() > LONGEST {
                        return Err(too_long());
                    }
                    continue;
                }
                _ => {}
            }
            match self.next() {
                Some('"') => break,
                Some(c) if c == self.escape => match self.peek() {
                    None => {}
                    Some(next) if next == '"' || next == '$' || next == self.escape => {
                        text.extend(self.raw_escapes.then_some(c));
                        text.push(next);
                        self.at += 1;
                    }
                    Some(_) => {
                        text.extend((self.raw_escapes && (!self.raw_quotes || pattern)).then_some(c));
                        text.push(c);
                    }
                },
                c => text.extend(c),
            }
        }
        Ok(if self.raw_quotes { format!("\"{text}\"") } else { text })
    }

    /// At a `$`.
    fn variable(&mut self) -> Result<String, String> {
        self.at += 1;
        if self.peek() != Some('{') {
            let name = self.name();
            return Ok(match (self.lookup)(&name) {
                _ if name.is_empty() => "$".into(),
                Lookup::Unset if self.keep_unset => format!("${name}"),
                value => text(value),
            });
        }
        self.at += 1;
        match self.peek() {
            None => return Err("a `${` is not closed by `}`".into()),
            Some('{' | '}' | ':') => return Err("a `${` has no variable name after it".into()),
            _ => {}
        }
        let name = self.name();
        let value = (self.lookup)(&name);
        let kept = self.keep_unset && value == Lookup::Unset;
        let operator = self.next().ok_or("a `${` is not closed by `}`")?;
        match operator {
            '}' => Ok(if kept { format!("${{{name}}}") } else { text(value) }),
            ':' => {
                let operator = self.next().ok_or("a `${` is not closed by `}`")?;
                if matches!(operator, '#' | '%') {
                    return Err(unknown_form(&name, &format!(":{operator}")));
                }
                let (word, _) = self.word(Some('}'), false, false)?;
                if kept { Ok(format!("${{{name}:{operator}{word}}}")) } else { default(&name, value, true, operator, word) }
            }
            '-' | '+' | '?' => {
                let (word, _) = self.word(Some('}'), false, false)?;
                if kept { Ok(format!("${{{name}{operator}{word}}}")) } else { default(&name, value, false, operator, word) }
            }
            '#' | '%' => {
                let (word, _) = self.word(Some('}'), true, true)?;
                if kept {
                    return Ok(format!("${{{name}{operator}{word}}}"));
                }
                let (pattern, longest) = word.strip_prefix(operator).map_or((word.as_str(), false), |pattern| (pattern, true));
                strip(value, pattern, longest, operator == '%')
            }
            '/' => {
                let all = self.peek() == Some('/');
                self.at += usize::from(all);
                let (pattern, _) = self.word(Some('/'), true, true)?;
                let (with, _) = self.word(Some('}'), true, false)?;
                if kept { Ok(format!("${{{name}/{pattern}/{with}}}")) } else { replace(value, &pattern, &with, all) }
            }
            other => Err(unknown_form(&name, &other.to_string())),
        }
    }

    /// A variable's name: digits, one special character, or letters, digits and `_`.
    fn name(&mut self) -> String {
        let start = self.at;
        let run = |at: usize, fits: fn(char) -> bool| self.chars[at..].iter().take_while(|c| fits(**c)).count();
        self.at += match self.peek() {
            Some(c) if c.is_ascii_digit() => run(start, |c| c.is_ascii_digit()),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => 1,
            _ => run(start.min(self.chars.len()), |c| c.is_alphanumeric() || c == '_'),
        };
        self.chars[start.min(self.chars.len())..self.at.min(self.chars.len())].iter().collect()
    }
}

fn too_long() -> String {
    format!("a word is longer than {} MiB after substitution", LONGEST >> 20)
}

fn unknown_form(name: &str, operator: &str) -> String {
    format!("`${{{name}{operator}` is not a known substitution")
}

fn text(value: Lookup) -> String {
    match value {
        Lookup::Known(value) => value,
        Lookup::Unset => String::new(),
        Lookup::Unknown => UNKNOWN.into(),
    }
}

/// `-`, `+` and `?`, where `colon` lets an empty value count as none.
fn default(name: &str, value: Lookup, colon: bool, operator: char, word: String) -> Result<String, String> {
    let counts = match &value {
        Lookup::Known(value) => !colon || !value.is_empty(),
        Lookup::Unset => false,
        Lookup::Unknown if matches!(operator, '-' | '+' | '?') => return Ok(UNKNOWN.into()),
        Lookup::Unknown => false,
    };
    match (operator, counts) {
        ('-' | '?', true) => Ok(text(value)),
        ('-', false) | ('+', true) => Ok(word),
        ('+', false) => Ok(String::new()),
        ('?', false) if word.is_empty() => Err(format!("the variable `{name}` has no value")),
        ('?', false) => Err(format!("{name}: {word}")),
        (other, _) => Err(unknown_form(name, &format!("{}{other}", if colon { ":" } else { "" }))),
    }
}

/// A value without the shortest or longest piece at one end that a pattern fits.
fn strip(value: Lookup, pattern: &str, longest: bool, back: bool) -> Result<String, String> {
    let backwards = |text: &str| -> String { text.chars().rev().collect() };
    let regex = if back { regex(&turned(pattern), longest, true)? } else { regex(pattern, longest, true)? };
    match value {
        Lookup::Unknown => Ok(UNKNOWN.into()),
        _ if pattern.contains(UNKNOWN) => Ok(UNKNOWN.into()),
        value if back => {
            let value = backwards(&text(value));
            Ok(backwards(&value[regex.find(&value).map_or(0, |found| found.end())..]))
        }
        value => {
            let value = text(value);
            Ok(value[regex.find(&value).map_or(0, |found| found.end())..].to_owned())
        }
    }
}

fn replace(value: Lookup, pattern: &str, with: &str, all: bool) -> Result<String, String> {
    let regex = regex(pattern, true, false)?;
    if value == Lookup::Unknown || pattern.contains(UNKNOWN) || with.contains(UNKNOWN) {
        return Ok(UNKNOWN.into());
    }
    let value = text(value);
    if value.len().saturating_mul(with.len()) > LONGEST {
        return Ok(UNKNOWN.into());
    }
    // Only where all are replaced, a `$1` in the replacement means a group, of which there are none.
    Ok(if all { regex.replace_all(&value, with).into_owned() } else { regex.replacen(&value, 1, regex::NoExpand(with)).into_owned() })
}

/// A pattern backwards, with each escape still before what it escapes.
fn turned(pattern: &str) -> String {
    let chars: Vec<char> = pattern.chars().collect();
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        let length = if chars[at] == '\\' && at + 1 < chars.len() { 2 } else { 1 };
        pieces.push(&chars[at..at + length]);
        at += length;
    }
    pieces.into_iter().rev().flatten().collect()
}

fn regex(pattern: &str, longest: bool, anchored: bool) -> Result<Regex, String> {
    let mut out = String::from(if anchored { "^" } else { "" });
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push_str(if longest { ".*" } else { ".*?" }),
            '?' => out.push('.'),
            '\\' if matches!(chars.peek(), Some('}' | '/')) => {}
            '\\' => match chars.next() {
                Some(next @ ('*' | '?' | '\\')) => out.extend(['\\', next]),
                next => {
                    return Err(format!("`\\{}` in the pattern `{pattern}` escapes nothing", next.map(String::from).unwrap_or_default()));
                }
            },
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    Regex::new(&out).map_err(|_| format!("the pattern `{pattern}` is too long"))
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
            ("${path%?z}", "one/two/three.tar."),
            ("${path#o[n]e}", "one/two/three.tar.gz"),
            ("${path/t/T}", "one/Two/three.tar.gz"),
            ("${path//t/T}", "one/Two/Three.Tar.gz"),
            ("${path//t/}", "one/wo/hree.ar.gz"),
            ("${path/\\//-}", "one-two/three.tar.gz"),
            ("${path#'one'}", "/two/three.tar.gz"),
            ("'$a'", "$a"),
            ("\"$a b\"", "A b"),
            ("\\$a", "$a"),
            ("\"\\$a\"", "$a"),
            ("\"x\\y\"", "x\\y"),
            ("a\\ b", "a b"),
            ("$", "$"),
            ("a$/b", "a$/b"),
            ("$1x", "x"),
            ("a\\", "a"),
            ("$unknown/x", "\u{fffc}/x"),
            ("${unknown:-w}", "\u{fffc}"),
            ("${path#$unknown}", "\u{fffc}"),
            ("<<x", "<<x"),
        ] {
            assert_eq!(expand(word, '\\', &lookup).as_deref(), Ok(expect), "{word}");
        }
        assert_eq!(expand("`$a", '`', &lookup).as_deref(), Ok("$a"));
    }

    #[test]
    fn broken_words() {
        for word in [
            "${a",
            "${}",
            "${a:",
            "${a:-x",
            "${a!b}",
            "${no:?}",
            "${no?say}",
            "'x",
            "\"x",
            "${a/b",
            "${a/b}",
            "${a:#b}",
            "${a#\\b}",
            "${a:=b}",
        ] {
            assert!(expand(word, '\\', &lookup).is_err(), "{word}");
        }
    }

    #[test]
    fn what_grows_without_end_is_refused() {
        let deep = format!("{}x{}", "${no:-".repeat(100_000), "}".repeat(100_000));
        let long = "$long".repeat(100);
        let lookup = |name: &str| if name == "long" { Lookup::Known("x".repeat(1 << 17)) } else { Lookup::Unset };
        for (word, expect) in [
            (deep.as_str(), Err("more than 100 substitutions are within one another".to_owned())),
            (&long, Err("a word is longer than 4 MiB after substitution".to_owned())),
            (&format!("${{long//x/{}}}", "y".repeat(1000)), Ok(UNKNOWN.to_string())),
        ] {
            assert_eq!(expand(word, '\\', &lookup), expect);
        }
    }

    #[test]
    fn words_with_quotes() {
        for (text, expect) in [
            (" a  'b c' \"d \\\" e\" f\\ g ", &["a", "'b c'", "\"d \\\" e\"", "f\\ g"][..]),
            ("a='x y'b c=", &["a='x y'b", "c="]),
            ("a='\\' b", &["a='\\'", "b"]),
            ("a=\"x y", &["a=\"x y"]),
            ("a\\", &["a"]),
            ("a\\\"b c", &["a\\\"b", "c"]),
        ] {
            assert_eq!(quoted(text, '\\'), expect, "{text}");
        }
    }

    #[test]
    fn words_for_heredocs() {
        for (text, expect) in [
            ("RUN cat << EOF >x", &["RUN", "cat", "<< EOF", ">x"][..]),
            ("RUN cat <<\"E F\" $y", &["RUN", "cat", "<<\"E F\"", "$y"]),
            ("a <<E${x:-b} c", &["a", "${x:-b}", "c"]),
            ("a 'b", &[]),
        ] {
            assert_eq!(raw(text), expect, "{text}");
        }
    }

    #[test]
    fn names_that_are_mentioned() {
        assert_eq!(mentioned("$a ${b:-$c_1} $$d \\$e $ ${").collect::<Vec<_>>(), ["a", "b", "c_1", "d", "e"]);
    }
}
