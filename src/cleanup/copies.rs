//! What happens to copies of images in the repository that charts take them from.
//!
//! A copy stays as long as its original does, and longer where something uses it.

use std::collections::HashSet;

use jiff::Timestamp;

use super::cluster::Use;
use super::decide::{Own, fates};
use super::{Decision, KeepList, Published, Reason};
use crate::project::config::meta::Cleanup;
use crate::registry::reference::{Repository, Tag};

/// Everything that the fates of copies depend on.
#[derive(Clone, Copy, Debug)]
pub struct Copies<'a> {
    /// Where the copies are.
    pub repository: &'a Repository,
    /// All its tags, foreign ones too. They must have been listed before those of the originals: what is copied meanwhile would seem to
    /// have none.
    pub images: &'a [Published],
    /// What happens to the originals.
    pub originals: &'a Decision,
    /// `cleanup` of werf.yaml.
    pub config: &'a Cleanup,
    /// What clusters use; `None` where they were not asked.
    pub used: Option<&'a Use>,
    /// What stays whatever the rules say.
    pub keep_list: &'a KeepList,
    /// The present.
    pub now: Timestamp,
}

/// Decides what happens to each copy.
pub fn decide_copies(input: Copies<'_>) -> Decision {
    let Copies { repository, images, originals, config, used, keep_list, now } = input;
    let asked = used.is_some();
    let used = used.filter(|_| !config.disable_kubernetes_based_policy).map(|used| used.of(repository)).unwrap_or_default();
    let staying: HashSet<&Tag> = originals.kept().collect();
    let own = Own { config, used: &used, keep_list, now };
    let reasons = |image: &Published| own.reasons(image, staying.contains(&image.tag).then_some(Reason::Original));
    let why_not = |_: &Published| match asked {
        true => "its original goes or is gone, no workload uses it".to_owned(),
        false => "its original goes or is gone, no cluster was asked".to_owned(),
    };
    fates(images.iter().map(|image| (image, reasons(image))).collect(), why_not)
}
