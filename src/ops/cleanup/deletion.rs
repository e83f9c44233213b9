//! The end of a cleanup: what goes is deleted, and told as it goes.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::{AT_ONCE, Stock, Work, stopped};
use crate::cleanup::{Decision, Deletion, Record};
use crate::error::Result;
use crate::event::Event;
use crate::file_tree::ObjectId;
use crate::ops::Run;
use crate::registry::{self, Client, Repository};

/// Deletions at once: registries write at each.
const DELETIONS: usize = 16;

/// How long deletions that are under way are waited for after an interrupt.
const PATIENCE: Duration = Duration::from_secs(5);

/// Deletes what goes. The first refusal, or an interrupt, ends it; what was done until then is told in any case.
pub async fn delete(client: &Client, repository: &Repository, decision: &Decision, run: &Run) -> Result<()> {
    let _held = run.held.hold("the deletion of images that is under way");
    let deletions = decision.deletions();
    let all: usize = deletions.iter().map(|deletion| deletion.tags.len()).sum();
    let mut waiting = deletions.into_iter();
    let one = |deletion: Deletion<'_>| {
        let (digest, reason) = (deletion.digest.clone(), deletion.reason.to_owned());
        let references: Vec<String> = deletion.tags.iter().map(|tag| repository.with_tag((*tag).clone()).to_string()).collect();
        async move { (client.delete(repository, &digest).await, references, reason) }
    };
    let mut running: FuturesUnordered<_> = waiting.by_ref().take(DELETIONS).map(one).collect();
    let (mut deleted, mut gone, mut end) = (0, 0, Ok(()));
    let mut given_up = std::pin::pin!(given_up(run));
    while !running.is_empty() {
        let done = tokio::select! {
            done = running.next() => done,
            () = &mut given_up => None,
        };
        let Some((answer, references, reason)) = done else { break };
        match answer {
            Ok(registry::Deletion::Done) => {
                deleted += references.len();
                for reference in references {
                    run.events.emit(Event::ImageDeleted { reference, reason: reason.clone() });
                }
            }
            Ok(registry::Deletion::WasAbsent) => gone += references.len(),
            Err(error) => end = end.and(Err(error.into())),
        }
        if end.is_ok() && !run.cancel.is_cancelled() {
            running.extend(waiting.next().map(&one));
        }
    }
    let left = all - deleted - gone;
    run.events.emit(Event::CleanupDone { kept: decision.counts().keep, deleted, left });
    if run.cancel.is_cancelled() && left > 0 { Err(stopped()) } else { end }
}

/// A while after an interrupt: what is asked of a registry may happen although nobody waits for it, and its count is to be right.
async fn given_up(run: &Run) {
    run.cancel.cancelled().await;
    tokio::time::sleep(PATIENCE).await;
}

/// Takes the records away whose image is no more, or whose commit is among those that are `lost`.
pub async fn drop_records(work: &Work<'_>, stock: &Stock, decision: &Decision, lost: &HashSet<ObjectId>) -> Result<()> {
    let staying: HashSet<&str> = decision.kept().map(|tag| Record::beginning(tag.as_str())).collect();
    let is_idle = |record: &Record| !staying.contains(record.image.as_str()) || lost.contains(&record.commit);
    let idle = stock.records.iter().filter(|(_, record)| is_idle(record)).map(|(tag, _)| work.repository.with_tag(tag.clone()));
    let idle: Vec<_> = idle.collect();
    let dropped = futures::stream::iter(idle).map(|reference| async move {
        if work.run.cancel.is_cancelled() {
            return Ok(());
        }
        let Some(manifest) = work.client.manifest_if_there(&reference).await? else { return Ok(()) };
        // Another project's records beside ours are its own.
        if manifest.annotations().get("werf").is_some_and(|owner| *owner == work.project.config.meta.project) {
            work.client.delete(&work.repository, &manifest.digest).await?;
        }
        Result::<_>::Ok(())
    });
    let answers: Vec<Result<()>> = dropped.buffer_unordered(AT_ONCE).collect().await;
    answers.into_iter().collect()
}
