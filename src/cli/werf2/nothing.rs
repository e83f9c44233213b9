//! Flags of werf 2 that have nothing to do here: they are accepted, so that command lines and variables of pipelines go on working.

use clap::Arg;

use super::names::{Flag, flags};

/// Flags that have no effect, and why.
pub struct Nothing {
    /// Their names.
    pub flags: &'static [&'static str],
    /// The commands, or groups of commands, in which they have none; empty for all.
    pub commands: &'static [&'static str],
    /// Why there is nothing to do.
    pub why: &'static str,
}

/// All of them.
pub const NOTHING: &[Nothing] = &[
    Nothing {
        flags: &["disable-auto-host-cleanup", "allowed-local-cache-volume-usage", "allowed-local-cache-volume-usage-margin"],
        commands: &[],
        why: "nothing of the host has to be cleaned up",
    },
    Nothing {
        flags: &["allowed-backend-storage-volume-usage", "allowed-backend-storage-volume-usage-margin", "backend-storage-path"],
        commands: &[],
        why: "there is no local image storage",
    },
    Nothing { flags: &["synchronization"], commands: &[], why: "no lock service is needed" },
    Nothing { flags: &["tmp-dir"], commands: &[], why: "no temporary files are made" },
    Nothing { flags: &["log-project-dir"], commands: &[], why: "the project's directory is not printed" },
    Nothing {
        flags: &["kube-qps-limit", "kube-burst-limit"],
        commands: &[],
        why: "requests are few, and bounded by --network-parallelism",
    },
    Nothing {
        flags: &["status-progress-period", "hooks-status-progress-period"],
        commands: &[],
        why: "changes are shown when they happen",
    },
    Nothing { flags: &["dev-branch"], commands: &[], why: "no branch is made for --dev" },
    Nothing { flags: &["virtual-merge"], commands: &[], why: "names come from content, whichever commit has it" },
    Nothing { flags: &["debug-templates"], commands: &[], why: "an error of a template always tells all that is known" },
    Nothing {
        flags: &["repo-container-registry", "final-repo-container-registry"],
        commands: &[],
        why: "all registries are spoken to alike",
    },
    Nothing { flags: &["secondary-repo"], commands: &["cleanup"], why: "nothing is deleted there" },
    Nothing {
        flags: &[
            "repo-docker-hub-password",
            "repo-docker-hub-token",
            "repo-docker-hub-username",
            "repo-github-token",
            "repo-harbor-password",
            "repo-harbor-username",
            "repo-quay-token",
            "final-repo-docker-hub-password",
            "final-repo-docker-hub-token",
            "final-repo-docker-hub-username",
            "final-repo-github-token",
            "final-repo-harbor-password",
            "final-repo-harbor-username",
            "final-repo-quay-token",
        ],
        commands: &["build", "converge", "dismiss", "lint", "plan", "render"],
        why: "images are pushed and found with the login of the Docker configuration",
    },
    Nothing {
        flags: &[
            "repo",
            "cache-repo",
            "secondary-repo",
            "final-repo",
            "container-registry-mirror",
            "docker-config",
            "insecure-registry",
            "skip-tls-verify-registry",
            "insecure-helm-dependencies",
            "platform",
        ],
        commands: &["dismiss"],
        why: "no registry is asked",
    },
    Nothing { flags: &["platform"], commands: &["includes"], why: "no image is looked at" },
    Nothing { flags: &["follow"], commands: &["includes"], why: "what is included is looked at once" },
    Nothing {
        flags: &["dev", "dev-branch", "dev-ignore", "loose-giterminism"],
        commands: &["helm secret"],
        why: "files are those of the disk",
    },
    Nothing {
        flags: &["kube-config", "kube-config-base64", "kube-context", "namespace"],
        commands: &["helm secret"],
        why: "no cluster is asked",
    },
    Nothing { flags: &["parallel", "parallel-tasks-limit"], commands: &["cleanup"], why: "requests always run side by side" },
    Nothing { flags: &["parallel", "parallel-tasks-limit", "save-build-report"], commands: &["lint", "plan"], why: "nothing is built" },
    Nothing { flags: &["runtime-annotations", "runtime-labels"], commands: &["lint"], why: "nothing is deployed" },
    Nothing { flags: &["force-adoption"], commands: &["lint", "render"], why: "nothing is deployed" },
    Nothing { flags: &["delete-propagation", "no-final-tracking"], commands: &["lint"], why: "nothing is deployed" },
    Nothing { flags: &["releases-history-max"], commands: &["render"], why: "no record is written" },
    Nothing { flags: &["kube-config", "kube-config-base64", "kube-context"], commands: &["build"], why: "no cluster is asked" },
    Nothing { flags: &["insecure-helm-dependencies"], commands: &["build", "cleanup"], why: "no chart is looked at" },
    // `ci-env github` sets its variable for all commands of the job
    Nothing {
        flags: &["repo-github-token", "final-repo-github-token"],
        commands: &["cleanup"],
        why: "images are deleted with the login of the Docker configuration",
    },
];

/// Second names that older versions of werf 2 had.
const OLDER: &[(&str, &str)] = &[
    ("allowed-backend-storage-volume-usage", "allowed-docker-storage-volume-usage"),
    ("allowed-backend-storage-volume-usage-margin", "allowed-docker-storage-volume-usage-margin"),
];

/// Why a flag of werf 2 has nothing to do in a command; `None` where it has.
pub fn why(flag: &Flag, command: &str) -> Option<&'static str> {
    let is_of = |group: &&str| command.strip_prefix(*group).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    let fits =
        |nothing: &&Nothing| nothing.flags.contains(&flag.name) && (nothing.commands.is_empty() || nothing.commands.iter().any(is_of));
    NOTHING.iter().filter(|_| flag.is_of(command)).find(fits).map(|nothing| nothing.why)
}

/// A command with the flags that werf 2 has for it and that have nothing to do here. What the command has itself stays.
pub fn accepted(command: clap::Command, path: &str) -> clap::Command {
    let known: Vec<String> = command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    let mut shorts: Vec<char> = command.get_arguments().filter_map(Arg::get_short).collect();
    flags().filter(|flag| !known.iter().any(|known| known == flag.name)).fold(command, |command, flag| {
        let Some(why) = why(&flag, path) else { return command };
        let older = OLDER.iter().find(|(name, _)| *name == flag.name).map(|(_, older)| *older);
        let arg = Arg::new(flag.name).long(flag.name).aliases(older).hide(true).help(format!("No effect: {why}"));
        let arg = match flag.short.filter(|short| !shorts.contains(short)) {
            Some(short) => {
                shorts.push(short);
                arg.short(short)
            }
            None => arg,
        };
        command.arg(match flag.is_switch() {
            true => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
            false => arg.num_args(1).allow_hyphen_values(true).action(clap::ArgAction::Append),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_flag_of_werf_2_for_its_commands() {
        for nothing in NOTHING {
            for name in nothing.flags {
                let flag = flags().find(|flag| flag.name == *name).unwrap_or_else(|| panic!("werf 2 has no --{name}"));
                let is_of = |group: &str| flag.commands().any(|command| command.starts_with(group));
                nothing.commands.iter().for_each(|group| assert!(is_of(group), "--{name} of {group}"));
            }
        }
    }

    #[test]
    fn flags_are_accepted_with_and_without_values() {
        let command = || accepted(clap::Command::new("werf").arg(Arg::new("dev").long("dev")), "dismiss");
        for args in [
            &["werf", "--repo", "x", "--repo=y", "--synchronization", ":local"][..],
            &["werf", "--disable-auto-host-cleanup", "--status-progress-period", "-1"],
            &["werf", "--insecure-registry=false", "--allowed-docker-storage-volume-usage=70"],
        ] {
            command().try_get_matches_from(args).unwrap();
        }
        assert!(command().try_get_matches_from(["werf", "--set", "a=b"]).is_err());
    }
}
