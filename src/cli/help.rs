//! What `-h` and `--help` of a command show: the flags of the day and one example, or all there is.

use std::ffi::OsString;
use std::io::IsTerminal;

use clap::builder::StyledStr;
use clap::{Arg, Command};

use super::env;

/// Flags of the day, beside those that a command has for itself alone.
const DAY: &[&str] = &[
    "auto-rollback",
    "dev",
    "env",
    "kube-context",
    "log-quiet",
    "log-verbose",
    "namespace",
    "release",
    "repo",
    "secret-values",
    "set",
    "timeout",
    "values",
];

/// Commands with examples, the most usual first.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "converge",
        &[
            "werf converge --repo registry.example.org/team/shop --env staging",
            "werf converge --repo registry.example.org/team/shop --env staging --auto-rollback --timeout 600",
            "werf converge --repo registry.example.org/team/shop --dev",
        ],
    ),
    (
        "build",
        &[
            "werf build --repo registry.example.org/team/shop",
            "werf build --repo registry.example.org/team/shop backend",
            "werf build --repo registry.example.org/team/shop --explain",
        ],
    ),
    ("render", &["werf render --env staging --set replicas=2", "werf render --repo registry.example.org/team/shop > manifests.yaml"]),
    ("lint", &["werf lint --env staging --strict"]),
    (
        "plan",
        &["werf plan --repo registry.example.org/team/shop --env staging", "werf plan --repo registry.example.org/team/shop --exit-code"],
    ),
    ("status", &["werf status --env staging", "werf status --env staging --json"]),
    ("logs", &["werf logs --env staging -f backend", "werf logs --env staging --tail -1 Deployment/backend"]),
    ("rollback", &["werf rollback --env staging", "werf rollback --env staging --revision 3"]),
    ("dismiss", &["werf dismiss --env review-17 --with-namespace"]),
    ("cleanup", &["werf cleanup --repo registry.example.org/team/shop --dry-run"]),
    ("ci-env", &[". $(werf ci-env gitlab --as-file)", ". $(werf ci-env github --as-file)"]),
    ("completion", &["werf completion bash > /etc/bash_completion.d/werf", "echo 'source <(werf completion zsh)' >> ~/.zshrc"]),
    ("init", &["werf init"]),
];

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 input or work failed, 2 wrong command line, 70 a defect of werf, 130 interrupted.
Documentation: README.md and docs/ of the source; what werf 2 documents holds too: https://werf.io/docs/v2/";

/// The help that a command line asks for, where it is other than clap's: of commands but those of `werf helm`, which are Helm's.
pub fn asked_for(command: &Command, path: &str, args: &[OsString]) -> Option<String> {
    if path.is_empty() || path == "helm" || path.starts_with("helm ") {
        return None;
    }
    let is_short = !args.iter().any(|arg| arg == "--help" || arg == "help");
    let examples = EXAMPLES.iter().find(|(known, _)| *known == path).map_or(&[][..], |(_, examples)| examples);
    let shown = if is_short { 1 } else { examples.len() };
    let mut below = Vec::new();
    if !examples.is_empty() {
        let title = if shown == 1 { "Example:" } else { "Examples:" };
        below.push(format!("{title}\n  {}", examples[..shown].join("\n  ")));
    }
    let hides_some = is_short && command.get_arguments().any(|arg| !is_of_the_day(arg) && !arg.is_hide_set());
    below.push(match is_short {
        false => EXIT_CODES.to_owned(),
        true if hides_some => format!("These are the flags of the day: `werf {path} --help` has all, with their variables."),
        true => format!("`werf {path} --help` says more."),
    });
    let mut command = command.clone().bin_name(format!("werf {path}")).after_help(StyledStr::from(below.join("\n\n")));
    if is_short {
        command = command.mut_args(|arg| if is_of_the_day(&arg) { arg.hide_env(true) } else { arg.hide(true) });
    }
    let text = command.render_help();
    let is_colored = std::io::stdout().is_terminal() && env::text("NO_COLOR").is_none();
    Some(if is_colored { text.ansi().to_string() } else { text.to_string() })
}

fn is_of_the_day(arg: &Arg) -> bool {
    let is_own = arg.get_help_heading().is_none();
    is_own || arg.get_long().is_some_and(|long| DAY.contains(&long))
}
