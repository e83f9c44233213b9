//! Braces, the parts of a pattern, and whether a pattern is well written.

/// Most alternatives of one pattern; a brace beyond them stands for itself.
const ALTERNATIVES: usize = 1024;

/// The parts of a pattern that mean something: not empty ones, not `.`, and not those at the end that are nothing but stars.
pub(super) fn parts(pattern: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    while parts.last().is_some_and(|last| last.bytes().all(|byte| byte == b'*')) {
        parts.pop();
    }
    parts
}

/// What is wrong with a pattern, by doublestar's rules: classes, braces and escapes must be closed.
pub fn check(pattern: &str) -> Result<(), &'static str> {
    let mut depth = 0;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next().is_none() => return Err("a `\\` at its end escapes nothing"),
            '[' => check_class(&mut chars)?,
            '{' => depth += 1,
            // Without a `{` it stands for itself.
            '}' if depth > 0 => depth -= 1,
            _ => {}
        }
    }
    if depth > 0 { Err("a `{` has no `}`; write `\\\\{` for the character itself") } else { Ok(()) }
}

fn check_class(chars: &mut std::str::Chars<'_>) -> Result<(), &'static str> {
    const OPEN: &str = "a `[` has no `]`; write `\\\\[` for the character itself";
    let mut rest = chars.as_str();
    rest = rest.strip_prefix(['!', '^']).unwrap_or(rest);
    if rest.starts_with(']') {
        return Err("a class `[]` has no characters");
    }
    *chars = rest.chars();
    loop {
        match chars.next().ok_or(OPEN)? {
            ']' => return Ok(()),
            '\\' => drop(chars.next().ok_or(OPEN)?),
            _ => {}
        }
    }
}

/// Expands `{a,b}`, also nested; an unclosed brace stands for itself, as do all where there are too many alternatives.
pub(super) fn alternatives(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut pending = vec![(String::new(), pattern.to_owned())];
    while let Some((before, rest)) = pending.pop() {
        if done.len() + pending.len() > ALTERNATIVES {
            return vec![pattern.to_owned()];
        }
        match braces(&rest) {
            None => done.push(before + &rest),
            Some((start, choices, after)) => {
                pending.extend(choices.into_iter().rev().map(|choice| (before.clone() + start, format!("{choice}{after}"))));
            }
        }
    }
    done
}

/// The first closed brace of a pattern: what is before it, its choices, what is after it.
fn braces(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let open = pattern.char_indices().scan(false, |escaped, (at, c)| {
        let is_open = c == '{' && !*escaped;
        *escaped = c == '\\' && !*escaped;
        Some((at, is_open))
    });
    let open = open.filter(|(_, is_open)| *is_open).map(|(at, _)| at).next()?;
    let (mut depth, mut start, mut choices) = (0, open + 1, Vec::new());
    let mut escaped = false;
    for (at, c) in pattern[open..].char_indices().map(|(at, c)| (at + open, c)) {
        match c {
            _ if std::mem::take(&mut escaped) => {}
            '\\' => escaped = true,
            '{' => depth += 1,
            ',' if depth == 1 => {
                choices.push(&pattern[start..at]);
                start = at + 1;
            }
            '}' if depth == 1 => {
                choices.push(&pattern[start..at]);
                return Some((&pattern[..open], choices, &pattern[at + 1..]));
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}
