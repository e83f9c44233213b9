//! The two pattern languages of a chart: Go's path patterns (`.helmignore`, `--show-only`) and the globs of `.Files.Glob`.

use regex::Regex;

/// A pattern that does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// A path pattern: `*` and `?` stop at `/`, `[a-z]` and `[^a-z]` are classes, `\` quotes.
#[derive(Debug)]
pub struct PathPattern(Vec<Item>);

impl PathPattern {
    /// Parses a pattern to its end.
    pub fn parse(pattern: &str) -> Result<Self, BadPattern> {
        path_items(pattern).map(PathPattern)
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        let (mut left, mut items, mut retry) = (name.chars(), self.0.as_slice(), None);
        loop {
            match items.split_first() {
                Some((Item::Star, after)) => {
                    retry = Some((left.clone(), after));
                    items = after;
                    continue;
                }
                Some((one, after)) if left.clone().next().is_some_and(|letter| one.accepts(letter)) => {
                    left.next();
                    items = after;
                    continue;
                }
                None if left.as_str().is_empty() => return true,
                _ => {}
            }
            // The star takes one letter more.
            let Some((from, after)) = &mut retry else { return false };
            if matches!(from.next(), None | Some('/')) {
                return false;
            }
            (left, items) = (from.clone(), *after);
        }
    }
}

#[derive(Debug)]
enum Item {
    Star,
    Any,
    Letter(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Item {
    fn accepts(&self, letter: char) -> bool {
        match self {
            Item::Star => false,
            Item::Any => letter != '/',
            Item::Letter(own) => *own == letter,
            Item::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&letter)) != *negated,
        }
    }
}

fn path_items(pattern: &str) -> Result<Vec<Item>, BadPattern> {
    let mut letters = pattern.chars().peekable();
    let mut items = Vec::new();
    while let Some(letter) = letters.next() {
        items.push(match letter {
            '*' if matches!(items.last(), Some(Item::Star)) => continue,
            '*' => Item::Star,
            '?' => Item::Any,
            '\\' => Item::Letter(letters.next().ok_or(BadPattern)?),
            '[' => {
                let negated = letters.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                let one = |letters: &mut std::iter::Peekable<std::str::Chars<'_>>| match letters.next() {
                    None | Some('-' | ']') => Err(BadPattern),
                    Some('\\') => letters.next().ok_or(BadPattern),
                    Some(letter) => Ok(letter),
                };
                while ranges.is_empty() || letters.next_if_eq(&']').is_none() {
                    let low = one(&mut letters)?;
                    let high = if letters.next_if_eq(&'-').is_some() { one(&mut letters)? } else { low };
                    ranges.push((low, high));
                }
                Item::Class { negated, ranges }
            }
            other => Item::Letter(other),
        });
    }
    Ok(items)
}

/// Compiles a pattern of `.Files.Glob`: `*` and `?` stop at `/`, `**` does not, `[abc]`, `[!a-z]`, `{one,two}`, `\` quotes.
///
/// A pattern that does not parse matches every file, as in Helm.
pub fn file_glob(pattern: &str) -> Regex {
    let everything = || Regex::new("(?s)^.*$").unwrap_or_else(|error| unreachable!("a constant: {error}"));
    glob_expression(pattern).ok().and_then(|expression| Regex::new(&expression).ok()).unwrap_or_else(everything)
}

fn glob_expression(pattern: &str) -> Result<String, BadPattern> {
    let mut out = String::from("(?s)^");
    let mut letters = pattern.chars().peekable();
    let mut depth = 0usize;
    let literal = |out: &mut String, letter: char| out.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4])));
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.next_if_eq(&'*').is_some() => out.push_str(".*"),
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            ',' if depth > 0 => out.push('|'),
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            '\\' => letters.next().into_iter().for_each(|letter| literal(&mut out, letter)),
            '[' => glob_class(&mut letters, &mut out)?,
            other => literal(&mut out, other),
        }
    }
    out.push_str(&")".repeat(depth));
    out.push('$');
    Ok(out)
}

fn glob_class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Result<(), BadPattern> {
    out.push('[');
    if letters.next_if_eq(&'!').is_some() {
        out.push('^');
    }
    let mut inside = Vec::new();
    loop {
        match letters.next().ok_or(BadPattern)? {
            ']' if !inside.is_empty() => break,
            ']' => return Err(BadPattern),
            '\\' => inside.push(letters.next().ok_or(BadPattern)?),
            letter => inside.push(letter),
        }
    }
    let escape = |letter: char| format!("\\x{{{:x}}}", letter as u32);
    match inside[..] {
        [low, '-', high] if low <= high => out.push_str(&format!("{}-{}", escape(low), escape(high))),
        [_, '-', _] => return Err(BadPattern),
        _ => inside.iter().for_each(|&letter| out.push_str(&escape(letter))),
    }
    out.push(']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_patterns() {
        let cases: &[(&str, &str, bool)] = &[
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[^e-g]", "abc", true),
            ("ab[^b-d]", "abc", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("*x", "xxx", true),
            ("a?b", "a/b", false),
            ("", "", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(PathPattern::parse(pattern).unwrap().matches(name), *expected, "{pattern} on {name}");
        }
        for bad in ["[]a]", "[-]", "[x-]", "[", "[^", "[^bc", "a[", "a\\", "[-x]"] {
            assert_eq!(PathPattern::parse(bad).err(), Some(BadPattern), "{bad}");
        }
    }

    #[test]
    fn file_globs() {
        let cases: &[(&str, &str, bool)] = &[
            ("files/*", "files/a.txt", true),
            ("files/*", "files/sub/a.txt", false),
            ("files/**", "files/sub/a.txt", true),
            ("**.yaml", "a/b/c.yaml", true),
            ("**/c.yaml", "a/b/c.yaml", true),
            ("**/c.yaml", "c.yaml", false),
            ("{a,b}.txt", "b.txt", true),
            ("{a,b/*}.txt", "b/c.txt", true),
            ("[ab].txt", "a.txt", true),
            ("[!ab].txt", "a.txt", false),
            ("[a-c].txt", "b.txt", true),
            ("?.txt", "/.txt", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("[", "anything/at/all", true),
            ("a.b", "axb", false),
            ("", "", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(file_glob(pattern).is_match(name), *expected, "{pattern} on {name}");
        }
    }
}
