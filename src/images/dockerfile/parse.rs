//! Text → instructions: directives, comments, continuation lines, flags, heredocs.
//!
//! Follows BuildKit's parser where the language's reference is silent: a line that ends with the escape character and blanks goes
//! on, comments and empty lines within a continued line vanish, a heredoc is a whole shell word `<<NAME`.

use std::sync::Arc;

use miette::NamedSource;

use super::error::{DockerfileError, nearest};
use super::words;

/// A parsed Dockerfile.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// Path for people.
    pub path: String,
    /// The whole text.
    pub text: Arc<str>,
    /// Parser directives such as `syntax`, lower-case, with their values.
    pub directives: Vec<(String, String)>,
    /// The escape character: a backslash, or what the directive `escape` says.
    pub escape: char,
    /// The instructions in order.
    pub instructions: Vec<Instruction>,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction {
    /// Upper-case keyword.
    pub keyword: String,
    /// `--flag[=value]` words before the arguments.
    pub flags: Vec<String>,
    /// Everything after the flags, continuation lines joined.
    pub rest: String,
    /// Heredocs in the order of their marks.
    pub heredocs: Vec<Heredoc>,
    /// 1-based first line.
    pub line: usize,
    /// Bytes of the whole instruction in the text.
    pub span: std::ops::Range<usize>,
}

/// A here-document.
#[derive(Clone, Debug, PartialEq)]
pub struct Heredoc {
    /// Its delimiter, which is also the file's name in COPY and ADD.
    pub name: String,
    /// Its lines, each with its newline.
    pub body: String,
    /// Whether variables in it are substituted: the delimiter has no quotes.
    pub expand: bool,
}

impl Instruction {
    /// The value of `--name=value`, or an empty text for a bare `--name`.
    pub fn flag<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.flag_values(name).next()
    }

    /// The values of a flag that may be repeated.
    pub fn flag_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.flags.iter().filter_map(move |flag| {
            let (known, value) = flag.strip_prefix("--")?.split_once('=').unwrap_or((flag.strip_prefix("--")?, ""));
            (known == name).then_some(value)
        })
    }

    /// What decides the instruction's result as far as its text does: flags, arguments and heredoc bodies.
    pub fn canonical(&self) -> String {
        let mut text = self.keyword.clone();
        for part in self.flags.iter().chain((!self.rest.is_empty()).then_some(&self.rest)) {
            text.push(' ');
            text.push_str(part);
        }
        for heredoc in &self.heredocs {
            text.push('\n');
            text.push_str(&heredoc.body);
            text.push_str(&heredoc.name);
        }
        text
    }
}

const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Parses a Dockerfile.
///
/// # Errors
/// An unknown instruction, one without arguments, a heredoc without end; each with its line.
pub fn parse(path: &str, text: &str) -> Result<Dockerfile, DockerfileError> {
    let text: Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(text).into();
    let mut file = Dockerfile { path: path.into(), directives: Vec::new(), escape: '\\', instructions: Vec::new(), text: text.clone() };
    let mut lines = Lines::new(&text);
    directives(&mut file, &mut lines.clone());

    while let Some(first) = lines.next() {
        let start = first.text.trim_start();
        if start.is_empty() || start.starts_with('#') {
            continue;
        }
        let begin = first.start + (first.text.len() - start.len());
        let mut end = first.end();
        let (mut joined, mut goes_on) = continued(start, file.escape);
        while goes_on {
            let Some(line) = lines.next() else { break };
            let trimmed = line.text.trim_start();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            end = line.end();
            let (part, more) = continued(line.text, file.escape);
            joined.push_str(&part);
            goes_on = more;
        }
        let line = first.number;
        let mut instruction = instruction(&file, joined.trim_end(), line, begin..end)?;
        let holder = if instruction.keyword == "ONBUILD" {
            instruction.rest.trim_start().split(char::is_whitespace).next().unwrap_or_default()
        } else {
            &instruction.keyword
        };
        if matches!(holder.to_ascii_uppercase().as_str(), "RUN" | "COPY" | "ADD") {
            for mark in marks(&instruction.rest, file.escape) {
                let Some((body, last)) = lines.heredoc(&mark) else {
                    let message = format!("the here-document `{}` has no end", mark.name);
                    let help = format!("close it by a line that is just `{}`", mark.name);
                    return Err(file.syntax(message, instruction.span.clone(), Some(help)));
                };
                instruction.span.end = last;
                instruction.heredocs.push(Heredoc { name: mark.name, body, expand: mark.expand });
            }
        }
        file.instructions.push(instruction);
    }
    Ok(file)
}

impl Dockerfile {
    pub(super) fn syntax(&self, message: impl Into<String>, span: std::ops::Range<usize>, help: Option<String>) -> DockerfileError {
        DockerfileError::Syntax { message: message.into(), source_code: self.source(), span: span.into(), help }
    }

    pub(super) fn source(&self) -> Arc<NamedSource<Arc<str>>> {
        Arc::new(NamedSource::new(&self.path, self.text.clone()))
    }
}

fn instruction(file: &Dockerfile, text: &str, line: usize, span: std::ops::Range<usize>) -> Result<Instruction, DockerfileError> {
    let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let keyword = keyword.to_ascii_uppercase();
    if !KEYWORDS.contains(&keyword.as_str()) {
        let help = nearest(&keyword, KEYWORDS.into_iter()).map(|known| format!("did you mean `{known}`?"));
        return Err(file.syntax(format!("line {line} of `{}`: unknown instruction `{keyword}`", file.path), span, help));
    }
    let mut rest = rest.trim();
    if rest.is_empty() {
        return Err(file.syntax(format!("line {line} of `{}`: {keyword} needs an argument", file.path), span, None));
    }
    let mut flags = Vec::new();
    if matches!(keyword.as_str(), "FROM" | "RUN" | "COPY" | "ADD" | "HEALTHCHECK") {
        while rest.starts_with("--") {
            let end = words::word_end(rest, file.escape);
            if rest[..end] == *"--" {
                break;
            }
            flags.push(rest[..end].to_owned());
            rest = rest[end..].trim_start();
        }
    }
    Ok(Instruction { keyword, flags, rest: rest.to_owned(), heredocs: Vec::new(), line, span })
}

/// `# key=value` lines at the very top.
fn directives(file: &mut Dockerfile, lines: &mut Lines<'_>) {
    for line in lines {
        let Some((key, value)) = line.text.trim().strip_prefix('#').and_then(|rest| rest.split_once('=')) else { return };
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
        if !matches!(key.as_str(), "syntax" | "escape" | "check") || value.is_empty() {
            return;
        }
        if key == "escape" {
            file.escape = if value == "`" { '`' } else { '\\' };
        }
        file.directives.push((key, value.to_owned()));
    }
}

/// A line without its continuation mark, and whether it had one. A doubled escape character is none.
fn continued(line: &str, escape: char) -> (String, bool) {
    let end = line.trim_end_matches([' ', '\t', '\r']);
    match end.strip_suffix(escape) {
        Some(before) if !before.ends_with(escape) => (before.to_owned(), true),
        _ => (line.trim_end_matches('\r').to_owned(), false),
    }
}

struct Mark {
    name: String,
    expand: bool,
    tabs: bool,
}

/// The heredoc marks of a command line: shell words `[n]<<[-]NAME`, the name perhaps in quotes.
fn marks(rest: &str, escape: char) -> Vec<Mark> {
    let mark = |word: &str| {
        let word = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
        let (tabs, raw) = word.strip_prefix('-').map_or((false, word), |raw| (true, raw));
        let name: String = raw.chars().filter(|c| !matches!(c, '"' | '\'') && *c != escape).collect();
        (!name.is_empty() && !name.contains('<')).then(|| Mark { expand: name == raw, name, tabs })
    };
    words::split(rest, escape).iter().filter_map(|word| mark(word)).collect()
}

#[derive(Clone)]
struct Lines<'a> {
    text: &'a str,
    at: usize,
    number: usize,
}

struct Line<'a> {
    text: &'a str,
    start: usize,
    number: usize,
}

impl Line<'_> {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Lines { text, at: 0, number: 0 }
    }

    /// The lines up to the one that closes a heredoc, and where that ends.
    fn heredoc(&mut self, mark: &Mark) -> Option<(String, usize)> {
        let mut body = String::new();
        for line in self {
            let text = if mark.tabs { line.text.trim_start_matches('\t') } else { line.text };
            if text.trim_end_matches('\r') == mark.name {
                return Some((body, line.end()));
            }
            body.push_str(text);
            body.push('\n');
        }
        None
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let (text, length) = rest.split_once('\n').map_or((rest, rest.len()), |(line, _)| (line, line.len() + 1));
        let start = self.at;
        self.at += length;
        self.number += 1;
        Some(Line { text, start, number: self.number })
    }
}
