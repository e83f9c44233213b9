//! Puts other content into the scalars of a YAML text and leaves the rest as it is: keys, comments, order, anchors, aliases, indentation.

use base64::Engine as _;

use crate::yaml::{self, Scalar, Style};

/// What a scalar gets.
pub(super) enum Content {
    /// Text.
    Text(String),
    /// Bytes that are no text.
    Binary(Vec<u8>),
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Content::Binary(error.into_bytes()), Content::Text)
    }
}

/// The text with these scalars, in the order of the text, changed. Types go: what is written is a string.
pub(super) fn replaced<'s>(text: &str, changes: impl IntoIterator<Item = (&'s Scalar, Content)>) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for (scalar, content) in changes {
        out.push_str(&text[from..scalar.node.span.start]);
        from = write(&mut out, text, scalar, &content);
    }
    out.push_str(&text[from..]);
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Writes one scalar; gives the place behind what it stands for.
fn write(out: &mut String, text: &str, scalar: &Scalar, content: &Content) -> usize {
    let span = scalar.node.span.clone();
    // a block scalar may begin below its key without indentation, others may not
    let line = &text[text[..span.start].rfind('\n').map_or(0, |newline| newline + 1)..span.start];
    if matches!(scalar.node.style, Style::Literal | Style::Folded) && line.trim().is_empty() && span.start > 0 {
        out.push_str("  ");
    }
    if let Some(anchor) = &scalar.anchor {
        out.push_str(&format!("&{anchor} "));
    }
    let literal = match content {
        Content::Text(content) if !scalar.in_flow => literal(content, column(text, span.start) + 2),
        _ => None,
    };
    let written = &text[span.clone()];
    let (comment, breaks, end) = match scalar.node.style {
        Style::Literal | Style::Folded => {
            let header = written.lines().next().unwrap_or_default();
            let breaks = &written[written.trim_end_matches('\n').len()..];
            (header.find(" #").map_or("", |at| &header[at..]), breaks, span.end)
        }
        // what follows the value on its line follows the indicator of a literal one
        _ if literal.is_some() => {
            let rest = text[span.end..].split('\n').next().unwrap_or_default();
            (rest, "", span.end + rest.len())
        }
        _ => ("", "", span.end),
    };
    match (literal, content) {
        (Some((indicator, body)), _) => {
            let space = if comment.starts_with('#') { " " } else { "" };
            out.push_str(&format!("{indicator}{space}{}\n{body}", comment.trim_end()));
        }
        (None, Content::Text(content)) => out.push_str(&format!("{}{}", yaml::emit_line(content, scalar.in_flow), comment.trim_end())),
        (None, Content::Binary(bytes)) => {
            let base_64 = base64::engine::general_purpose::STANDARD.encode(bytes);
            out.push_str(&format!("!!binary {base_64}{}", comment.trim_end()));
        }
    }
    out.push_str(breaks);
    // what was quoted may have a comment at its heel, what is plain may not
    if text[end..].starts_with('#') {
        out.push(' ');
    }
    end
}

/// The column of the innermost entry, of a mapping or a sequence, that begins on the line of this place.
fn column(text: &str, at: usize) -> usize {
    let line = &text[text[..at].rfind('\n').map_or(0, |newline| newline + 1)..at];
    let mut rest = line.trim_start_matches(' ');
    while let Some(inner) = ["- ", "? ", ": "].iter().find_map(|indicator| rest.strip_prefix(indicator)) {
        rest = inner.trim_start_matches(' ');
    }
    line.chars().count() - rest.chars().count()
}

/// Text of several lines as a literal scalar: its indicator, and its lines with so many spaces before them. `None` for text that would
/// read otherwise.
fn literal(text: &str, indent: usize) -> Option<(&'static str, String)> {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    let is_plain = |letter: char| {
        let is_break = matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}');
        matches!(letter, '\n' | '\t') || !(letter.is_control() || is_break || matches!(letter, '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
    };
    let fits = lines.contains('\n') && !lines.starts_with([' ', '\t', '\n']) && !lines.ends_with([' ', '\t', '\n']);
    if !fits || !text.chars().all(is_plain) {
        return None;
    }
    let pad = " ".repeat(indent);
    let body: Vec<String> = lines.split('\n').map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") }).collect();
    Some((if text.ends_with('\n') { "|" } else { "|-" }, body.join("\n")))
}
