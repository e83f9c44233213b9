//! What a Dockerfile depends on, stage by stage.
//!
//! BuildKit's own frontend builds Dockerfiles; this room only answers, without building, what the result of a target is a function
//! of: the text of the needed stages with their heredocs, the arguments they see, the references of their bases, and the files of the
//! context that any instruction can see, those of `RUN --mount=type=bind` among them. The answer is complete rather than smallest:
//! where only the builder knows a value, it is wider. Triggers (`ONBUILD`) of images outside the file are not known here.
//!
//! Specification: the Dockerfile reference (frontend 1.26), and BuildKit's parser where that is silent.

mod depend;
mod error;
mod ignore;
mod parse;
mod value;
mod words;

#[cfg(test)]
mod tests;

pub use depend::{ContextUse, Dependencies, Request, declared_args, dependencies};
pub use error::DockerfileError;
pub use ignore::Ignore;
pub use parse::{Dockerfile, Heredoc, Instruction, parse};
pub use value::expand;

/// The paths where a context's ignore file may be, first choice first. All relative to the context.
pub fn ignore_files(dockerfile: &str) -> [String; 2] {
    [format!("{dockerfile}.dockerignore"), ".dockerignore".to_owned()]
}
