//! `--follow`: a command that runs again for each new commit.

use crate::error::Kind;
use crate::ops;
use crate::ui::Look;

/// Whether a command runs once.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Project")]
pub struct FollowArgs {
    /// Run again for each new commit, with --dev for each change of the work tree, until Ctrl-C ends it
    #[arg(long, env = "WERF_FOLLOW")]
    follow: bool,
}

impl FollowArgs {
    /// Does it once, or again and again. The first time a failure is the end; later it is told, and the next commit is waited for.
    pub fn run(&self, look: &Look, project: &ops::ProjectOptions, once: impl Fn() -> u8) -> u8 {
        if !self.follow {
            return once();
        }
        let mut seen = None;
        loop {
            let last = seen;
            let is_first = last.is_none();
            let next = |run| ops::follow::next(project.clone(), last, run);
            let code = super::run::run(look.clone(), next, |found| {
                seen = Some(found);
                0
            });
            if code != 0 {
                return code;
            }
            let code = once();
            if (is_first && is_failure(code)) || code == Kind::Interrupted.exit_code() {
                return code;
            }
        }
    }
}

/// Whether a code is none of those that tell of changes.
fn is_failure(code: u8) -> bool {
    [Kind::Failed, Kind::Internal].iter().any(|kind| kind.exit_code() == code)
}
