//! `--post-renderer`: a program of the user that changes the manifests before they are printed.
//!
//! As in Helm 3 it reads CRDs and manifests, each with its source, and never sees hooks or notes; what it writes is printed as it is.
//! In Helm 4's ways it is a plugin ([`super::plugin`]), and what it reads and writes is the chart's business ([`crate::chart::Executed`]).

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use miette::Diagnostic;
use thiserror::Error;
use tokio::io::AsyncWriteExt;

use super::plugin::{self, PluginError, PluginOptions};
use crate::chart::HelmCompat;
use crate::child_process;
use crate::error::Result;
use crate::event::Event;
use crate::ops::Run;
use crate::yaml::{self, YamlError};

/// Which program.
#[derive(Clone, Debug)]
pub struct PostRendererOptions {
    /// A path, or a name that is looked for.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Where programs are looked for.
    pub path: OsString,
    /// Where Helm 4's ways look for plugins.
    pub plugins: PluginOptions,
}

/// A program that is there.
#[derive(Debug)]
pub struct PostRenderer {
    /// What it is called in messages.
    label: String,
    /// What to do where it fails.
    help: &'static str,
    file: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl PostRenderer {
    /// Finds the program, or the plugin's. What holds a slash is a path, as for a shell.
    pub fn find(wanted: &PostRendererOptions, compat: HelmCompat) -> Result<PostRenderer> {
        let plugin = match compat {
            HelmCompat::Three => None,
            HelmCompat::Four => Some(plugin::find(&wanted.program, &wanted.plugins).map_err(PostRenderError::Plugin)?),
        };
        let program = plugin.as_ref().map_or(&wanted.program, |plugin| &plugin.program).clone();
        match child_process::find(&program, &wanted.path) {
            Some(file) => Ok(match plugin {
                None => PostRenderer {
                    label: file.display().to_string(),
                    help: "try it by itself: its standard input is what `--no-hooks` prints without it",
                    file,
                    arguments: wanted.arguments.clone(),
                    environment: Vec::new(),
                },
                Some(plugin) => PostRenderer {
                    label: format!("plugin `{}`", wanted.program),
                    help: "try it by itself: its standard input is every document, as a plugin whose command is `cat` shows",
                    file,
                    arguments: [plugin.arguments, wanted.arguments.clone()].concat(),
                    environment: plugin.environment,
                },
            }),
            None if program.contains('/') => Err(PostRenderError::NoProgram { program }.into()),
            None => Err(PostRenderError::NotFound { program }.into()),
        }
    }

    /// What the program makes of the manifests, in Helm 3's way. What is odd about it is a warning.
    pub async fn change(&self, manifests: String, run: &Run) -> Result<String> {
        let text = self.run(manifests).await?;
        if let Some(problem) = problem_of(&text) {
            let program = &self.label;
            let help = Some("it has to write manifests to its standard output, separated by `---`".to_owned());
            run.events.emit(Event::Warned { message: format!("the post-renderer {program} {problem}"), help });
        }
        Ok(text)
    }

    /// What the program writes when it reads this.
    pub async fn run(&self, manifests: String) -> Result<String> {
        let program = self.label.clone();
        let unstarted = |cause| PostRenderError::Unstarted { program: program.clone(), cause };
        let mut child = tokio::process::Command::new(&self.file)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(unstarted)?;
        let stdin = child.stdin.take();
        let writing = async move {
            if let Some(mut stdin) = stdin {
                // it may end without reading everything, which is its own business
                let _ = stdin.write_all(manifests.as_bytes()).await;
            }
        };
        let ((), output) = tokio::join!(writing, child.wait_with_output());
        let output = output.map_err(unstarted)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            let cause = Said(if said.is_empty() { "it said nothing".to_owned() } else { said });
            return Err(PostRenderError::Failed { program, status: output.status, cause, help: self.help }.into());
        }
        match yaml::text(&output.stdout) {
            Ok(text) => Ok(text.to_owned()),
            Err(cause) => Err(PostRenderError::NotText { program, cause: cause.with_name("what it wrote") }.into()),
        }
    }
}

/// Why a text is no manifests. Helm prints it nevertheless.
fn problem_of(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("wrote nothing".into());
    }
    match yaml::parse_documents(text) {
        Err(error) => Some(format!("wrote what is no YAML: {error}")),
        Ok(documents) => {
            let odd = documents.iter().find(|document| !document.is_null() && document.as_mapping().is_none())?;
            Some(format!("wrote {} where a manifest is expected (line {})", odd.kind(), odd.line))
        }
    }
}

/// What the program wrote to its standard error.
#[derive(Debug, Error)]
#[error("{0}")]
struct Said(String);

#[derive(Debug, Error, Diagnostic)]
enum PostRenderError {
    #[error("--post-renderer: there is no program `{program}` in the directories of PATH")]
    #[diagnostic(help("write the path of a program with a slash, as in `./{program}`"))]
    NotFound { program: String },
    #[error("--post-renderer: `{program}` is no program that can be run")]
    #[diagnostic(help("it must be a file that this user may execute: `chmod +x` makes a script one"))]
    NoProgram { program: String },
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plugin(PluginError),
    #[error("cannot run the post-renderer {program}")]
    #[diagnostic(help("a script has to begin with a line such as `#!/bin/sh`"))]
    Unstarted {
        program: String,
        #[source]
        cause: std::io::Error,
    },
    #[error("the post-renderer {program} wrote what is no text")]
    NotText {
        program: String,
        #[source]
        #[diagnostic_source]
        cause: YamlError,
    },
    #[error("the post-renderer {program} failed: {status}")]
    Failed {
        program: String,
        status: ExitStatus,
        #[source]
        cause: Said,
        #[help]
        help: &'static str,
    },
}
