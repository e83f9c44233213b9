//! Lays out a diagnostic: message, causes, labelled source lines, help, then the related problems.
//!
//! ```text
//! error: image `api` imports from unknown image `bsae`
//!    ╭─[werf.yaml:14:12]
//! 14 │   - from: bsae
//!    ·           ──┬─ no such image in this file
//! help: did you mean `base`? Images here: `base`, `web`
//! ```

use std::borrow::Cow;
use std::fmt::Write as _;

use miette::{Diagnostic, LabeledSpan, Severity, SourceCode};
use unicode_width::UnicodeWidthStr;

use super::line::{printable, visible};
use super::style::{Style, Tone};

/// The whole text of a diagnostic, ending in a newline.
pub fn render(diagnostic: &dyn Diagnostic, style: Style) -> String {
    let mut out = String::new();
    write(&mut out, diagnostic, None, style);
    out
}

fn write(out: &mut String, diagnostic: &dyn Diagnostic, inherited: Option<&dyn SourceCode>, style: Style) {
    let (tone, word) = match diagnostic.severity() {
        Some(Severity::Warning) => (Tone::Warn, "warning"),
        Some(Severity::Advice) => (Tone::Note, "note"),
        _ => (Tone::Bad, "error"),
    };
    let message = safe(&diagnostic.to_string());
    let _ = writeln!(out, "{} {}", style.paint(tone, format_args!("{word}:")), message);
    write_causes(out, diagnostic, &message, style);
    let source = diagnostic.source_code().or(inherited);
    // a cause may know the place and the way out better than what it led to
    let chain = || std::iter::successors(Some(diagnostic), |diagnostic| diagnostic.diagnostic_source());
    let place = chain().find_map(|diagnostic| Some((diagnostic.source_code().or(source)?, diagnostic.labels()?)));
    if let Some((source, labels)) = place {
        write_excerpt(out, source, labels.collect(), style);
    }
    // whatever was to be done there, nothing else helps
    let help = match is_disk_full(diagnostic) {
        true => Some(DISK_FULL.to_owned()),
        false => chain().find_map(|diagnostic| diagnostic.help()).map(|help| safe(&help.to_string())),
    };
    if let Some(help) = help {
        let _ = writeln!(out, "{} {help}", style.paint(Tone::Note, "help:"));
    }
    for related in diagnostic.related().into_iter().flatten() {
        out.push('\n');
        write(out, related, source, style);
    }
}

/// What to do about a full disk.
const DISK_FULL: &str = "the disk is full there (`df -h` shows how much is left): free space, then run the same command again";

/// Whether something could not be written for want of space, here or at the builder: by the system's own words, as causes may be of any type.
fn is_disk_full(diagnostic: &dyn Diagnostic) -> bool {
    const WORDS: [&str; 2] = ["no space left on device", "disk quota exceeded"];
    let says = |text: String| WORDS.iter().any(|words| text.to_ascii_lowercase().contains(words));
    let causes = std::iter::successors(diagnostic.source(), |cause| cause.source());
    says(diagnostic.to_string()) || causes.into_iter().any(|cause| says(cause.to_string()))
}

/// Text that may quote others, logs of containers and servers' answers, without what would steer the terminal.
fn safe(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// The chain of causes; one that the message above repeats already is left out.
fn write_causes(out: &mut String, diagnostic: &dyn Diagnostic, message: &str, style: Style) {
    let mut above = message.to_owned();
    let mut cause = diagnostic.source();
    while let Some(error) = cause {
        let text = safe(&error.to_string());
        if !above.contains(&text) {
            let text = text.replace('\n', "\n    ");
            let _ = writeln!(out, "  {} {text}", style.paint(Tone::Dim, "because:"));
        }
        above = text;
        cause = error.source();
    }
}

struct Mark {
    name: Option<String>,
    line: usize,
    column: usize,
    text: String,
    underline: (usize, usize),
    label: Option<String>,
}

/// Each labelled line once, in order, with its marks below it.
fn write_excerpt(out: &mut String, source: &dyn SourceCode, mut labels: Vec<LabeledSpan>, style: Style) {
    labels.sort_by_key(LabeledSpan::offset);
    let marks: Vec<Mark> = labels.iter().filter_map(|label| mark(source, label)).collect();
    // a mark without width and label only shows its line, for what stands around the others
    let is_context = |mark: &Mark| mark.label.is_none() && mark.underline.1 == 0;
    let Some(first) = marks.iter().find(|mark| !is_context(mark)) else { return };
    let gutter = marks.iter().map(|mark| mark.line.to_string().len()).max().unwrap_or(1);
    let pad = " ".repeat(gutter);
    let place = format!("{}:{}:{}", first.name.as_deref().unwrap_or("input"), first.line, first.column);
    let _ = writeln!(out, "{pad} {}", style.paint(Tone::Dim, format_args!("╭─[{place}]")));
    let mut shown = None;
    for mark in &marks {
        if shown != Some(mark.line) {
            if shown.is_some_and(|line| mark.line > line + 1) {
                let _ = writeln!(out, "{pad} {}", style.paint(Tone::Dim, "⋮"));
            }
            let number = style.paint(Tone::Dim, format_args!("{:>gutter$} │", mark.line));
            let _ = writeln!(out, "{number} {}", mark.text);
            shown = Some(mark.line);
        }
        if is_context(mark) {
            continue;
        }
        let (indent, width) = mark.underline;
        let line = format!("{}┬{}", "─".repeat(width / 2), "─".repeat(width - width / 2 - 1));
        let label = mark.label.as_deref().map(|label| format!(" {label}")).unwrap_or_default();
        let _ = writeln!(out, "{pad} {} {}{}", style.paint(Tone::Dim, "·"), " ".repeat(indent), style.paint(Tone::Bad, line + &label));
    }
}

fn mark(source: &dyn SourceCode, label: &LabeledSpan) -> Option<Mark> {
    // one line of context on both sides: with none, miette cuts the text at the span itself
    let contents = source.read_span(label.inner(), 1, 1).ok()?;
    let text = String::from_utf8_lossy(contents.data());
    let offset = label.offset().saturating_sub(contents.span().offset()).min(text.len());
    let line_start = text.get(..offset)?.rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let start = (offset - line_start).min(line.len());
    let end = (start + label.len()).min(line.len());
    let column = line.get(..start).unwrap_or_default().chars().count() + 1;
    let (line, start, end) = around(line, start, end);
    let line = &*line;
    let before = line.get(..start).unwrap_or_default();
    let marked = line.get(start..end).unwrap_or_default();
    Some(Mark {
        name: contents.name().map(visible),
        line: contents.line() + 1 + text[..line_start].matches('\n').count(),
        column,
        text: printable(&untabbed(line)).trim_end().to_owned(),
        underline: (untabbed(before).width(), if label.is_empty() && label.label().is_none() { 0 } else { marked.width().max(1) }),
        label: label.label().map(visible),
    })
}

/// From this length on only a part of a line is shown, and how much of it before and behind the place.
const LONG_LINE: usize = 1000;
const AROUND: usize = 200;

/// A line and the place in it; of a very long one what stands around the place.
fn around(line: &str, start: usize, end: usize) -> (Cow<'_, str>, usize, usize) {
    if line.len() < LONG_LINE {
        return (line.into(), start, end);
    }
    let is_whole = |at: &usize| line.is_char_boundary(*at);
    let from = (0..=start.saturating_sub(AROUND)).rev().find(is_whole).unwrap_or(0);
    let to = (end.min(start + AROUND) + AROUND..line.len()).find(is_whole).unwrap_or(line.len());
    let (head, tail) = (if from > 0 { "… " } else { "" }, if to < line.len() { " …" } else { "" });
    let shown = format!("{head}{}{tail}", &line[from..to]);
    let moved = |at: usize| (at.min(to) - from + head.len()).min(shown.len());
    let (start, end) = (moved(start), moved(end));
    (shown.into(), start, end)
}

fn untabbed(text: &str) -> String {
    text.replace('\t', "    ")
}

#[cfg(test)]
mod tests {
    use miette::NamedSource;

    use super::*;

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("image `api` imports from unknown image `bsae`")]
    struct Unknown {
        #[source_code]
        source_code: NamedSource<String>,
        #[label("no such image in this file")]
        at: miette::SourceSpan,
        #[help]
        help: String,
    }

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("cannot begin")]
    struct Outer {
        #[source]
        #[diagnostic_source]
        cause: Unknown,
    }

    #[test]
    fn a_cause_brings_its_place_and_help_where_there_is_none_nearer() {
        let cause = Unknown { source_code: NamedSource::new("a", "b\n".into()), at: (0, 1).into(), help: "look".into() };
        let expected = "\
error: cannot begin
  because: image `api` imports from unknown image `bsae`
  ╭─[a:1:1]
1 │ b
  · ┬ no such image in this file
help: look
";
        assert_eq!(render(&Outer { cause }, Style::new(false)), expected);
    }

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("cannot write `a`")]
    #[diagnostic(help("make the directory writable"))]
    struct Unwritten {
        #[source]
        cause: std::sync::Arc<std::io::Error>,
    }

    #[test]
    fn a_name_of_a_file_does_not_steer_the_terminal() {
        let name = "a\u{1b}]0;taken\u{7}\n\u{9b}2J.yaml";
        let cause = Unknown { source_code: NamedSource::new(name, "b\n".into()), at: (0, 1).into(), help: "look\u{1b}[2J".into() };
        let text = render(&Outer { cause }, Style::new(false));
        assert!(
            text.contains(r"╭─[a\u{1b}]0;taken\u{7}\n\u{9b}2J.yaml:1:1]") && !text.contains(|c: char| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }

    #[test]
    fn a_full_disk_is_told_as_one() {
        let print = |code| render(&Unwritten { cause: std::io::Error::from_raw_os_error(code).into() }, Style::new(false));
        let help = "the disk is full there (`df -h` shows how much is left): free space, then run the same command again";
        assert_eq!(print(28), format!("error: cannot write `a`\n  because: No space left on device (os error 28)\nhelp: {help}\n"));
        assert!(print(122).ends_with(&format!("help: {help}\n")), "a quota");
        let denied = "error: cannot write `a`\n  because: Permission denied (os error 13)\nhelp: make the directory writable\n";
        assert_eq!(print(13), denied);
    }

    #[test]
    fn of_a_very_long_line_the_place_is_shown() {
        let text = format!("{}é x {}", "a".repeat(5000), "b".repeat(5000));
        let at = text.find("x ").expect("the word stands there");
        let error = Unknown { source_code: NamedSource::new("a", text), at: (at, 1).into(), help: "look".into() };
        let expected = format!(
            "error: image `api` imports from unknown image `bsae`\n  ╭─[a:1:5003]\n1 │ … {}é x {} …\n  · {}┬ no such image in this file\nhelp: look\n",
            "a".repeat(197),
            "b".repeat(199),
            " ".repeat(201),
        );
        assert_eq!(render(&error, Style::new(false)), expected);
    }

    #[test]
    fn lays_out_message_source_line_label_and_help() {
        let text = "image: api\nimport:\n  - from: bsae\n";
        let at = text.find("bsae").expect("the word stands there");
        let error = Unknown {
            source_code: NamedSource::new("werf.yaml", text.to_owned()),
            at: (at, 4).into(),
            help: "did you mean `base`? Images here: `base`, `web`".into(),
        };
        let expected = "\
error: image `api` imports from unknown image `bsae`
  ╭─[werf.yaml:3:11]
3 │   - from: bsae
  ·           ──┬─ no such image in this file
help: did you mean `base`? Images here: `base`, `web`
";
        assert_eq!(render(&error, Style::new(false)), expected);
    }
}
