//! All rules together: what each tag's fate is.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::cluster::{Use, UseOf};
use super::history::{self, Contents, History};
use super::policy::is_within;
use super::{Decision, Fate, KeepList, Published, Reason, Verdict};
use crate::error::Result;
use crate::project::config::meta::Cleanup;
use crate::registry::reference::{Digest, Repository};

/// Everything that a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Where the images are.
    pub repository: &'a Repository,
    /// All tags of the repository, foreign ones too.
    pub images: &'a [Published],
    /// `cleanup` of werf.yaml.
    pub config: &'a Cleanup,
    /// What clusters use; `None` where they were not asked (`--without-kube`).
    pub used: Option<&'a Use>,
    /// The project's history.
    pub history: History<'a>,
    /// What stays whatever the rules say.
    pub keep_list: &'a KeepList,
    /// The present.
    pub now: Timestamp,
}

/// Decides what happens to each tag. `contents` is asked only of commits on which it depends whether an image goes.
pub fn decide(input: Input<'_>, contents: &mut dyn Contents) -> Result<Decision> {
    let Input { repository, images, config, used, history, keep_list, now } = input;
    let by_cluster = !config.disable_kubernetes_based_policy && !config.disable;
    let by_git = !config.disable_git_history_based_policy && !config.disable;
    let by_age = !config.disable_built_within_last_n_hours_policy && !config.disable;

    let asked = used.is_some();
    let used = used.filter(|_| by_cluster).map(|used| used.of(repository)).unwrap_or_default();
    let own = Own { config, used: &used, keep_list, now };
    let mut judged: Vec<(&Published, Vec<Reason>)> = images.iter().map(|image| (image, own.reasons(image, None))).collect();
    if by_git {
        let held = held(&judged);
        let candidates: Vec<bool> = judged.iter().map(|(image, reasons)| reasons.is_empty() && !held.contains_key(&image.digest)).collect();
        let found = history::find(images, &candidates, &history, &config.keep_policies, now, contents)?;
        for ((image, reasons), (wanted, doubt)) in judged.iter_mut().zip(found.wanted.into_iter().zip(found.doubts)) {
            if image.origin.is_some() {
                reasons.extend(wanted);
                if reasons.is_empty() {
                    reasons.extend(doubt);
                }
            }
        }
    }
    Ok(fates(judged, |image| why_not(image, by_cluster.then_some(asked), [by_git, by_age], now)))
}

/// What an image's own reasons to stay depend on: those that are known without the history and without other tags.
pub(super) struct Own<'a> {
    pub config: &'a Cleanup,
    /// What uses images of the repository, where that counts.
    pub used: &'a UseOf<'a>,
    pub keep_list: &'a KeepList,
    pub now: Timestamp,
}

impl Own<'_> {
    /// The reasons of an image; `besides` is one that the caller knows.
    pub fn reasons(&self, image: &Published, besides: Option<Reason>) -> Vec<Reason> {
        let Own { config, used, keep_list, now } = *self;
        if let Some(problem) = &image.doubt {
            return vec![Reason::Unreadable { problem: problem.clone() }];
        }
        if image.origin.is_none() {
            return vec![Reason::Foreign];
        }
        if config.disable {
            return vec![Reason::Disabled];
        }
        let cluster = used.by(image).map(|by| Reason::Cluster { by: by.to_owned() });
        let recent = match image.created {
            Some(created) => is_within(created, now, config.keep_images_built_within).then(|| Reason::Recent { ago: age(created, now) }),
            None => Some(Reason::Undated),
        };
        let recent = recent.filter(|_| !config.disable_built_within_last_n_hours_policy);
        let listed = keep_list.names(image).then_some(Reason::KeepList);
        cluster.into_iter().chain(besides).chain(recent).chain(listed).collect()
    }
}

/// The fates of images with their own reasons to stay. `why_not` says of one that has none, and that nothing else holds, what was looked
/// for in vain.
pub(super) fn fates(mut judged: Vec<(&Published, Vec<Reason>)>, why_not: impl Fn(&Published) -> String) -> Decision {
    judged.sort_by(|(a, _), (b, _)| a.tag.cmp(&b.tag));
    let held = held(&judged);
    let fate = |(image, reasons): &(&Published, Vec<Reason>)| {
        let verdict = match (reasons.is_empty(), held.get(&image.digest)) {
            (false, _) => Verdict::Keep(reasons.clone()),
            (true, Some(holder)) => Verdict::Keep(vec![holder.clone()]),
            (true, None) => Verdict::Delete(why_not(image)),
        };
        let name = image.origin.as_ref().map(|origin| origin.image.clone());
        Fate { tag: image.tag.clone(), digest: image.digest.clone(), image: name, verdict }
    };
    Decision { fates: judged.iter().map(fate).collect() }
}

/// The manifests that stay whatever is said of their other tags: to delete a manifest is to delete all its tags, and what is made of it.
fn held<'a>(judged: &[(&'a Published, Vec<Reason>)]) -> BTreeMap<&'a Digest, Reason> {
    let staying: Vec<&Published> = judged.iter().filter(|(_, reasons)| !reasons.is_empty()).map(|(image, _)| *image).collect();
    let mut held = BTreeMap::new();
    for image in &staying {
        held.entry(&image.digest).or_insert_with(|| Reason::SharedManifest { tag: image.tag.to_string() });
    }
    for image in &staying {
        for part in &image.parts {
            held.entry(part).or_insert_with(|| Reason::PartOf { tag: image.tag.to_string() });
        }
    }
    held
}

/// What was looked for in vain. `by_cluster` says whether a cluster was asked, where its word counts.
fn why_not(image: &Published, by_cluster: Option<bool>, [by_git, by_age]: [bool; 2], now: Timestamp) -> String {
    let mut parts = Vec::new();
    parts.extend(by_cluster.map(|asked| if asked { "no workload uses it" } else { "no cluster was asked" }.to_owned()));
    if by_git {
        parts.push("no branch or tag wants it".to_owned());
    }
    if by_age {
        parts.extend(image.created.map(|created| format!("built {} ago", age(created, now))));
    }
    if parts.is_empty() { "all policies are disabled".to_owned() } else { parts.join(", ") }
}

/// `5 minutes`, `3 hours`, `12 days`: the largest unit that has two of itself or is the least.
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}
