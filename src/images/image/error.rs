//! What can be wrong with the images of a commit before anything is built.

use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::compile::StageCommands;
use super::script;
use super::spec::SpecError;
use super::stage::user_stage;
use super::undeclared;
use crate::file_tree::ReadError;
use crate::images::dockerfile::DockerfileError;
use crate::images::git_layers::LayerError;
use crate::project::config::Config;
use crate::project::config::image::{Command, Location};

/// A place in the rendered werf.yaml, to show with an error.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file.
    pub source_code: Arc<NamedSource<Arc<str>>>,
    /// The bytes.
    pub span: SourceSpan,
}

impl Place {
    /// A place of a configuration.
    pub fn new(config: &Config, at: &Location) -> Self {
        let name = if at.file.is_empty() { "werf.yaml" } else { &at.file };
        let end = at.span.end.min(config.rendered.len());
        let span = (at.span.start.min(end)..end).into();
        Place { source_code: Arc::new(NamedSource::new(name, config.rendered.clone())), span }
    }
}

/// The images of a commit are not in order.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum ImageError {
    /// A reference to an image that the file does not have.
    #[error("image `{image}` refers to unknown image `{wanted}`")]
    UnknownImage {
        /// The image that refers.
        image: String,
        /// The name that it uses.
        wanted: String,
        /// The file.
        #[source_code]
        source_code: Arc<NamedSource<Arc<str>>>,
        /// Where.
        #[label("no such image in this file")]
        span: SourceSpan,
        /// The images that there are.
        #[help]
        help: String,
    },
    /// Images that need one another.
    #[error("images depend on one another: {}", names.join(" → "))]
    #[diagnostic(help("take one of these references out: an image cannot be built from itself"))]
    Cycle {
        /// The way round, the first name again at its end.
        names: Vec<String>,
        /// The file.
        #[source_code]
        source_code: Arc<NamedSource<Arc<str>>>,
        /// The first image.
        #[label("the circle begins here")]
        span: SourceSpan,
    },
    /// An import names a stage that its source image does not have.
    #[error("image `{image}` imports from stage `{stage}` of `{from}`, which has no such stage")]
    UnknownStage {
        /// The importing image.
        image: String,
        /// The source image.
        from: String,
        /// The name.
        stage: String,
        /// The file.
        #[source_code]
        source_code: Arc<NamedSource<Arc<str>>>,
        /// The import.
        #[label("this import")]
        span: SourceSpan,
        /// The stages that there are.
        #[help]
        help: String,
    },
    /// An image takes files of another one that is for another platform.
    #[error("image `{image}` is for {platforms}, and takes files from `{other}`, which is for {others}")]
    #[diagnostic(help("give both the same `platform`"))]
    Platforms {
        /// The image.
        image: String,
        /// Its platforms.
        platforms: String,
        /// The other image.
        other: String,
        /// Its platforms.
        others: String,
        /// The file.
        #[source_code]
        source_code: Arc<NamedSource<Arc<str>>>,
        /// Where werf.yaml names it.
        #[label("for {others}")]
        span: SourceSpan,
    },
    /// A Dockerfile that is not in the commit.
    #[error("image `{image}`: there is no `{path}` in the commit")]
    #[diagnostic(help("commit the file, or correct `dockerfile` and `context`: the path is relative to the context"))]
    DockerfileMissing {
        /// The image.
        image: String,
        /// Path in the project.
        path: String,
        /// The file.
        #[source_code]
        source_code: Arc<NamedSource<Arc<str>>>,
        /// Where werf.yaml names it.
        #[label("this Dockerfile")]
        span: SourceSpan,
    },
    /// `target` names no stage of the Dockerfile.
    #[error("image `{image}`: `{path}` has no stage `{target}`")]
    UnknownTarget {
        /// The image.
        image: String,
        /// Path of the Dockerfile in the project.
        path: String,
        /// The stage asked for.
        target: String,
        /// The file.
        #[source_code]
        source_code: Arc<NamedSource<Arc<str>>>,
        /// Where werf.yaml names it.
        #[label("no such stage")]
        span: SourceSpan,
        /// The stages that there are.
        #[help]
        help: String,
    },
    /// The Dockerfile cannot be understood.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Dockerfile(#[from] DockerfileError),
    /// The caller did not say which commit of another repository is meant.
    #[error("image `{image}`: the commit of `{url}` was not looked up")]
    #[diagnostic(help("this command does not ask other repositories: run `werf build` or `werf converge`"))]
    NotLookedUp {
        /// The image.
        image: String,
        /// The repository.
        url: String,
    },
    /// A git mapping of a path that is not in the commit.
    #[error("image `{image}`: there is no `{path}` in the commit")]
    #[diagnostic(help("`add` is a file or directory of the repository; what is not committed is not there"))]
    AddMissing {
        /// The image.
        image: String,
        /// `add`.
        path: String,
        /// The file.
        #[source_code]
        source_code: Arc<NamedSource<Arc<str>>>,
        /// The mapping.
        #[label("this mapping")]
        span: SourceSpan,
    },
    /// The commit cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Read(#[from] ReadError),
}

/// An image cannot be compiled for BuildKit.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum CompileError {
    /// The caller gave no base for an external reference.
    #[error("image `{image}`: base image `{reference}` was not resolved")]
    #[diagnostic(help("resolve every reference of `ImageTree::bases` first"))]
    Unresolved {
        /// The image.
        image: String,
        /// The reference as written.
        reference: String,
    },
    /// An image that must be published first is not.
    #[error("image `{image}` needs `{prerequisite}`, which is not published yet")]
    #[diagnostic(help("build the images of `ImageTree::prerequisites` first"))]
    NotPublished {
        /// The image.
        image: String,
        /// What it needs.
        prerequisite: String,
    },
    /// Something else is where files shall go.
    #[error("image `{image}`: {} cannot go to `{path}`, for the image has {} there", if *.is_file { "a file" } else { "a directory" }, if *.is_file { "a directory" } else { "a file" })]
    #[diagnostic(help("choose another `to`, or remove what is there by a command of an earlier stage"))]
    InTheWay {
        /// The image.
        image: String,
        /// Absolute path in the image.
        path: String,
        /// Whether one file shall go there, rather than a directory.
        is_file: bool,
    },
    /// An import of what its image does not have.
    #[error("image `{image}`: there is no `{path}` in `{source_image}`, from which it is imported")]
    #[diagnostic(help("correct `add`, or let `{source_image}` make it"))]
    NothingToImport {
        /// The image.
        image: String,
        /// The image that it is imported from, as werf.yaml names it.
        source_image: String,
        /// `add`.
        path: String,
    },
    /// Links of the image lead in a circle.
    #[error("image `{image}`: links of the image lead in a circle on the way to `{path}`")]
    #[diagnostic(help("choose another `to`"))]
    LinkCircle {
        /// The image.
        image: String,
        /// Absolute path in the image.
        path: String,
    },
    /// Files go into more directories that the image has than anybody means.
    #[error("image `{image}`: the files go into more than {limit} directories that the image has already")]
    #[diagnostic(help("{help}"))]
    TooManyDirectories {
        /// The image.
        image: String,
        /// Most directories.
        limit: usize,
        /// How to have fewer.
        help: &'static str,
    },
    /// The image has no account of a name.
    #[error("image `{image}`: there is no {kind} `{name}` in the image")]
    #[diagnostic(help("its `{file}` does not name it: make it by a command of an earlier stage or in the base image, or give a number"))]
    UnknownAccount {
        /// The image.
        image: String,
        /// `user` or `group`.
        kind: &'static str,
        /// The name.
        name: String,
        /// Where it would be.
        file: &'static str,
    },
    /// The commands of one stage are too long for one process argument.
    #[error("image `{image}`: the commands of `{stage}` are longer than {limit} bytes")]
    #[diagnostic(help("put them into a script in the repository and call that"))]
    TooLong {
        /// The image.
        image: String,
        /// The stage.
        stage: &'static str,
        /// Most bytes.
        limit: usize,
    },
    /// A base image's config is not what OCI describes.
    #[error("the config of base image `{reference}` is not an OCI image config")]
    #[diagnostic(help("the registry answered with something else than an image; check the reference"))]
    BaseConfig {
        /// The reference.
        reference: String,
        /// Why.
        #[source]
        cause: Arc<serde_json::Error>,
    },
    /// A variable of `imageSpec` cannot be expanded.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Spec(#[from] SpecError),
    /// A layer of Git files cannot be made.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Layer(#[from] LayerError),
    /// The commit cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Read(#[from] ReadError),
}

/// A command of werf.yaml failed.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
#[error("image `{image}`: a command of `{stage}` failed with exit code {exit_code}{output}")]
pub struct CommandFailure {
    /// The image.
    pub image: String,
    /// The user stage.
    pub stage: &'static str,
    /// The command's exit code.
    pub exit_code: i32,
    /// Its line.
    pub line: usize,
    /// The last lines that it printed, each on a line of its own after a newline.
    pub output: String,
    /// The file.
    #[source_code]
    pub source_code: Arc<NamedSource<Arc<str>>>,
    /// The command.
    #[label("this command")]
    pub span: SourceSpan,
    /// What to do.
    #[help]
    pub help: String,
}

impl CommandFailure {
    /// A failed command of a stage with the last lines of its output.
    pub(super) fn new(config: &Config, stage: &StageCommands, command: &Command, exit_code: i32, output: &[String]) -> Option<Self> {
        let Place { source_code, span } = Place::new(config, &command.at);
        let lines: Vec<&String> = output.iter().filter(|line| script::failed(line).is_none()).collect();
        let line = command.at.line;
        let help = undeclared::missed(stage, command, &lines).map(|missed| missed.help()).unwrap_or_else(|| {
            format!(
                "the command is at line {line} of the rendered werf.yaml; it ran as root in `/`, after those before it in the same shell"
            )
        });
        let output: String = lines.iter().map(|line| format!("\n  │ {line}")).collect();
        Some(CommandFailure {
            image: stage.image.clone(),
            stage: user_stage(stage.stage),
            exit_code,
            line,
            output,
            source_code,
            span,
            help,
        })
    }
}
