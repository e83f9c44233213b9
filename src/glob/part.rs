//! One part of a pattern against one name.

/// What one part of a path must be.
#[derive(Debug)]
pub(super) enum Part {
    /// `**`
    Any,
    /// `*`
    One,
    Literal(String),
    /// `*` and a literal, such as `*.md`
    Suffix(String),
    Glob(Vec<char>),
}

impl Part {
    /// Compiles one part of a pattern.
    pub fn new(text: &str) -> Self {
        const SPECIAL: [char; 4] = ['*', '?', '[', '\\'];
        match text {
            "**" => Part::Any,
            "*" => Part::One,
            text if text.starts_with('*') && !text[1..].contains(SPECIAL) => Part::Suffix(text[1..].to_owned()),
            text if text.contains(SPECIAL) => Part::Glob(text.chars().collect()),
            text => Part::Literal(text.to_owned()),
        }
    }

    /// Whether it fits one name; `**` fits any.
    pub fn fits(&self, name: &str) -> bool {
        match self {
            Part::Any | Part::One => true,
            Part::Literal(text) => text == name,
            Part::Suffix(text) => name.ends_with(text.as_str()),
            Part::Glob(glob) => matches_part(glob, name),
        }
    }

    /// What every name that it fits begins with; often nothing.
    pub fn prefix(&self) -> String {
        match self {
            Part::Any | Part::One | Part::Suffix(_) => String::new(),
            Part::Literal(text) => text.clone(),
            Part::Glob(glob) => glob.iter().take_while(|c| !matches!(c, '*' | '?' | '[' | '\\')).collect(),
        }
    }

    /// What every name that it fits ends with; often nothing.
    pub fn suffix(&self) -> String {
        match self {
            Part::Any | Part::One => String::new(),
            Part::Literal(text) | Part::Suffix(text) => text.clone(),
            Part::Glob(glob) => {
                let end = glob.iter().rposition(|c| matches!(c, '*' | '?' | ']' | '\\')).map_or(0, |at| at + 1);
                // The character after a backslash stands for itself, and so does a backslash after one.
                let end = if end > 0 && glob[end - 1] == '\\' { (end + 1).min(glob.len()) } else { end };
                glob[end..].iter().collect()
            }
        }
    }
}

/// Matches one part of a path by the usual backtracking over the last `*`.
pub fn matches_part(glob: &[char], text: &str) -> bool {
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

/// The length of the class at the start of `glob` if it holds `c`. An unclosed class is a literal `[`; `\` escapes in it.
fn class(glob: &[char], c: char) -> Option<usize> {
    let negated = matches!(glob.get(1), Some('!' | '^'));
    let start = if negated { 2 } else { 1 };
    let unclosed = (c == '[').then_some(1);
    let (mut at, mut found) = (start, false);
    loop {
        let Some((low, next)) = class_char(glob, at) else { return unclosed };
        at = next;
        let mut high = low;
        if glob.get(at) == Some(&'-') && glob.get(at + 1).is_some_and(|end| *end != ']') {
            let Some((end, next)) = class_char(glob, at + 1) else { return unclosed };
            (high, at) = (end, next);
        }
        found |= low <= c && c <= high;
        if glob.get(at) == Some(&']') {
            return (found != negated).then_some(at + 1);
        }
    }
}

/// One character of a class, and where the next one is.
fn class_char(glob: &[char], at: usize) -> Option<(char, usize)> {
    match *glob.get(at)? {
        '\\' => Some((*glob.get(at + 1)?, at + 2)),
        c => Some((c, at + 1)),
    }
}
