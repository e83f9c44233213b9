//! How a mapping's files come onto a state: laid over it as layers, or copied into it.
//!
//! Laying layers over a state (LLB's merge) costs nothing for files that are known already, but gives the directories of the layers,
//! `to` and those above it, the layers' own owner and mode, and puts a directory where the state has a symbolic link. So files are
//! copied instead where the directories above `to` may be somebody's (a home, a directory for temporary files), where `to` is a
//! directory of the system or perhaps reached by a link (`/lib` is one in most distributions), and where an owner is a name that
//! only the image's own files can resolve.

use crate::images::git_layers::Owner;
use crate::images::llb;
use crate::project::config::image::GitMapping;

/// What to do with a mapping's files.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Lay layers with this owner over the state.
    Merge(Owner),
    /// Copy; `Some` is an owner with a name in it.
    Copy(Option<llb::Owner>),
}

/// Directories that belong to root in every image, so that a layer may state them again. Nothing goes right into them by a layer.
const SYSTEM: [&str; 21] = [
    "",
    "boot",
    "etc",
    "home",
    "media",
    "mnt",
    "opt",
    "srv",
    "usr",
    "usr/games",
    "usr/include",
    "usr/libexec",
    "usr/local",
    "usr/share",
    "usr/src",
    "usr/share/nginx",
    "var",
    "var/cache",
    "var/lib",
    "var/opt",
    "var/www",
];

/// Where links, private directories and mounts are usual: nothing below is laid over.
const DELICATE: [&str; 19] = [
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib64",
    "usr/local/bin",
    "usr/local/lib",
    "dev",
    "proc",
    "sys",
    "run",
    "root",
    "tmp",
    "var/tmp",
];

/// Chooses for one mapping. `ran`: commands or imports may have made directories before.
pub(super) fn step(mapping: &GitMapping, ran: bool) -> Step {
    let Some(owner) = numeric_owner(mapping) else { return Step::Copy(named_owner(mapping.owner.as_deref(), mapping.group.as_deref())) };
    let to = mapping.to.trim_matches('/');
    let below = |directory: &str| to.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let more_delicate = ["home/", "var/run", "var/lock", "var/mail", "var/spool"];
    let delicate = DELICATE.iter().any(|directory| below(directory)) || more_delicate.iter().any(|start| to.starts_with(start));
    let above = to.match_indices('/').map(|(at, _)| &to[..at]);
    let unknown_above = ran && above.into_iter().any(|directory| !SYSTEM.contains(&directory));
    if SYSTEM.contains(&to) || delicate || unknown_above || mapping.remote.is_some() { Step::Copy(None) } else { Step::Merge(owner) }
}

/// The owner if it is given by numbers, or not at all (root).
pub(super) fn numeric_owner(mapping: &GitMapping) -> Option<Owner> {
    let id = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map_or(Some(0), |text| text.parse().ok());
    Some(Owner { uid: id(&mapping.owner)?, gid: id(&mapping.group)? })
}

/// The owner for a copy. Given by numbers the files of a layer have it already, but the directories that the copy makes do not.
pub(super) fn owner(mapping: &GitMapping) -> Option<llb::Owner> {
    named_owner(mapping.owner.as_deref(), mapping.group.as_deref())
}

/// An owner of names or numbers; `None` if there is neither.
pub(super) fn named_owner(owner: Option<&str>, group: Option<&str>) -> Option<llb::Owner> {
    let account = |text: &str| text.parse().map_or_else(|_| llb::Account::Name(text.to_owned()), llb::Account::Id);
    let account = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(account);
    let owner = llb::Owner { user: account(owner), group: account(group) };
    (owner.user.is_some() || owner.group.is_some()).then_some(owner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn mapping(to: &str, owner: Option<&str>, group: Option<&str>) -> GitMapping {
        GitMapping {
            add: String::new(),
            to: to.into(),
            owner: owner.map(Into::into),
            group: group.map(Into::into),
            include_paths: Vec::new(),
            exclude_paths: Vec::new(),
            stage_dependencies: BTreeMap::new(),
            remote: None,
            at: Default::default(),
        }
    }

    #[test]
    fn laid_over_or_copied() {
        for (to, ran, merged) in [
            ("/app", false, true),
            ("/app", true, true),
            ("/app/backend", false, true),
            ("/app/backend", true, false),
            ("/opt/app", true, true),
            ("/usr/src/app", true, true),
            ("/var/www/html", true, true),
            ("/", false, false),
            ("/usr/local", false, false),
            ("/etc", false, false),
            ("/etc/app", false, true),
            ("/home/app", false, false),
            ("/tmp/x", false, false),
            ("/lib/x", false, false),
            ("/library", false, true),
            ("/usr/local/bin/tool", false, false),
            ("/var/run/x", false, false),
        ] {
            assert_eq!(matches!(step(&mapping(to, None, None), ran), Step::Merge(_)), merged, "{to} {ran}");
        }
    }

    #[test]
    fn owners() {
        assert_eq!(step(&mapping("/app", Some("1000"), Some("7")), false), Step::Merge(Owner { uid: 1000, gid: 7 }));
        let app = || llb::Account::Name("app".into());
        assert_eq!(step(&mapping("/app", Some("app"), None), false), Step::Copy(Some(llb::Owner { user: Some(app()), group: None })));
        assert_eq!(
            step(&mapping("/app", Some("5"), Some("app")), false),
            Step::Copy(Some(llb::Owner { user: Some(llb::Account::Id(5)), group: Some(app()) }))
        );
    }
}
