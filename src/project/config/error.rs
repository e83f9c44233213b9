//! What is wrong with a configuration.

use miette::Diagnostic;

use crate::file_tree::ReadError;
use crate::project::document::Problem;
use crate::project::giterminism::GiterminismError;
use crate::template::{Failure, ParseError};

/// No configuration comes out of this commit.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ConfigError {
    /// There is no werf.yaml.
    #[error("commit {commit} has no {}", one_of(.names))]
    NotFound {
        /// Short commit id.
        commit: String,
        /// The names that were looked for.
        names: Vec<String>,
        /// What to do.
        #[help]
        help: String,
    },
    /// There is one configuration for each language.
    #[error("there are both `{first}` and `{second}`")]
    #[diagnostic(help("one of them is the configuration: remove the other, or name one with `--config`"))]
    Twice {
        /// The Go template.
        first: String,
        /// The other.
        second: String,
    },
    /// Files that the configuration is made of differ from the commit, or the rules about that are wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Giterminism(#[from] GiterminismError),
    /// A file cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Read(#[from] ReadError),
    /// A file is not UTF-8 text.
    #[error("`{path}` is not UTF-8 text")]
    #[diagnostic(help("save the file as UTF-8"))]
    NotText {
        /// Its path.
        path: String,
    },
    /// werf.yaml renders to something that is not UTF-8 text.
    #[error("`{file}` renders to what is not UTF-8: {place} writes the byte {byte:#04x}")]
    #[diagnostic(help("write what is no text in base 64, as with `b64enc`"))]
    RenderedNotText {
        /// The file.
        file: String,
        /// The file and the line of the template that wrote it.
        place: String,
        /// The first byte that is no UTF-8.
        byte: u8,
    },
    /// werf.yaml or a helper template is no template.
    #[error("`{file}` is not a valid template: {}", .error.message())]
    #[diagnostic(forward(error))]
    Syntax {
        /// The file.
        file: String,
        /// What is wrong, with its place.
        error: Box<ParseError>,
    },
    /// werf.yaml cannot be rendered.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Template(#[from] Box<Failure>),
    /// One thing is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Problem(Box<Problem>),
    /// Several things are wrong.
    #[error("{file} has {} problems", .problems.len())]
    Problems {
        /// The file.
        file: String,
        /// Each with its place.
        #[related]
        problems: Vec<Problem>,
    },
}

/// `a`, `b` or `c`.
fn one_of(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl ConfigError {
    /// The error for one or more problems of a file.
    pub(super) fn of(file: &str, mut problems: Vec<Problem>) -> Self {
        match problems.len() {
            1 => ConfigError::Problem(Box::new(problems.remove(0))),
            _ => ConfigError::Problems { file: file.to_owned(), problems },
        }
    }
}
