use super::*;

/// Variables that are not made from the flag's name, as in werf.
const IRREGULAR: &[(&str, &str)] = &[
    ("git-work-tree", "WERF_WORK_TREE"),
    ("output", "WERF_RENDER_OUTPUT"),
    ("status-progress-period", "WERF_STATUS_PROGRESS_PERIOD_SECONDS"),
    ("hooks-status-progress-period", "WERF_HOOKS_STATUS_PROGRESS_PERIOD_SECONDS"),
];

/// Flags of werf 2 for the commands that exist here, as its reference lists them.
const OF_WERF: &str = "\
add-annotation add-label allowed-backend-storage-volume-usage allowed-backend-storage-volume-usage-margin \
allowed-docker-storage-volume-usage allowed-docker-storage-volume-usage-margin allowed-local-cache-volume-usage \
allowed-local-cache-volume-usage-margin auto-rollback config config-templates-dir dev dev-ignore dir disable-auto-host-cleanup \
disable-default-secret-values disable-default-values docker-config dry-run env exit-code extra-apiversions final-images-only \
force-adoption git-work-tree giterminism-config hooks-status-progress-period ignore-secret-key include-crds insecure-registry keep-list \
keep-stages-built-within-last-n-hours kube-api-server kube-burst-limit kube-ca-path kube-config kube-config-base64 kube-context \
kube-qps-limit kube-scan-namespaces kube-tls-server kube-token kube-version log-color-mode log-debug log-pretty log-project-dir log-quiet \
log-terminal-width log-time log-verbose loose-giterminism namespace network-parallelism no-install-crds no-notes no-pod-logs output \
parallel parallel-tasks-limit platform release release-label releases-history-max repo require-built-images scan-context-namespace-only \
secret-key secret-values set set-file set-json set-literal set-string shell show-only skip-dependencies-repo-refresh \
skip-tls-verify-kube skip-tls-verify-registry ssh-key status-progress-period stub-tags synchronization timeout tmp-dir validate values with-hooks \
with-namespace without-kube";

/// Flags for what werf 2 does not do.
const OURS: &str = "buildkit-host buildkit-tls-ca buildkit-tls-cert buildkit-tls-key buildkit-tls-server-name buildkitd debug deterministic explain helm-compat json strict validate-schemas";

fn each_flag(check: &mut dyn FnMut(&str, &clap::Arg)) {
    fn walk(command: &clap::Command, check: &mut dyn FnMut(&str, &clap::Arg)) {
        for arg in command.get_arguments().filter(|arg| !arg.is_positional() && arg.get_id() != "help") {
            check(command.get_name(), arg);
        }
        // flags of `werf helm` are Helm's own
        command.get_subcommands().filter(|command| command.get_name() != "helm").for_each(|command| walk(command, check));
    }
    let mut command = Cli::command();
    command.build();
    command.clone().debug_assert();
    walk(&command, check);
}

#[test]
fn every_flag_has_help_and_the_variable_of_its_name() {
    each_flag(&mut |command, arg| {
        let long = arg.get_long().unwrap_or_else(|| panic!("{command}: {} has no long name", arg.get_id()));
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.len() > 5 && !help.ends_with('.'), "{command} --{long}: `{help}`");
        let regular = format!("WERF_{}", long.replace('-', "_").to_uppercase());
        let expected = IRREGULAR.iter().find(|(flag, _)| *flag == long).map_or(regular.as_str(), |(_, variable)| variable);
        assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(expected), "{command} --{long}");
    });
}

#[test]
fn every_flag_is_one_of_werf_or_for_what_werf_does_not_do() {
    let known: Vec<&str> = OF_WERF.split_whitespace().chain(OURS.split_whitespace()).collect();
    let mut unknown = std::collections::BTreeSet::new();
    let mut used = std::collections::BTreeSet::new();
    each_flag(&mut |_, arg| {
        let long = arg.get_long().unwrap_or_default().to_owned();
        if !known.contains(&long.as_str()) {
            unknown.insert(long.clone());
        }
        used.insert(long);
    });
    assert!(unknown.is_empty(), "neither werf's nor ours: {unknown:?}");
    let gone: Vec<&&str> = known.iter().filter(|name| !used.contains(**name)).collect();
    assert!(gone.is_empty(), "no command has: {gone:?}");
    let there: Vec<&&str> = not_yet::NOT_YET.iter().filter(|name| used.contains(**name)).collect();
    assert!(there.is_empty(), "these are supported by now: {there:?}");
}

#[test]
fn one_name_means_one_thing_in_all_commands() {
    let mut seen = std::collections::BTreeMap::new();
    each_flag(&mut |command, arg| {
        let long = arg.get_long().unwrap_or_default().to_owned();
        let meaning = (arg.get_help().map(ToString::to_string), arg.get_short(), arg.get_env().map(std::ffi::OsStr::to_owned));
        let (first, known) = seen.entry(long.clone()).or_insert_with(|| (command.to_owned(), meaning.clone()));
        assert_eq!(*known, meaning, "--{long} of {first} and of {command}");
    });
}
