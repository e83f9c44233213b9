//! `--follow`: waits for what a command is to run for again.

use std::time::Duration;

use super::{ProjectOptions, Run, project};
use crate::error::Result;
use crate::event::Event;
use crate::file_tree::ObjectId;

/// How often the repository is looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// The commit that a command runs for: that of HEAD, or with `--dev` the snapshot of the work tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(ObjectId);

/// Waits until there is another commit than the last one that was seen, and gives it.
///
/// # Errors
/// The repository cannot be read, of the first commit alone: later it may be in the middle of a change.
pub async fn next(options: ProjectOptions, last: Option<Seen>, run: Run) -> Result<Seen> {
    let Some(last) = last else { return newest(&options) };
    run.events.emit(Event::CommitAwaited { or_change: options.dev });
    loop {
        tokio::time::sleep(PAUSE).await;
        let found = tokio::task::block_in_place(|| newest(&options));
        if let Ok(found) = found
            && found != last
        {
            return Ok(found);
        }
    }
}

fn newest(options: &ProjectOptions) -> Result<Seen> {
    let (_, commit) = project::newest(options)?;
    Ok(Seen(commit.id))
}
