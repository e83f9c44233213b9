//! From the commit's files to the rendered text of werf.yaml.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::functions::{Gates, table};
use super::template_files::TemplateFiles;
use super::{ConfigError, ConfigInput};
use crate::file_tree::FileTree;
use crate::project::document::Warning;
use crate::project::giterminism::{Files, Purpose};
use crate::template::value::{Map, Str, Value};
use crate::template::{Failure, JinjaFile, Options, ParseError, Templates, Trace};

/// Names of the configuration, in the order in which they are looked for.
/// The names that a configuration may have.
pub const NAMES: [&str; 3] = ["werf.yaml", "werf.yml", "werf.yaml.j2"];
/// What the name of a file in the second language ends in.
const JINJA: &str = ".j2";
/// Where helper templates are.
const TEMPLATES_DIR: &str = ".werf";

/// A rendered werf.yaml.
#[derive(Clone, Debug)]
pub struct RenderedConfig {
    /// The file's path.
    pub file: String,
    source: String,
    text: String,
    trace: Trace,
    pub(super) mentions: Mentions,
    warnings: Vec<Warning>,
}

/// What the texts of a configuration name of the run that reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// `.Env`.
    pub env: bool,
    /// `.Commit`.
    pub commit: bool,
    /// `.Files`.
    pub files: bool,
}

impl Mentions {
    fn add(&mut self, text: &str) {
        self.env |= has_word(text, "Env");
        self.commit |= has_word(text, "Commit");
        self.files |= has_word(text, "Files");
    }
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

impl RenderedConfig {
    /// The rendered text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What deserves attention in its templates.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether rendering changed the text.
    pub fn is_template(&self) -> bool {
        self.source != self.text
    }

    /// The line that wrote the byte at an offset of the rendered text, with its file.
    pub(super) fn template_line(&self, offset: usize) -> Option<(String, usize)> {
        self.trace.writers(&self.text, offset).first().map(|writer| (writer.file().to_owned(), writer.line()))
    }
}

/// Finds, reads and renders werf.yaml.
pub(super) fn render(input: &ConfigInput<'_>) -> Result<RenderedConfig, ConfigError> {
    let (file, source) = find(input)?;
    let mut templates = Templates::new(Arc::new(table()), Options::go(&file));
    let dir = input.templates_dir.unwrap_or(TEMPLATES_DIR).trim_matches('/');
    let helpers = input.giterminism.files(Purpose::Template);
    let syntax = |file: String, error: ParseError| ConfigError::Syntax { file, error: error.into() };
    let is_jinja = file.ends_with(JINJA);
    let mut jinja: Vec<(String, String)> = Vec::new();
    let mut mentions = Mentions::default();
    mentions.add(&source);
    // Of other repositories werf 2 takes all files of the directory, and calls them by their whole paths.
    let included: BTreeSet<String> = input.giterminism.included_below(dir)?.into_iter().collect();
    let is_template = |path: &str| path.ends_with(".tmpl") || included.contains(path) && !path.ends_with(JINJA);
    for entry in helpers.list_where(dir, &|path| is_template(path) || is_jinja && path.ends_with(JINJA))? {
        let Some(text) = read_text(&helpers, &entry.path)? else { continue };
        mentions.add(&text);
        let name = entry.path.strip_prefix(dir).unwrap_or(&entry.path).trim_start_matches('/');
        if name.ends_with(JINJA) {
            jinja.push((entry.path.clone(), text));
            continue;
        }
        let whole = included.contains(&entry.path).then_some(entry.path.as_str());
        for name in [name].into_iter().chain(whole) {
            templates.parse(name, &text).map_err(|error| syntax(entry.path.clone(), error))?;
        }
    }
    if is_jinja {
        jinja.push((file.clone(), source.clone()));
        let files: Vec<JinjaFile<'_>> = jinja.iter().map(|(name, text)| JinjaFile { name, folder: dir, text }).collect();
        let first = |errors: Vec<ParseError>| errors.into_iter().next().map(|error| syntax(error.file().to_owned(), error));
        templates.set_jinja(&files).or_else(|errors| first(errors).map_or(Ok(()), Err))?;
    } else {
        templates.parse(&file, &source).map_err(|error| syntax(file.clone(), error))?;
    }
    let gates = Gates::new(input);
    let (text, trace) = templates.execute_traced(&file, &data(input), &gates).map_err(|error| Box::new(Failure::from(*error)))?;
    let Some(text) = text.as_str().map(str::to_owned) else { return Err(not_text(&file, &text, &trace)) };
    let warnings = gates.warning(&file).into_iter().collect();
    Ok(RenderedConfig { file, source, text, trace, mentions, warnings })
}

fn not_text(file: &str, text: &Str, trace: &Trace) -> ConfigError {
    let at = std::str::from_utf8(text.as_bytes()).map_or_else(|error| error.valid_up_to(), str::len);
    let writers = trace.writers(&text.outline(), at);
    let place = writers.last().map_or_else(|| file.to_owned(), |writer| format!("{}:{}", writer.file(), writer.line()));
    let byte = text.as_bytes().get(at).copied().unwrap_or_default();
    ConfigError::RenderedNotText { file: file.to_owned(), place, byte }
}

fn find(input: &ConfigInput<'_>) -> Result<(String, String), ConfigError> {
    let files = input.giterminism.files(Purpose::Config);
    let names = input.config.map_or_else(|| NAMES.to_vec(), |name| vec![name]);
    let mut found: Option<(String, String)> = None;
    for name in &names {
        let is_jinja = name.ends_with(JINJA);
        match &found {
            Some((first, _)) if is_jinja && files.read(name)?.is_some() => {
                return Err(ConfigError::Twice { first: first.clone(), second: (*name).to_owned() });
            }
            Some(_) => {}
            None => found = read_text(&files, name)?.map(|text| ((*name).to_owned(), text)),
        }
    }
    if let Some(found) = found {
        return Ok(found);
    }
    let help = match input.config {
        Some(_) => "pass the path of a committed file with `--config`".to_owned(),
        None => {
            let above = (input.above)()
                .map(|above| format!("there is a project in `{above}`: run the command there, or pass `--dir {above}`; else "));
            above.unwrap_or_default()
                + "create `werf.yaml` in the project's directory and commit it, or point `--dir` at the project; `--config` names another file"
        }
    };
    let names = names.into_iter().map(str::to_owned).collect();
    Err(ConfigError::NotFound { commit: input.giterminism.commit().to_owned(), names, help })
}

fn read_text(files: &Files<'_>, path: &str) -> Result<Option<String>, ConfigError> {
    let Some(bytes) = files.read(path)? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes).map_err(|_| ConfigError::NotText { path: path.to_owned() })?;
    Ok(Some(text.trim_start_matches('\u{feff}').to_owned()))
}

fn data(input: &ConfigInput<'_>) -> Value {
    let text = |text: &str| Value::from(text.to_owned());
    let date: Map = [("Human", text(input.commit.date_human)), ("Unix", text(&input.commit.date_unix.to_string()))].into_iter().collect();
    let commit: Map = [("Hash", text(input.commit.hash)), ("Date", Value::Map(date))].into_iter().collect();
    let files = Value::Object(Arc::new(TemplateFiles::new(input.giterminism.clone())));
    Value::Map([("Files", files), ("Env", text(input.env)), ("Commit", Value::Map(commit))].into_iter().collect())
}
