//! What a Dockerfile depends on, stage by stage.
//!
//! BuildKit's own frontend builds Dockerfiles; this room only answers, without building, what the result of a target is a function
//! of: the text of the needed stages with their heredocs, the arguments they see, the references of their bases, and the files of the
//! context that any instruction can see, those of `RUN --mount=type=bind` among them. The answer is complete rather than smallest:
//! where only the builder knows a value, it is wider. Triggers (`ONBUILD`) of images outside the file count if the caller tells them.
//!
//! Specification: the Dockerfile reference (frontend 1.26), and BuildKit's frontend, `moby/patternmatcher` and `tonistiigi/fsutil`
//! where that is silent.
//!
//! `parse` and `heredoc` make instructions, `words` and `stages` give variables their values, `evaluate` asks what one stage takes
//! from where, `depend` puts the needed stages together; `ignore`, `pattern`, `sources` and `context` find the visible files.

mod context;
mod depend;
mod error;
mod evaluate;
mod heredoc;
mod ignore;
mod parse;
mod pattern;
mod request;
mod sources;
mod stages;
mod syntax;
mod value;
mod words;

#[cfg(test)]
mod tests;

pub use context::{ReadLink, Visible, visible};
pub use depend::{Dependencies, declared_args, dependencies, triggers_read};
pub use error::DockerfileError;
pub use evaluate::{Base, Unpinned};
pub use heredoc::Heredoc;
pub use ignore::Ignore;
pub use parse::{Dockerfile, Instruction, parse};
pub use request::Request;
pub use sources::ContextUse;
pub use value::expand;

/// The paths where a context's ignore file may be, first choice first. All relative to the context.
pub fn ignore_files(dockerfile: &str) -> [String; 2] {
    [format!("{dockerfile}.dockerignore"), ".dockerignore".to_owned()]
}
