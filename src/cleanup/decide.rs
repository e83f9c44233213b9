//! All rules together: what each tag's fate is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::cluster::Use;
use super::history::{History, PolicyError, is_within, kept};
use super::{Decision, Fate, Published, Reason, Verdict};
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
    /// Tags to keep whatever the rules say.
    pub keep_list: &'a BTreeSet<String>,
    /// The present.
    pub now: Timestamp,
}

/// Decides what happens to each tag.
pub fn decide(input: Input<'_>) -> Result<Decision, PolicyError> {
    let Input { repository, images, config, used, history, keep_list, now } = input;
    let by_cluster = !config.disable_kubernetes_based_policy && !config.disable;
    let by_git = !config.disable_git_history_based_policy && !config.disable;
    let by_age = !config.disable_built_within_last_n_hours_policy && !config.disable;

    let used = used.filter(|_| by_cluster).map(|used| used.of(repository)).unwrap_or_default();
    let wanted = if by_git { kept(images, &history, &config.keep_policies, now)? } else { BTreeMap::new() };

    let reasons = |image: &Published| -> Vec<Reason> {
        if image.origin.is_none() {
            return vec![Reason::Foreign];
        }
        if config.disable {
            return vec![Reason::Disabled];
        }
        let cluster = used.by(image).map(|by| Reason::Cluster { by: by.to_owned() });
        let git = wanted.get(image.tag.as_str()).into_iter().flatten().cloned();
        let recent = image.created.filter(|created| by_age && is_within(*created, now, config.keep_images_built_within));
        let recent = recent.map(|created| Reason::Recent { ago: age(created, now) });
        let listed = keep_list.contains(image.tag.as_str()).then_some(Reason::KeepList);
        cluster.into_iter().chain(git).chain(recent).chain(listed).collect()
    };
    let mut judged: Vec<(&Published, Vec<Reason>)> = images.iter().map(|image| (image, reasons(image))).collect();
    judged.sort_by(|(a, _), (b, _)| a.tag.cmp(&b.tag));

    // To delete a manifest is to delete all its tags, so one that stays keeps the others.
    let mut staying: BTreeMap<&Digest, &str> = BTreeMap::new();
    for (image, _) in judged.iter().filter(|(_, reasons)| !reasons.is_empty()) {
        staying.entry(&image.digest).or_insert(image.tag.as_str());
    }
    let fate = |(image, reasons): &(&Published, Vec<Reason>)| {
        let shared = staying.get(&image.digest).map(|tag| Reason::SharedManifest { tag: (*tag).to_owned() });
        let verdict = match (reasons.is_empty(), shared) {
            (false, _) => Verdict::Keep(reasons.clone()),
            (true, Some(shared)) => Verdict::Keep(vec![shared]),
            (true, None) => Verdict::Delete(why_not(image, [by_cluster, by_git, by_age], now)),
        };
        let name = image.origin.as_ref().map(|origin| origin.image.clone());
        Fate { tag: image.tag.clone(), digest: image.digest.clone(), image: name, verdict }
    };
    Ok(Decision { fates: judged.iter().map(fate).collect() })
}

/// What was looked for in vain.
fn why_not(image: &Published, [by_cluster, by_git, by_age]: [bool; 3], now: Timestamp) -> String {
    let mut parts = Vec::new();
    if by_cluster {
        parts.push("no workload uses it".to_owned());
    }
    if by_git {
        parts.push("no branch or tag wants it".to_owned());
    }
    if by_age {
        parts.push(match image.created {
            Some(created) => format!("built {} ago", age(created, now)),
            None => "built at an unknown time".to_owned(),
        });
    }
    if parts.is_empty() { "all policies are disabled".to_owned() } else { parts.join(", ") }
}

/// `5 minutes`, `3 hours`, `12 days`: the largest unit that has two of itself or is the least.
fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}
