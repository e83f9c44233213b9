//! The error that reaches the edge, and what the process answers with.
//!
//! Rooms have their own `thiserror` + [`miette::Diagnostic`] enums, where a variant names the situation.
//! Operations carry them here with `?`; `ui` prints them and `main` turns [`Kind`] into an exit code.
//! This file imports no room and prints nothing.

use std::fmt;

use miette::Diagnostic;

/// A result whose error can be shown to a person.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure this is, for the exit code and the closing line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The input is wrong or the work failed: exit 1.
    Failed,
    /// The command line is wrong: exit 2.
    Usage,
    /// A defect of ours: exit 70.
    Internal,
    /// The user or the system asked us to stop: exit 130.
    Interrupted,
}

impl Kind {
    /// The process's exit code (sysexits for [`Kind::Internal`], the shell's 128+SIGINT for [`Kind::Interrupted`]).
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Internal => 70,
            Kind::Interrupted => 130,
        }
    }
}

/// A failure with its kind and the diagnostic that `ui` prints: message, causes, labelled source lines, help, related problems.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    diagnostic: Box<dyn Diagnostic + Send + Sync + 'static>,
    output: String,
    postscript: String,
}

impl Error {
    /// Wraps a room's diagnostic with an explicit kind.
    pub fn new(kind: Kind, diagnostic: impl Diagnostic + Send + Sync + 'static) -> Self {
        Error(Box::new(Inner { kind, diagnostic: Box::new(diagnostic), output: String::new(), postscript: String::new() }))
    }

    /// The same with data that goes to standard output nevertheless.
    pub fn with_output(mut self, output: String) -> Self {
        self.0.output = output;
        self
    }

    /// The same with a text that stands below the diagnostic.
    pub fn with_postscript(mut self, text: String) -> Self {
        self.0.postscript = text;
        self
    }

    /// What stands below the diagnostic; empty where nothing does.
    pub fn postscript(&self) -> &str {
        &self.0.postscript
    }

    /// Data that goes to standard output although the work failed.
    pub fn output(&self) -> &str {
        &self.0.output
    }

    /// The failure's kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The diagnostic alone, to stand among others.
    pub fn into_diagnostic(self) -> Box<dyn Diagnostic + Send + Sync + 'static> {
        self.0.diagnostic
    }

    /// The diagnostic to print.
    pub fn diagnostic(&self) -> &(dyn Diagnostic + Send + Sync + 'static) {
        &*self.0.diagnostic
    }
}

impl<E: Diagnostic + Send + Sync + 'static> From<E> for Error {
    fn from(diagnostic: E) -> Self {
        Error::new(Kind::Failed, diagnostic)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.diagnostic)
    }
}

/// The last cause of a chain: what the system said, without the words of the layers above it.
pub fn root_cause<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error)
}

/// Several independent problems of one run, printed together.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{headline}")]
pub struct Problems {
    headline: String,
    #[related]
    problems: Vec<Box<dyn Diagnostic + Send + Sync + 'static>>,
}

impl Problems {
    /// Collects problems under one headline, such as `werf.yaml has 3 problems`.
    pub fn new(headline: impl Into<String>, problems: Vec<Box<dyn Diagnostic + Send + Sync + 'static>>) -> Self {
        Problems { headline: headline.into(), problems }
    }
}
