//! The path patterns of git mappings, as werf has them: a pattern is a path or a doublestar glob, and matches a file or a whole
//! directory. `*` and `?` stay within one part of a path, `**` spans parts, `[a-z]` and `[!a-z]` are classes, `{a,b}` alternatives.

/// A set of patterns; a path matches if any of them does.
#[derive(Clone, Debug, Default)]
pub struct Globs(Vec<Vec<Part>>);

#[derive(Clone, Debug)]
enum Part {
    /// `**`
    Any,
    /// `*`
    One,
    Literal(String),
    /// `*` and a literal, such as `*.md`
    Suffix(String),
    Glob(Vec<char>),
}

impl Globs {
    /// Compiles patterns. A leading `/` or `./` and a trailing `/` mean nothing; an empty pattern or `.` matches everything.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Self {
        Globs(patterns.iter().flat_map(|pattern| alternatives(pattern.as_ref())).map(|pattern| parts(&pattern)).collect())
    }

    /// Whether there is no pattern at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a pattern matches this path or a directory above it. The path is relative, with `/` between its parts.
    pub fn matches(&self, path: &str) -> bool {
        self.0.iter().any(|parts| matches(parts, path))
    }
}

fn parts(pattern: &str) -> Vec<Part> {
    let part = |text: &str| match text {
        "**" => Part::Any,
        "*" => Part::One,
        text if text.starts_with('*') && !text[1..].contains(['*', '?', '[', '\\']) => Part::Suffix(text[1..].to_owned()),
        text if text.contains(['*', '?', '[', '\\']) => Part::Glob(text.chars().collect()),
        text => Part::Literal(text.to_owned()),
    };
    pattern.split('/').filter(|text| !text.is_empty() && *text != ".").map(part).collect()
}

/// Expands `{a,b}`, also nested; an unclosed brace stands for itself.
fn alternatives(pattern: &str) -> Vec<String> {
    let Some(open) = pattern.find('{') else { return vec![pattern.to_owned()] };
    let (mut depth, mut start, mut choices) = (0, open + 1, Vec::new());
    for (at, c) in pattern[open..].char_indices().map(|(at, c)| (at + open, c)) {
        match c {
            '{' => depth += 1,
            ',' if depth == 1 => {
                choices.push(&pattern[start..at]);
                start = at + 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    choices.push(&pattern[start..at]);
                    let (before, after) = (&pattern[..open], &pattern[at + 1..]);
                    return choices.iter().flat_map(|choice| alternatives(&format!("{before}{choice}{after}"))).collect();
                }
            }
            _ => {}
        }
    }
    vec![pattern.to_owned()]
}

fn matches(parts: &[Part], path: &str) -> bool {
    let Some((first, rest)) = parts.split_first() else { return true };
    if path.is_empty() {
        return parts.iter().all(|part| matches!(part, Part::Any));
    }
    let (head, tail) = path.split_once('/').unwrap_or((path, ""));
    match first {
        // `**` before the last part of a pattern: whether some part of the path fits is one look at each.
        Part::Any => match rest {
            [] => true,
            rest => matches(rest, path) || matches(parts, tail),
        },
        Part::One => matches(rest, tail),
        Part::Literal(text) => text == head && matches(rest, tail),
        Part::Suffix(text) => head.ends_with(text.as_str()) && matches(rest, tail),
        Part::Glob(glob) => matches_part(glob, head) && matches(rest, tail),
    }
}

/// Matches one part of a path by the usual backtracking over the last `*`.
pub(crate) fn matches_part(glob: &[char], text: &str) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = text[t..].chars().next() {
        let step = match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(&glob[g..], c),
            Some('\\') if g + 1 < glob.len() => (glob[g + 1] == c).then_some(2),
            Some(literal) => (*literal == c).then_some(1),
            None => None,
        };
        match (step, star) {
            (Some(length), _) => {
                g += length;
                t += c.len_utf8();
            }
            (None, Some((at, from))) => {
                let next = from + text[from..].chars().next().map_or(1, char::len_utf8);
                star = Some((at, next));
                (g, t) = (at + 1, next);
            }
            (None, None) => return false,
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

/// The length of the class at the start of `glob` if it holds `c`. An unclosed class is a literal `[`.
fn class(glob: &[char], c: char) -> Option<usize> {
    let negated = matches!(glob.get(1), Some('!' | '^'));
    let start = if negated { 2 } else { 1 };
    let Some(end) = (start + 1..glob.len()).find(|at| glob[*at] == ']') else { return (c == '[').then_some(1) };
    let (mut at, mut found) = (start, false);
    while at < end {
        let (low, high, next) =
            if at + 2 < end && glob[at + 1] == '-' { (glob[at], glob[at + 2], at + 3) } else { (glob[at], glob[at], at + 1) };
        found |= low <= c && c <= high;
        at = next;
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for (pattern, path, expect) in [
            ("src", "src/a.js", true),
            ("src/", "src/a/b.js", true),
            ("/src", "src/a.js", true),
            ("./src", "src/a.js", true),
            ("src", "srcs/a.js", false),
            ("src", "lib/src", false),
            ("", "anything/at/all", true),
            (".", "anything", true),
            ("**", "a/b/c", true),
            ("**/*", "a", true),
            ("*.js", "a.js", true),
            ("*.js", "src/a.js", false),
            ("*.js", "dir.js/inner.txt", true),
            ("**/*.js", "a.js", true),
            ("**/*.js", "x/y/a.js", true),
            ("**/*.js", "x/y/a.jsx", false),
            ("src/**/test", "src/test/a", true),
            ("src/**/test", "src/x/y/test/a", true),
            ("src/**/test", "src/x/y/tests/a", false),
            ("src/**", "src/a", true),
            ("src/*/c", "src/a/b/c", false),
            ("package*.json", "package-lock.json", true),
            ("package*.json", "package.json", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("a[b-d]e", "ace", true),
            ("a[!b-d]e", "ace", false),
            ("a[^x]e", "ace", true),
            ("a[bc", "a[bc", true),
            ("{src,lib}/*.{js,ts}", "lib/a.ts", true),
            ("{src,lib}/*.{js,ts}", "lib/a.rs", false),
            ("{a,b{c,d}}", "bd", true),
            ("{a", "{a", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("ä*", "äö", true),
            ("yarn.lock/x", "yarn.lock", false),
        ] {
            assert_eq!(Globs::new(&[pattern]).matches(path), expect, "{pattern} ~ {path}");
        }
    }

    #[test]
    fn any_of_several() {
        let globs = Globs::new(&["a", "b"]);
        assert!(globs.matches("a/x") && globs.matches("b") && !globs.matches("c"));
        assert!(!Globs::default().matches("a"));
    }
}
