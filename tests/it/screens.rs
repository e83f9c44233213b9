//! What a person sees on a terminal, held as screens at chosen moments: the binary on a pseudo-terminal, and fakes on the wire that wait
//! for the test. The page "The terminal" shows the same screens.

mod build;
mod deploy;
mod page;
mod terminal;

use std::process::Command;
use std::sync::Arc;

use super::buildkit::fake::{Daemon, Fake};
use super::buildkit::stage::Stage;
use super::fake_registry::{FakeRegistry, Login};
use super::sandbox::Sandbox;
use terminal::Terminal;

/// The binary as a terminal's user runs it.
fn command(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command(args);
    command.env("TERM", "xterm-256color");
    command
}

/// A build that goes on as the test says.
struct Built {
    sandbox: Sandbox,
    registry: FakeRegistry,
    stage: Arc<Stage>,
    daemon: Daemon,
}

impl Built {
    /// Images with a Dockerfile each, `NAME.Dockerfile`; `NAME:BASE` is made of another one.
    async fn of(images: &[&str]) -> Self {
        let mut files = vec![("werf.yaml".to_owned(), "project: app\nconfigVersion: 1\n".to_owned())];
        for image in images {
            let (name, base) = image.split_once(':').unwrap_or((image, ""));
            files[0].1 += &format!("---\nimage: {name}\ndockerfile: {name}.Dockerfile\n");
            if !base.is_empty() {
                let import = "{type: ImageName, targetBuildArg: BASE}";
                files[0].1 += &format!("dependencies: [{{image: {base}, imports: [{import}]}}]\n");
            }
            let from = if base.is_empty() { "FROM scratch" } else { "ARG BASE\nFROM $BASE" };
            files.push((format!("{name}.Dockerfile"), format!("{from}\nLABEL name={name}\n")));
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let stage = Arc::new(Stage::default());
        let daemon = Fake { stage: Some(stage.clone()), ..Fake::default() }.listen().expect("a daemon");
        Built { sandbox: Sandbox::commit(&files), registry: FakeRegistry::start(Login::Open).await, stage, daemon }
    }

    fn command(&self, args: &[&str]) -> Command {
        let (repo, host) = (self.registry.repository("app"), self.daemon.endpoint.to_string());
        command(&self.sandbox, &[&["build", "--repo", &repo, "--buildkit-host", &host], args].concat())
    }

    fn run(&self, columns: u16, rows: u16) -> Terminal {
        Terminal::run(self.command(&[]), columns, rows)
    }
}
