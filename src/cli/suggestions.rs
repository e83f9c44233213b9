//! Values that a shell may complete: images, releases, contexts, namespaces, environments, as the words that stand there already let one
//! find them. Where they cannot be found out, or not soon, there are none.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, CommandFactory, ValueHint};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use tokio_util::sync::CancellationToken;

use super::Cli;
use super::args::{KubeArgs, ProjectArgs};
use crate::error::Result;
use crate::event::Events;
use crate::ops;

/// How long somebody who pressed TAB waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a value names.
#[derive(Clone, Copy)]
enum Named {
    Image,
    Release,
    Context,
    Namespace,
    Environment,
}

/// A command whose flags know what they may be given.
pub fn given(command: clap::Command, words: &Arc<Vec<OsString>>) -> clap::Command {
    let command = command.mut_args(|arg| {
        if !arg.get_possible_values().is_empty() {
            return arg;
        }
        let named = match arg.get_id().as_str() {
            "images" | "of" => Named::Image,
            "release" => Named::Release,
            "kube_context" => Named::Context,
            "namespace" => Named::Namespace,
            "env" => Named::Environment,
            "dir" | "git_work_tree" => return arg.value_hint(ValueHint::DirPath),
            _ => return arg,
        };
        let words = words.clone();
        arg.add(ArgValueCompleter::new(move |current: &OsStr| {
            let begun = current.to_string_lossy();
            let names = named.names(&words).unwrap_or_default();
            names.into_iter().filter(|name| name.starts_with(&*begun)).map(CompletionCandidate::new).collect::<Vec<_>>()
        }))
    });
    command.mut_subcommands(|command| given(command, words))
}

impl Named {
    fn names(self, words: &[OsString]) -> Option<Vec<String>> {
        let matches = Cli::command().ignore_errors(true).try_get_matches_from(&words[..words.len().saturating_sub(1)]).ok();
        let kube = || themed::<KubeArgs>(matches.as_ref(), "kube_context").map(KubeArgs::options);
        let project = || themed::<ProjectArgs>(matches.as_ref(), "dir").map(ProjectArgs::options);
        let namespace = || {
            let leaf = super::leaf(matches.as_ref()?);
            leaf.try_get_one::<String>("namespace").ok().flatten().cloned()
        };
        match self {
            Named::Image => {
                let project = project()?;
                soon(|run| ops::names::images(project, run))
            }
            Named::Context => {
                let kube = kube()?;
                soon(|_| async move { ops::names::contexts(&kube).await })
            }
            Named::Namespace => {
                let kube = kube()?;
                soon(|run| async move { ops::names::namespaces(&kube, &run).await })
            }
            Named::Release => {
                let (kube, namespace) = (kube()?, namespace());
                soon(|run| async move { ops::names::releases(&kube, namespace.as_deref(), &run).await })
            }
            Named::Environment => {
                let (project, kube) = (project()?, kube()?);
                soon(|run| async move { ops::names::environments(&project, &kube, &run).await })
            }
        }
    }
}

/// Flags of a theme as they were given, or as variables have them where the command has none of them.
fn themed<A: Args>(matches: Option<&clap::ArgMatches>, one: &str) -> Option<A> {
    match matches.map(super::leaf).filter(|leaf| leaf.try_contains_id(one).is_ok()) {
        Some(leaf) => A::from_arg_matches(leaf).ok(),
        None => {
            let command = super::prepared(A::augment_args(clap::Command::new("werf")), "");
            A::from_arg_matches(&command.try_get_matches_from(["werf"]).ok()?).ok()
        }
    }
}

/// What comes of a question in the time that somebody waits; nothing is told of failures.
fn soon<F: Future<Output = Result<Vec<String>>>>(question: impl FnOnce(ops::Run) -> F) -> Option<Vec<String>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().ok()?;
    let run = ops::Run { events: Events::none(), cancel: CancellationToken::new(), held: ops::Held::default() };
    let names = runtime.block_on(async { tokio::time::timeout(PATIENCE, question(run)).await });
    runtime.shutdown_background();
    names.ok()?.ok()
}
