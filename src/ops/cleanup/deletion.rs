//! The end of a cleanup: what goes is deleted, and told as it goes.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::{AT_ONCE, Fates, Stock, Work, stopped};
use crate::cleanup::{Deletion, Record};
use crate::error::Result;
use crate::event::Event;
use crate::ops::Run;
use crate::ops::repositories::CACHE_HELP;
use crate::registry::{self, Digest, Repository};

/// Deletions at once: registries write at each.
const DELETIONS: usize = 16;

/// How long deletions that are under way are waited for after an interrupt.
const PATIENCE: Duration = Duration::from_secs(5);

/// Deletes what goes, copies first. The first refusal, or an interrupt, ends it; what was done until then is told in any case.
pub async fn delete(work: &Work<'_>, fates: &Fates, run: &Run) -> Result<()> {
    let _held = run.held.hold("the deletion of images that is under way");
    let client = &work.client;
    let copies = work.others.last.iter().flat_map(|repository| fates.copies.deletions().into_iter().map(move |one| (repository, one)));
    let deletions: Vec<(&Repository, Deletion<'_>)> =
        copies.chain(fates.images.deletions().into_iter().map(|one| (&work.repository, one))).collect();
    let all: usize = deletions.iter().map(|(_, deletion)| deletion.tags.len()).sum();
    let mut waiting = deletions.into_iter();
    let one = |(repository, deletion): (&Repository, Deletion<'_>)| {
        let repository = repository.clone();
        let (digest, reason) = (deletion.digest.clone(), deletion.reason.to_owned());
        let references: Vec<String> = deletion.tags.iter().map(|tag| repository.with_tag((*tag).clone()).to_string()).collect();
        async move { (client.delete(&repository, &digest).await, references, reason) }
    };
    let mut running: FuturesUnordered<_> = waiting.by_ref().take(DELETIONS).map(one).collect();
    let (mut deleted, mut gone) = (0, 0);
    let mut end: Result<()> = Ok(());
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
    let kept = fates.images.counts().keep + fates.copies.counts().keep;
    run.events.emit(Event::CleanupDone { kept, deleted, left });
    if run.cancel.is_cancelled() && left > 0 {
        Err(stopped())
    } else {
        end?;
        empty_caches(work, fates, run).await
    }
}

/// Deletes what goes from caches too, as far as these let us.
async fn empty_caches(work: &Work<'_>, fates: &Fates, run: &Run) -> Result<()> {
    let gone: Vec<Digest> = fates.images.deletions().iter().map(|deletion| deletion.digest.clone()).collect();
    for cache in &work.others.caches {
        let deleting = futures::stream::iter(&gone).map(|digest| work.client.delete(cache, digest));
        let mut deleting = deleting.buffer_unordered(DELETIONS);
        let mut refused = None;
        while let Some(answer) = deleting.next().await {
            if run.cancel.is_cancelled() {
                return Err(stopped());
            }
            refused = refused.or(answer.err());
        }
        if let Some(error) = refused {
            let message = format!("not all that went is deleted in --cache-repo {cache}: {error}");
            run.events.emit(Event::Warned { message, help: Some(CACHE_HELP.into()) });
        }
    }
    Ok(())
}

/// A while after an interrupt: what is asked of a registry may happen although nobody waits for it, and its count is to be right.
async fn given_up(run: &Run) {
    run.cancel.cancelled().await;
    tokio::time::sleep(PATIENCE).await;
}

/// Takes the records away whose image is no more, or whose commit is lost.
pub async fn drop_records(work: &Work<'_>, stock: &Stock, fates: &Fates) -> Result<()> {
    let staying: HashSet<&str> = fates.images.kept().map(|tag| Record::beginning(tag.as_str())).collect();
    let is_idle = |record: &Record| !staying.contains(record.image.as_str()) || fates.lost.contains(&record.commit);
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
