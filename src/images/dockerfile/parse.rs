//! Text → instructions: directives, comments, continuation lines, flags, heredocs.
//!
//! Follows BuildKit's parser where the language's reference is silent: a line that ends with the escape character and blanks goes
//! on, comments and empty lines within a continued line vanish, flags lose their quotes, and what looks like JSON but is none is
//! words. What only the builder can judge (the number of arguments, unknown flags) is left to it.

use std::borrow::Cow;
use std::sync::Arc;

use miette::NamedSource;

use super::error::DockerfileError;
use super::heredoc::{Heredoc, marks};
use super::syntax;
use super::words::{self, BLANKS, UNKNOWN};
use crate::file_tree::{bytes_of_text, text_of_bytes};
use crate::words::near::nearest;

/// A parsed Dockerfile.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// Path for people.
    pub path: String,
    /// The whole text without a byte order mark; bytes that are no UTF-8 are as [`text_of_bytes`] makes them.
    pub text: Arc<str>,
    /// The value of the directive `syntax` in whichever form: the frontend's image, and perhaps words for it.
    pub syntax: Option<String>,
    /// Whether `syntax` names a frontend that reads another language. Nothing of the text is understood then.
    pub foreign: bool,
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
    /// `--flag[=value]` words before the arguments, their quotes removed.
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

    /// What decides the instruction's result as far as its text does: flags, arguments and heredoc bodies. Blanks between words count
    /// only where the shell reads them.
    pub fn canonical(&self) -> String {
        let mut text = self.keyword.clone();
        for flag in &self.flags {
            text.push(' ');
            match flag.contains(char::is_whitespace) {
                true => text.push_str(&format!("{flag:?}")),
                false => text.push_str(flag),
            }
        }
        let splits = match self.keyword.as_str() {
            "COPY" | "ADD" | "EXPOSE" | "VOLUME" => !self.rest.starts_with('['),
            "ENV" | "LABEL" => {
                words::split(&self.rest).next().is_some_and(|word| word.contains('=')) && !self.rest.contains(['"', '\'', '\\', '`'])
            }
            _ => false,
        };
        if splits {
            for word in words::split(&self.rest) {
                text.push(' ');
                text.push_str(word);
            }
        } else if !self.rest.is_empty() {
            text.push(' ');
            text.push_str(&self.rest);
        }
        for heredoc in &self.heredocs {
            text.push('\n');
            text.push_str(&heredoc.body);
            text.push_str(&heredoc.name);
        }
        text
    }

    /// The arguments as words: those of the JSON form, or what blanks part.
    pub(super) fn words(&self) -> Vec<String> {
        json(&self.rest).unwrap_or_else(|| words::split(&self.rest).map(str::to_owned).collect())
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
/// An unknown instruction, one without arguments, a heredoc without end, a directive that is wrong; each with its line.
pub fn parse(path: &str, text: &str) -> Result<Dockerfile, DockerfileError> {
    let text: Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(text).into();
    let syntax = syntax::syntax(&text);
    let foreign = syntax.as_deref().is_some_and(|syntax| !syntax::reads_dockerfiles(syntax));
    let mut file = Dockerfile { path: path.into(), syntax, foreign, escape: '\\', instructions: Vec::new(), text: text.clone() };
    if !foreign {
        file.escape = escape(&file)?;
        file.instructions = instructions(&file)?;
    }
    Ok(file)
}

/// The instructions of triggers, each what follows `ONBUILD` with its heredocs. Their escape character is always the backslash.
///
/// # Errors
/// As [`parse`], and a trigger that is not one instruction.
pub(super) fn parse_triggers(triggers: &[String]) -> Result<Vec<Instruction>, DockerfileError> {
    let parsed = triggers.iter().map(|text| {
        let text: Arc<str> = text.as_str().into();
        let file =
            Dockerfile { path: "ONBUILD".into(), syntax: None, foreign: false, escape: '\\', instructions: Vec::new(), text: text.clone() };
        let mut found = instructions(&file)?;
        match (found.pop(), found.is_empty()) {
            (Some(instruction), true) => Ok(instruction),
            _ => Err(file.syntax("a trigger is one instruction", 0..text.len(), None)),
        }
    });
    parsed.collect()
}

fn instructions(file: &Dockerfile) -> Result<Vec<Instruction>, DockerfileError> {
    let mut found = Vec::new();
    let mut lines = Lines::new(&file.text);
    while let Some(first) = lines.next() {
        let start = first.text().trim_start();
        if start.starts_with('#') {
            continue;
        }
        let begin = first.start + (first.text().len() - start.len());
        let mut end = first.end();
        let (part, mut goes_on) = continued(start, file.escape);
        if part.is_empty() && !goes_on {
            continue;
        }
        let mut joined = part.to_owned();
        while goes_on {
            let Some(line) = lines.next() else { break };
            let trimmed = line.text().trim_start();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            end = line.end();
            let (part, more) = continued(line.text(), file.escape);
            joined.push_str(part);
            goes_on = more;
        }
        let mut instruction = instruction(file, &joined, first.number, begin..end)?;
        if may_have_heredocs(&instruction, file.escape) {
            let announced = marks(&joined).map_err(|message| file.wrong(&instruction, &message))?;
            for mut heredoc in announced {
                let Some(last) = lines.heredoc(&mut heredoc) else {
                    let message = format!("the here-document `{}` has no end", heredoc.name);
                    let help = format!("close it by a line that is just `{}`", heredoc.name);
                    return Err(file.syntax(message, instruction.span.clone(), Some(help)));
                };
                instruction.span.end = last;
                instruction.heredocs.push(heredoc);
            }
        }
        found.push(instruction);
    }
    Ok(found)
}

impl Dockerfile {
    pub(super) fn syntax(&self, message: impl Into<String>, span: std::ops::Range<usize>, help: Option<String>) -> DockerfileError {
        DockerfileError::Syntax { message: message.into(), source_code: self.source(), span: span.into(), help }
    }

    /// An instruction that cannot be understood, with its line.
    pub(super) fn wrong(&self, instruction: &Instruction, message: &str) -> DockerfileError {
        self.syntax(format!("line {} of `{}`: {message}", instruction.line, self.path), instruction.span.clone(), None)
    }

    pub(super) fn source(&self) -> Arc<NamedSource<Arc<str>>> {
        Arc::new(NamedSource::new(&self.path, self.text.clone()))
    }
}

/// The escape character that directives at the top ask for.
fn escape(file: &Dockerfile) -> Result<char, DockerfileError> {
    let (mut escape, mut seen) = ('\\', Vec::new());
    for line in Lines::new(&file.text) {
        let Some((key, value)) = syntax::directive(line.text().trim_start(), "#") else { break };
        let wrong =
            |message: String| Err(file.syntax(format!("line {} of `{}`: {message}", line.number, file.path), line.start..line.end(), None));
        if seen.contains(&key) {
            return wrong(format!("the directive `{key}` is there twice"));
        }
        if key == "escape" {
            escape = match value {
                "`" => '`',
                "\\" => '\\',
                other => return wrong(format!("the escape character is a backslash or a backtick, not `{other}`")),
            };
        }
        seen.push(key);
    }
    Ok(escape)
}

fn instruction(file: &Dockerfile, text: &str, line: usize, span: std::ops::Range<usize>) -> Result<Instruction, DockerfileError> {
    let (keyword, flags, rest) = command(text, file.escape);
    if !KEYWORDS.contains(&keyword.as_str()) {
        let help = nearest(&keyword, KEYWORDS).map(|known| format!("did you mean `{known}`?"));
        return Err(file.syntax(format!("line {line} of `{}`: unknown instruction `{keyword}`", file.path), span, help));
    }
    // The shell may well be given nothing to do.
    if rest.is_empty() && !matches!(keyword.as_str(), "RUN" | "CMD" | "ENTRYPOINT") {
        return Err(file.syntax(format!("line {line} of `{}`: {keyword} needs an argument", file.path), span, None));
    }
    if let Some(twice) = twice(&flags) {
        let message = format!("line {line} of `{}`: the flag `--{twice}` is there twice", file.path);
        return Err(file.syntax(message, span, Some("keep one of them".into())));
    }
    Ok(Instruction { keyword, flags, rest, heredocs: Vec::new(), line, span })
}

/// A flag that stands there twice and may not: BuildKit refuses the whole file for it, whatever the target needs.
fn twice(flags: &[String]) -> Option<&str> {
    let names = flags.iter().map(|flag| flag.trim_start_matches("--").split('=').next().unwrap_or_default());
    let mut seen = Vec::new();
    names.filter(|name| !REPEATABLE.contains(name)).find(|name| {
        seen.contains(name) || {
            seen.push(*name);
            false
        }
    })
}

/// Flags that may stand there any number of times.
const REPEATABLE: [&str; 3] = ["mount", "exclude", "device"];

/// Keyword, flags and the rest of a whole instruction.
fn command(text: &str, escape: char) -> (String, Vec<String>, String) {
    let text = text.trim();
    let (keyword, rest) = text.split_once(BLANKS).unwrap_or((text, ""));
    let (flags, rest) = flags(rest, escape);
    (keyword.to_ascii_uppercase(), flags, rest.trim().to_owned())
}

/// The `--` words at the start. BuildKit reads them byte by byte and takes each byte for a character, so that other letters than those
/// of ASCII become two or more; what it then looks for has that name.
fn flags(text: &str, escape: char) -> (Vec<String>, Cow<'_, str>) {
    if !text.trim_start().starts_with("--") {
        return (Vec::new(), text.into());
    }
    let bytes = bytes_of_text(text);
    let blank = |byte: u8| char::from(byte).is_whitespace();
    let (mut flags, mut at) = (Vec::new(), 0);
    loop {
        at += bytes[at..].iter().take_while(|byte| blank(**byte)).count();
        if !bytes[at..].starts_with(b"--") {
            break;
        }
        let (mut word, mut quote) = (String::new(), None);
        while let Some(byte) = bytes.get(at).copied().filter(|byte| quote.is_some() || !blank(*byte)) {
            at += 1;
            let c = char::from(byte);
            if Some(c) == quote {
                quote = None;
            } else if quote.is_none() && matches!(c, '\'' | '"') {
                quote = Some(c);
            } else if c == escape {
                if let Some(next) = bytes.get(at) {
                    word.push(char::from(*next));
                    at += 1;
                } else {
                    quote = None;
                }
            } else {
                word.push(c);
            }
        }
        if word == "--" {
            break;
        }
        flags.push(word);
    }
    let rest = text_of_bytes(&bytes[at..]).into_owned();
    (flags, rest.into())
}

fn may_have_heredocs(instruction: &Instruction, escape: char) -> bool {
    let fits = |keyword: &str, rest: &str| matches!(keyword, "RUN" | "COPY" | "ADD") && json(rest).is_none();
    if instruction.keyword == "ONBUILD" {
        let (keyword, _, rest) = command(&instruction.rest, escape);
        return fits(&keyword, &rest);
    }
    fits(&instruction.keyword, &instruction.rest)
}

/// The words of a JSON array of texts.
fn json(text: &str) -> Option<Vec<String>> {
    if !text.starts_with('[') {
        return None;
    }
    // Bytes that are no UTF-8 are no text in JSON: each is a replacement character then, as in Go.
    let text: String = text.chars().map(|c| if ('\u{10ff80}'..='\u{10ffff}').contains(&c) { '\u{fffd}' } else { c }).collect();
    match serde_json::from_str(&text) {
        Ok(words) => Some(words),
        // Half of a surrogate pair is a replacement character in Go, and an error here: a name that is not known.
        Err(_) if text.contains("\\ud") || text.contains("\\uD") => Some(vec![UNKNOWN.into(); 2]),
        Err(_) => None,
    }
}

/// A line without its continuation mark, and whether it had one. A doubled escape character is none.
fn continued(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(before) if !before.ends_with(escape) => (before, true),
        _ => (line, false),
    }
}

struct Lines<'a> {
    text: &'a str,
    at: usize,
    number: usize,
}

struct Line<'a> {
    /// With its end.
    whole: &'a str,
    start: usize,
    number: usize,
}

impl<'a> Line<'a> {
    fn text(&self) -> &'a str {
        self.whole.trim_end_matches(['\r', '\n'])
    }

    fn end(&self) -> usize {
        self.start + self.text().len()
    }
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Lines { text, at: 0, number: 0 }
    }

    /// Takes the lines up to the one that closes a heredoc into it: where that ends.
    fn heredoc(&mut self, heredoc: &mut Heredoc) -> Option<usize> {
        for line in self {
            if heredoc.ends_at(line.text()) {
                return Some(line.end());
            }
            heredoc.body.push_str(line.whole);
        }
        None
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let start = self.at;
        self.at += length;
        self.number += 1;
        Some(Line { whole: &rest[..length], start, number: self.number })
    }
}
