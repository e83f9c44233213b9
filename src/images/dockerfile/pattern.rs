//! Patterns as Go has them: `filepath.Match`, and what `moby/patternmatcher` makes of the lines of an ignore file.
//!
//! patternmatcher turns a pattern into a regular expression of Go character by character. That is done here too, and the expression is
//! then written for the crate `regex`, so that the odd cases (`**` before a name, a star within a class) mean the same.

use regex::Regex;

/// A pattern of an ignore file.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// This path.
    Exact(String),
    /// Paths that begin so.
    Prefix(String),
    /// Paths that end so, and the path that is this without its leading slash.
    Suffix(String),
    /// Everything else, with a text that every match contains.
    Regex(Regex, String),
}

impl Matcher {
    /// A matcher for a clean pattern, and a text that every path which it matches contains.
    ///
    /// # Errors
    /// A sentence for people: the pattern is malformed.
    pub fn new(pattern: &str) -> Result<(Self, String), String> {
        if !is_well_formed(pattern) {
            return Err(format!("`{pattern}` is no pattern: a `[` without content or end, or a backslash at the end"));
        }
        let (kind, go, literal) = translate(pattern);
        let matcher = match kind {
            Kind::Exact => Matcher::Exact(pattern.to_owned()),
            Kind::Prefix => Matcher::Prefix(pattern[..pattern.len() - 2].to_owned()),
            Kind::Suffix => Matcher::Suffix(pattern[2..].to_owned()),
            Kind::Regex => {
                let regex = rust_of_go(&unescaped(&go)).and_then(|text| Regex::new(&text).ok());
                let unknown = || format!("`{pattern}` is no pattern that Go's regular expressions know");
                Matcher::Regex(regex.ok_or_else(unknown)?, unescaped(&literal).into_owned())
            }
        };
        let needed = match &matcher {
            Matcher::Exact(text) | Matcher::Prefix(text) => text.clone(),
            Matcher::Suffix(text) => text.trim_start_matches('/').to_owned(),
            // An expression takes bytes that are no UTF-8 for one another.
            Matcher::Regex(_, text) if *text != literal => String::new(),
            Matcher::Regex(..) => literal,
        };
        Ok((matcher, needed))
    }

    /// Whether it matches this path itself; directories above it are not looked at.
    pub fn matches(&self, path: &str) -> bool {
        match self {
            Matcher::Exact(text) => path == text,
            Matcher::Prefix(text) => path.starts_with(text.as_str()),
            Matcher::Suffix(text) => path.ends_with(text.as_str()) || text.strip_prefix('/') == Some(path),
            Matcher::Regex(regex, needed) => {
                let path = unescaped(path);
                path.contains(needed.as_str()) && regex.is_match(&path)
            }
        }
    }
}

/// To a regular expression of Go, each byte that is no UTF-8 is a replacement character.
fn unescaped(text: &str) -> std::borrow::Cow<'_, str> {
    let stands_for_byte = |c: char| ('\u{10ff80}'..='\u{10ffff}').contains(&c);
    if !text.contains(stands_for_byte) {
        return text.into();
    }
    text.chars().map(|c| if stands_for_byte(c) { '\u{fffd}' } else { c }).collect::<String>().into()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Exact,
    Prefix,
    Suffix,
    Regex,
}

/// What kind of matcher a pattern needs, the regular expression of Go for it, and the longest literal text of it.
fn translate(pattern: &str) -> (Kind, String, String) {
    let (mut kind, mut out) = (Kind::Exact, String::from("^"));
    let (mut literal, mut run, mut in_class) = (String::new(), String::new(), false);
    let mut chars = pattern.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        let mut plain = false;
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                chars.next_if_eq(&'/');
                if chars.peek().is_some() {
                    out.push_str("(.*/)?");
                    kind = Kind::Regex;
                } else if kind == Kind::Exact {
                    kind = Kind::Prefix;
                } else {
                    out.push_str(".*");
                    kind = Kind::Regex;
                }
                if first {
                    kind = Kind::Suffix;
                }
            }
            '*' | '?' => {
                out.push_str(if c == '*' { "[^/]*" } else { "[^/]" });
                kind = Kind::Regex;
            }
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => {
                out.extend(['\\', c]);
                plain = true;
                run.push(c);
            }
            '\\' => {
                out.push('\\');
                if let Some(next) = chars.next() {
                    out.push(next);
                    kind = Kind::Regex;
                    // What follows may belong to the escape.
                    in_class |= next.is_ascii_alphanumeric();
                }
            }
            '[' | ']' => {
                out.push(c);
                kind = Kind::Regex;
                // Behind the first class nothing is taken for literal: where it ends is a question of the expression.
                in_class = true;
            }
            c => {
                out.push(c);
                plain = true;
                run.push(c);
            }
        }
        if !plain || in_class {
            run.clear();
        }
        if run.len() > literal.len() {
            literal.clone_from(&run);
        }
        first = false;
    }
    out.push('$');
    (kind, out, literal)
}

/// Go's regular expression, of those that [`translate`] makes, in the words of the crate `regex`; `None` where Go refuses it.
fn rust_of_go(go: &str) -> Option<String> {
    let chars: Vec<char> = go.chars().collect();
    let (mut out, mut at) = (String::new(), 0);
    while let Some(c) = chars.get(at).copied() {
        at += 1;
        match c {
            '\\' => {
                let next = *chars.get(at)?;
                at += 1;
                match next {
                    'Q' => {
                        // A quote that nothing ends reaches over the closing `$`.
                        out.push_str(&regex::escape(&chars[at..].iter().collect::<String>()));
                        at = chars.len();
                    }
                    'b' | 'B' => out.push_str(&format!("(?-u:\\{next})")),
                    'A' | 'z' => out.extend(['\\', next]),
                    next => out.push_str(&escaped(next, &chars, &mut at)?),
                }
            }
            '[' => out.push_str(&class(&chars, &mut at)?),
            // What translate made of stars and question marks, and an anchor in the middle, which never matches.
            '^' | '$' | '(' | ')' | '?' | '*' | '.' => out.push(c),
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    Some(out)
}

/// What an escape means, as an expression that may also stand in a class.
fn escaped(next: char, chars: &[char], at: &mut usize) -> Option<String> {
    Some(match next {
        'd' => "[0-9]".into(),
        'D' => "[^0-9]".into(),
        's' => "[\\t\\n\\x0C\\r ]".into(),
        'S' => "[^\\t\\n\\x0C\\r ]".into(),
        'w' => "[0-9A-Za-z_]".into(),
        'W' => "[^0-9A-Za-z_]".into(),
        'p' | 'P' => {
            let end = if chars.get(*at) == Some(&'{') { *at + chars[*at..].iter().position(|c| *c == '}')? } else { *at };
            let name: String = chars.get(*at..=end)?.iter().collect();
            *at = end + 1;
            format!("\\{next}{name}")
        }
        other => code(char_of(other, chars, at)?),
    })
}

/// The character that an escape stands for.
fn char_of(next: char, chars: &[char], at: &mut usize) -> Option<char> {
    Some(match next {
        'a' => '\u{7}',
        'f' => '\u{c}',
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'v' => '\u{b}',
        'x' => {
            let digits: String = if chars.get(*at) == Some(&'{') {
                let end = *at + chars[*at..].iter().position(|c| *c == '}')?;
                let digits = chars[*at + 1..end].iter().collect();
                *at = end + 1;
                digits
            } else {
                let digits = chars.get(*at..*at + 2)?.iter().collect();
                *at += 2;
                digits
            };
            char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
        }
        '0'..='7' if next == '0' || chars.get(*at).is_some_and(|c| ('0'..='7').contains(c)) => {
            let mut digits = String::from(next);
            while digits.len() < 3 && chars.get(*at).is_some_and(|c| ('0'..='7').contains(c)) {
                digits.push(chars[*at]);
                *at += 1;
            }
            char::from_u32(u32::from_str_radix(&digits, 8).ok()?)?
        }
        other if !other.is_ascii_alphanumeric() && other.is_ascii() => other,
        _ => return None,
    })
}

fn code(c: char) -> String {
    format!("\\x{{{:x}}}", u32::from(c))
}

/// A class, after its `[`.
fn class(chars: &[char], at: &mut usize) -> Option<String> {
    let mut out = String::from("[");
    if chars.get(*at) == Some(&'^') {
        out.push('^');
        *at += 1;
    }
    let mut first = true;
    loop {
        let c = *chars.get(*at)?;
        if c == ']' && !first {
            *at += 1;
            return Some(out + "]");
        }
        first = false;
        if c == '[' && chars.get(*at + 1) == Some(&':') {
            let end = chars[*at + 2..].windows(2).position(|two| two == [':', ']']).map(|end| *at + 2 + end);
            if let Some(end) = end {
                let name: String = chars[*at..end + 2].iter().collect();
                out.push_str(&name);
                *at = end + 2;
                continue;
            }
        }
        if c == '\\' && chars.get(*at + 1).is_some_and(|next| matches!(next, 'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P')) {
            *at += 2;
            out.push_str(&escaped(chars[*at - 1], chars, at)?);
            continue;
        }
        let low = one(chars, at)?;
        out.push_str(&code(low));
        if chars.get(*at) == Some(&'-') && chars.get(*at + 1).is_some_and(|next| *next != ']') {
            *at += 1;
            let high = one(chars, at)?;
            if high < low {
                return None;
            }
            out.push('-');
            out.push_str(&code(high));
        }
    }
}

/// One character of a class.
fn one(chars: &[char], at: &mut usize) -> Option<char> {
    let c = *chars.get(*at)?;
    *at += 1;
    if c != '\\' {
        return Some(c);
    }
    let next = *chars.get(*at)?;
    *at += 1;
    char_of(next, chars, at)
}

/// Whether `filepath.Match` would take a pattern.
fn is_well_formed(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let fine = match c {
            '\\' => chars.next().is_some(),
            '[' => class_of(&mut chars).is_some(),
            _ => true,
        };
        if !fine {
            return false;
        }
    }
    true
}

/// A class of `filepath.Match`, after its `[`: whether it is negated, and its ranges.
fn class_of(chars: &mut std::str::Chars<'_>) -> Option<(bool, Vec<(char, char)>)> {
    let negated = chars.as_str().starts_with('^');
    if negated {
        chars.next();
    }
    let one = |chars: &mut std::str::Chars<'_>| match chars.next()? {
        '-' | ']' => None,
        '\\' => chars.next(),
        c => Some(c),
    };
    let mut ranges = Vec::new();
    loop {
        if chars.as_str().starts_with(']') && !ranges.is_empty() {
            chars.next();
            return Some((negated, ranges));
        }
        let low = one(chars)?;
        let high = if chars.as_str().starts_with('-') {
            chars.next();
            one(chars)?
        } else {
            low
        };
        if chars.as_str().is_empty() {
            return None;
        }
        ranges.push((low, high));
    }
}

/// Whether a class of the pattern holds a slash, by which the parts of a path cannot be told apart. A malformed pattern counts.
pub(super) fn class_has_slash(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '[' => match class_of(&mut chars) {
                Some((negated, ranges)) if ranges.iter().any(|(low, high)| (low..=high).contains(&&'/')) == negated => {}
                _ => return true,
            },
            _ => {}
        }
    }
    false
}

enum Token {
    Star,
    Any,
    Char(char),
    Class(bool, Vec<(char, char)>),
}

/// Whether one part of a path is what a pattern of `filepath.Match` means. A malformed pattern matches everything: a build with it
/// fails, or takes more than is known here.
pub(super) fn name_matches(pattern: &str, name: &str) -> bool {
    if !pattern.contains(['*', '?', '[', '\\']) {
        return pattern == name;
    }
    let (mut tokens, mut chars) = (Vec::new(), pattern.chars());
    while let Some(c) = chars.next() {
        let token = match c {
            '*' => Some(Token::Star),
            '?' => Some(Token::Any),
            '\\' => chars.next().map(Token::Char),
            '[' => class_of(&mut chars).map(|(negated, ranges)| Token::Class(negated, ranges)),
            c => Some(Token::Char(c)),
        };
        let Some(token) = token else { return true };
        tokens.push(token);
    }
    let fits = |token: &Token, c: char| match token {
        Token::Star => false,
        Token::Any => true,
        Token::Char(known) => *known == c,
        Token::Class(negated, ranges) => ranges.iter().any(|(low, high)| (low..=high).contains(&&c)) != *negated,
    };
    // The usual way back to the last star, which is enough.
    let name: Vec<char> = name.chars().collect();
    let (mut t, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match tokens.get(t) {
            Some(Token::Star) => {
                star = Some((t, n));
                t += 1;
            }
            Some(token) if fits(token, name[n]) => (t, n) = (t + 1, n + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (t, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    tokens[t..].iter().all(|token| matches!(token, Token::Star))
}

/// A path without leading and trailing `/`, empty parts, `.` and resolvable `..`; `..` never leaves the context.
pub(super) fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (pattern, name, expect) in [
            ("a", "a", true),
            ("a", "b", false),
            ("*.txt", "a.txt", true),
            ("*.txt", ".txt", true),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xbxxa", false),
            ("?", "ä", true),
            ("[a-c]x", "bx", true),
            ("[^a]x", "ax", false),
            ("[!a]", "!", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("[\\]]", "]", true),
            ("[a", "anything", true),
            ("a\\", "anything", true),
            ("**", "ab", true),
        ] {
            assert_eq!(name_matches(pattern, name), expect, "{pattern} ~ {name}");
        }
    }

    #[test]
    fn malformed() {
        for pattern in ["[", "[]", "[]a]", "[a", "[a-]", "[-a]", "[^]", "a\\", "x[a-", "[z-a]", "\\y", "[\\d-z]\\k"] {
            assert!(Matcher::new(pattern).is_err(), "{pattern}");
        }
    }
}
