//! What can be wrong with a Dockerfile or its ignore file.

use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};

/// A Dockerfile cannot be understood. Each variant shows the line.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum DockerfileError {
    /// The text is not a Dockerfile.
    #[error("{message}")]
    Syntax {
        /// What is wrong, one sentence.
        message: String,
        /// The file.
        #[source_code]
        source_code: Arc<NamedSource<Arc<str>>>,
        /// The instruction.
        #[label("here")]
        span: SourceSpan,
        /// What to do.
        #[help]
        help: Option<String>,
    },
    /// A line of an ignore file is no pattern.
    #[error("line {line} of `{path}`: {message}")]
    #[diagnostic(help("a pattern is a path with `*`, `?`, `**` and `[a-z]`; a backslash before such a character takes its meaning away"))]
    IgnorePattern {
        /// Path of the file.
        path: String,
        /// 1-based line.
        line: usize,
        /// What is wrong, one sentence.
        message: String,
        /// The file.
        #[source_code]
        source_code: Arc<NamedSource<Arc<str>>>,
        /// The line.
        #[label("no pattern")]
        span: SourceSpan,
    },
    /// No `FROM` at all.
    #[error("`{path}` has no FROM instruction")]
    #[diagnostic(help("a Dockerfile begins with `FROM image`, after comments and ARG instructions"))]
    NoStage {
        /// Path of the file.
        path: String,
    },
    /// `target` names no stage.
    #[error("`{path}` has no stage `{target}`")]
    UnknownTarget {
        /// Path of the file.
        path: String,
        /// The stage asked for.
        target: String,
        /// Suggestion, or the stages that there are.
        #[help]
        help: String,
    },
    /// `COPY --from` or `RUN --mount=from` names no stage before it, and no image.
    #[error("there is no stage `{stage}` before this instruction")]
    UnknownStage {
        /// The name as written.
        stage: String,
        /// The file.
        #[source_code]
        source_code: Arc<NamedSource<Arc<str>>>,
        /// The instruction.
        #[label("no such stage, and no image reference")]
        span: SourceSpan,
        /// Suggestion.
        #[help]
        help: String,
    },
}
