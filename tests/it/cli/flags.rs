//! The command line itself: what it refuses, what it prints, and that its names are werf's.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::super::fake_registry::full_repository;
use super::super::sandbox::Sandbox;
use super::{app, told, told_with};

#[test]
fn what_is_unknown() {
    let sandbox = Sandbox::empty();
    insta::assert_snapshot!(told(&sandbox, &["converge", "--rpo", "x"]), @r"
    exit 2
    error: unexpected argument '--rpo' found

      tip: a similar argument exists: '--repo'

    Usage: werf converge --repo <REPO> [IMAGES]...

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told(&sandbox, &["converge", "--use-plan", "x"]), @r"
    exit 2
    error: unexpected argument '--use-plan' found

      tip: werf 2 has this flag, and it is not supported here yet

    Usage: werf converge [OPTIONS] [IMAGES]...

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told(&sandbox, &["build", "--introspect-stage=app"]), @r"
    exit 2
    error: unexpected argument '--introspect-stage' found

      tip: werf 2 has this flag, and it is not supported here yet

    Usage: werf build [OPTIONS] [IMAGES]...

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told(&sandbox, &["build", "--set", "a=1"]), @r"
    exit 2
    error: unexpected argument '--set' found

      tip: in werf 2 it is a flag of `bundle apply`, `bundle plan`, `bundle publish` and others, not of `build`

    Usage: werf build [OPTIONS] [IMAGES]...

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told(&sandbox, &["bundle", "publish", "--repo", "x"]), @r"
    exit 2
    error: unrecognized subcommand 'bundle'

      tip: werf 2 has the command `bundle publish`, and it is not supported here yet

    Usage: werf <COMMAND>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "install", "a", "b"]), @r"
    exit 2
    error: unrecognized subcommand 'install'

      tip: werf 2 has the command `helm install`, and it is not supported here yet

    Usage: werf helm <COMMAND>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told(&sandbox, &["converg"]), @r"
    exit 2
    error: unrecognized subcommand 'converg'

      tip: a similar subcommand exists: 'converge'

    Usage: werf <COMMAND>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told(&sandbox, &["config", "list", "web"]), @r"
    exit 2
    error: unexpected argument 'web' found

    Usage: werf config list [OPTIONS]

    For more information, try '--help'.
    ");
}

#[test]
fn tips_lead_only_where_they_are_meant() {
    let sandbox = Sandbox::empty();
    let tip = |args: &[&str]| {
        let text = told(&sandbox, args);
        assert!(text.starts_with("exit 2\n"), "{text}");
        text.lines().find_map(|line| line.trim().strip_prefix("tip: ")).map(str::to_owned)
    };
    for (args, expect) in [
        (&["converge", "--dry-run"][..], Some("`werf plan` says what would change, and changes nothing")),
        (&["converge", "--wait"], Some("it always waits until all is done; `--timeout` says how long at most")),
        (&["build", "--dry-run"], Some("`werf build --explain` says what an image is made of, and builds nothing")),
        (&["converge", "--reop", "x"], Some("a similar argument exists: '--repo'")),
        (&["dismis"], Some("a similar subcommand exists: 'dismiss'")),
        // far, or a protection that goes
        (&["render", "--skip-tls"], None),
        (&["converge", "--loose"], None),
        (&["stop"], None),
    ] {
        assert_eq!(tip(args).as_deref(), expect, "{args:?}");
    }
}

#[test]
fn help_of_the_day_is_a_screenful_and_the_whole_has_all() {
    let sandbox = Sandbox::empty();
    let text = told(&sandbox, &["converge", "-h"]);
    assert!(text.lines().count() < 50, "{} lines:\n{text}", text.lines().count());
    for part in ["--repo <REPO>", "--env <ENV>", "--auto-rollback", "Example:\n  werf converge --repo ", "`werf converge --help` has all"] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
    assert!(!text.contains("--kube-token") && !text.contains("WERF_REPO"), "{text}");
    let all = told(&sandbox, &["converge", "--help"]);
    for part in ["--kube-token", "WERF_REPO", "Examples:\n  werf converge --repo ", "Exit codes: 0 done, ", "Documentation: "] {
        assert!(all.contains(part), "`{part}` is missing in:\n{all}");
    }
    assert_eq!(told(&sandbox, &["help", "converge"]), all);
    assert!(told(&sandbox, &["helm", "template", "-h"]).contains("--post-renderer"), "helm's are Helm's");
}

#[test]
fn values_that_do_not_fit() {
    let sandbox = Sandbox::empty();
    insta::assert_snapshot!(told(&sandbox, &["plan", "--timeout", "5m"]), @r"
    exit 2
    error: invalid value '5m' for '--timeout <SECONDS>': a whole number is wanted

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told(&sandbox, &["plan", "--dev=maybe"]), @r"
    exit 2
    error: invalid value 'maybe' for '--dev[=<BOOL>]': `maybe` is neither true nor false

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told(&sandbox, &["plan", "--log-color-mode", "blue"]), @r"
    exit 2
    error: invalid value 'blue' for '--log-color-mode <MODE>': `blue` is none of auto, on, off

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told(&sandbox, &["completion", "--shell", "csh"]), @r"
    exit 2
    error: invalid value 'csh' for '--shell <SHELL>'
      [possible values: bash, elvish, fish, powershell, zsh]

      tip: a similar value exists: 'zsh'

    For more information, try '--help'.
    ");
}

#[test]
fn variables_that_do_not_fit() {
    let sandbox = Sandbox::empty();
    insta::assert_snapshot!(told_with(&sandbox, &["plan"], &[("WERF_TIMEOUT", "5m")]), @r"
    exit 2
    error: invalid value '5m' for 'WERF_TIMEOUT, the variable of --timeout': a whole number is wanted

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told_with(&sandbox, &["config", "list"], &[("WERF_DEV", "maybe")]), @r"
    exit 2
    error: invalid value 'maybe' for 'WERF_DEV, the variable of --dev': `maybe` is neither true nor false

    For more information, try '--help'.
    ");
}

#[test]
fn variables_of_werf_2_are_not_passed_over() {
    let sandbox = app();
    insta::assert_snapshot!(told_with(&sandbox, &["render"], &[("WERF_SET_ROOT_JSON_1", "Values.a=1")]), @r"
    exit 2
    error: WERF_SET_ROOT_JSON_1 is set: it is the variable of --set-root-json, which werf 2 has for this command and which is not supported here yet

      tip: unset it where its effect is not wanted

    Usage: werf render [OPTIONS] [IMAGES]...

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told_with(&sandbox, &["converge"], &[("WERF_ATOMIC", "perhaps")]), @r"
    exit 2
    error: invalid value 'perhaps' for 'WERF_ATOMIC, the variable of --auto-rollback': `perhaps` is neither true nor false

    For more information, try '--help'.
    ");
    for (command, variable, value) in [
        ("render", "WERF_SAVE_BUILD_REPORT", "0"), // the value that it has anyway
        ("config", "WERF_FINAL_REPO", "x"),        // of other commands
        ("render", "WERF_OF_MY_OWN", "x"),
    ] {
        let command: &[&str] = if command == "config" { &["config", "list"] } else { &[command] };
        assert_eq!(sandbox.werf_with(command, &[(variable, value)]).code, 0, "{variable}");
    }
}

#[test]
fn empty_variables_are_none() {
    let empty = ["WERF_TIMEOUT", "WERF_DEV", "WERF_REPO", "WERF_ENV", "WERF_NAMESPACE", "WERF_LOG_COLOR_MODE", "WERF_DIR", "WERF_SET"];
    let env: Vec<(&str, &str)> = empty.iter().map(|name| (*name, "")).collect();
    let sandbox = app();
    assert_eq!(told_with(&sandbox, &["config", "list"], &env), "exit 0\nweb\n");
    assert_eq!(told_with(&sandbox, &["plan"], &env), told(&sandbox, &["plan"]));
}

#[test]
fn a_variable_stands_for_its_flag() {
    let (sandbox, repo) = (app(), full_repository());
    let text = sandbox.werf(&["render", "--repo", &repo, "--namespace", "ns", "--set", "a=1"]).stdout;
    assert!(text.contains(&repo), "{text}");
    let env = [("WERF_REPO", repo.as_str()), ("WERF_NAMESPACE", "ns"), ("WERF_SET_1", "a=1")];
    assert_eq!(sandbox.werf_with(&["render"], &env).stdout, text);
    assert_eq!(sandbox.werf_with(&["render"], &[("WERF_DOCKER_REPO", &repo), env[1], env[2]]).stdout, text);
    assert_eq!(sandbox.werf(&["render", "--docker-repo", &repo, "--namespace", "ns"]).stdout, text);
}

#[test]
fn flags_of_werf_2_that_have_nothing_to_do_are_accepted() {
    let sandbox = app();
    let plain = sandbox.werf(&["render"]);
    let old = ["-L", "-S", ":local", "--virtual-merge", "--repo-container-registry=gitlab", "--dev-branch", "x", "--debug-templates=true"];
    let more = ["--kube-qps-limit=30", "--kube-burst-limit", "-1", "--log-project-dir", "--tmp-dir", "/nowhere"];
    let env = [("WERF_SYNCHRONIZATION", ":local"), ("WERF_KUBE_QPS_LIMIT", "7"), ("WERF_SAVE_BUILD_REPORT", "false")];
    let printed = sandbox.werf_with(&[&["render"], &old[..], &more[..]].concat(), &env);
    assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
    assert_eq!(printed.stdout, plain.stdout);
    assert!(!sandbox.werf(&["render", "--help"]).stdout.contains("synchronization"), "they are no part of the help");
}

#[test]
fn stand_ins_take_the_place_of_references() {
    let sandbox = app();
    let text = |args: &[&str]| sandbox.werf(&[&["render"], args].concat()).stdout;
    let repo = full_repository();
    assert!(text(&["--repo", &repo]).contains(&format!("{repo}:")));
    assert_eq!(text(&["--repo", "example.org/app", "--stub-tags"]), text(&[]));
}

#[test]
fn help_and_version() {
    let sandbox = Sandbox::empty();
    assert_eq!(told(&sandbox, &["version"]), format!("exit 0\n{}\n", env!("CARGO_PKG_VERSION")));
    for flag in ["--version", "-V"] {
        assert_eq!(told(&sandbox, &[flag]), format!("exit 0\nwerf {}\n", env!("CARGO_PKG_VERSION")));
    }
    insta::assert_snapshot!(told(&sandbox, &["--help"]), @r"
    exit 0
    Takes an application from a Git commit to a healthy release in Kubernetes

    Usage: werf <COMMAND>

    Commands:
      init        Write a small werf.yaml and chart for the Dockerfiles that are here
      converge    Build what is missing, apply the chart, wait until everything works
      build       Build and publish the images that the registry lacks
      render      Print the manifests that `converge` would apply
      lint        Say what is wrong or doubtful in the chart
      plan        Print what `converge` would change in the cluster
      status      Say how the release and its resources fare
      logs        Print what the containers of the release write
      rollback    Bring an earlier revision of the release back
      dismiss     Delete the release from the cluster
      cleanup     Delete the images that nothing uses
      helm        Work on any chart as Helm does
      ci-env      Print the variables of werf for a CI job
      cr          Log in to registries
      config      Look at the configuration
      includes    Look at the files of other repositories that belong to the project
      version     Print the version
      completion  Print a completion script for a shell
      help        Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    First steps, in a Git repository:
      werf init                                        writes a small werf.yaml and chart
      git add . && git commit -m 'Deploy with werf'    files come from the commit
      werf plan --repo registry.example.org/app        says what would change
      werf converge --repo registry.example.org/app    does it
    `werf COMMAND -h` has the flags of the day, `werf COMMAND --help` all of them.
    ");
    let secret = told_with(&sandbox, &["render", "--help"], &[("WERF_SET_PASSWORD", "password=hunter2"), ("WERF_SET", "password=hunter2")]);
    assert!(!secret.contains("hunter2"), "values of variables are not shown: {secret}");
    assert_eq!(told(&sandbox, &[]), told(&sandbox, &["--help"]).replace("exit 0", "exit 2"));
    insta::assert_snapshot!(told(&sandbox, &["config", "list", "--help"]), @r"
    exit 0
    Print the names of the images

    Usage: werf config list [OPTIONS]

    Options:
          --final-images-only[=<BOOL>]  Only images that go to the chart [env: WERF_FINAL_IMAGES_ONLY]
      -h, --help                        Print help

    Project:
          --dir <DIR>                   Project directory inside the Git repository; the current
                                        directory by default [env: WERF_DIR]
          --git-work-tree <DIR>         Root of the Git work tree; found upwards from the project
                                        directory by default [env: WERF_WORK_TREE]
          --config <FILE>               Configuration file; werf.yaml, werf.yml or werf.yaml.j2 by
                                        default [env: WERF_CONFIG]
          --config-templates-dir <DIR>  Directory of templates that the configuration may include; .werf
                                        by default [env: WERF_CONFIG_TEMPLATES_DIR]
          --giterminism-config <FILE>   Giterminism file; werf-giterminism.yaml by default [env:
                                        WERF_GITERMINISM_CONFIG]
          --env <ENV>                   Environment name: `.Env` in werf.yaml, part of the release and
                                        namespace names [env: WERF_ENV]
          --dev[=<BOOL>]                Work on the files as they are now, committed or not [env:
                                        WERF_DEV]
          --dev-ignore <GLOB>           Paths that --dev leaves out (a glob; may be given many times)
                                        [env: WERF_DEV_IGNORE]
          --loose-giterminism[=<BOOL>]  Do not insist that everything comes from the commit [env:
                                        WERF_LOOSE_GITERMINISM]
          --ssh-key <FILE>              Key for the Git repositories that werf.yaml and
                                        werf-includes.yaml name by ssh (may be given many times); ssh's
                                        own choice by default [env: WERF_SSH_KEY]

    Output:
          --log-quiet[=<BOOL>]            Only errors, warnings and how it ended [env: WERF_LOG_QUIET]
          --log-verbose[=<BOOL>]          Also cached steps and all output of the build [env:
                                          WERF_LOG_VERBOSE]
          --log-debug[=<BOOL>]            As --log-verbose, and traces of the program itself [env:
                                          WERF_LOG_DEBUG]
          --log-color-mode <MODE>         Colour: auto, on or off [env: WERF_LOG_COLOR_MODE] [default:
                                          auto]
          --log-time[=<BOOL>]             A time stamp before each line [env: WERF_LOG_TIME]
          --log-format <FORMAT>           text, or json: one object for each event, see docs/log.md
                                          [env: WERF_LOG_FORMAT] [default: text]
          --log-folds[=<BOOL>]            Parts that fold in the log of a CI job of GitHub Actions or
                                          GitLab [env: WERF_LOG_FOLDS] [default: true]
          --log-pretty[=<BOOL>]           A live display on a terminal; false prints lines only [env:
                                          WERF_LOG_PRETTY] [default: true]
          --log-terminal-width <COLUMNS>  Columns of the terminal [env: WERF_LOG_TERMINAL_WIDTH]

    Exit codes: 0 done, 1 input or work failed, 2 wrong command line, 70 a defect of werf, 130
    interrupted.
    Documentation: README.md and docs/ of the source; what werf 2 documents holds too:
    https://werf.io/docs/v2/
    ");
}

#[test]
fn texts_name_only_commands_and_flags_that_exist() {
    // hidden flags stand in the page alone
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).expect("the page");
    let helps = helps(&Sandbox::empty(), &[]) + &page;
    let words: HashSet<&str> = helps.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
    let mention = Regex::new(r"`(?:werf ([a-z-]+)|(--[a-z][a-z0-9-]*))").expect("a pattern");
    let mut wrong = Vec::new();
    let sources = walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for entry in sources.into_iter().filter(|entry| !entry.ends_with("tests.rs")) {
        let text = std::fs::read_to_string(&entry).expect("a source file");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for found in code.flat_map(|line| mention.captures_iter(line)) {
            let word = found.get(1).or(found.get(2)).map_or("", |word| word.as_str());
            if !words.contains(word) {
                wrong.push(format!("{}: {word}", entry.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The help of a command and of all commands below it.
fn helps(sandbox: &Sandbox, path: &[&str]) -> String {
    let mut text = sandbox.werf(&[path, &["--help"]].concat()).stdout;
    let commands = text.split_once("Commands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or_default()).to_owned();
    for command in commands.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty())) {
        if command != "help" {
            text += &helps(sandbox, &[path, &[command]].concat());
        }
    }
    text
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    let (dirs, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let sources = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    sources.chain(dirs.iter().flat_map(|dir| walk(dir))).collect()
}

/// Runs werf with a variable of any bytes.
fn with_bytes(sandbox: &Sandbox, args: &[&str], name: &str, value: &[u8]) -> (Option<i32>, Vec<u8>, String) {
    let output = sandbox.command(args).env(name, OsStr::from_bytes(value)).output().expect("werf runs");
    (output.status.code(), output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn variables_that_are_no_text_are_refused_by_their_names() {
    let sandbox = app();
    for (name, usage) in [("WERF_SET_NOTE", "render [OPTIONS] [IMAGES]..."), ("WERF_ENV", "<COMMAND>")] {
        let (code, _, said) = with_bytes(&sandbox, &["render"], name, b"note=caf\xe9");
        let expect = format!(
            "error: the value of {name} is not UTF-8\n\n  tip: write it in UTF-8; bytes of any kind come into the chart from a file (--set-file)\n\n\
             Usage: werf {usage}\n\nFor more information, try '--help'.\n"
        );
        assert_eq!((code, said), (Some(2), expect));
    }
    let (code, _, said) = with_bytes(&sandbox, &["version"], "WERF_SET_NOTE", b"note=caf\xe9");
    assert_eq!((code, said.as_str()), (Some(0), ""), "who does not ask for it does not mind");
}

#[test]
fn templates_of_the_configuration_have_the_bytes_of_a_variable() {
    let sandbox = app();
    sandbox.write(&[
        ("werf.yaml", "project: app\nconfigVersion: 1\n# {{ env \"NOTE\" | b64enc }}\n"),
        ("werf-giterminism.yaml", "giterminismConfigVersion: 1\nconfig: {goTemplateRendering: {allowEnvVariables: [NOTE]}}\n"),
    ]);
    sandbox.commit_all("note");
    let (code, shown, said) = with_bytes(&sandbox, &["config", "render"], "NOTE", b"caf\xe9");
    assert_eq!(code, Some(0), "{said}");
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.contains("# Y2Fm6Q=="), "{shown}");
}

#[test]
fn reports_are_json_files_and_name_one_release() {
    let sandbox = Sandbox::empty();
    insta::assert_snapshot!(told(&sandbox, &["converge", "--deploy-report-path", "report.yaml"]), @r"
    exit 2
    error: invalid value 'report.yaml' for '--deploy-report-path <FILE>': the extension must be .json, or none

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told_with(&sandbox, &["dismiss"], &[("WERF_DEPLOY_REPORT_PATH", "report.env")]), @r"
    exit 2
    error: invalid value 'report.env' for 'WERF_DEPLOY_REPORT_PATH, the variable of --deploy-report-path': the extension must be .json, or none

    For more information, try '--help'.
    ");
    let dismiss = ["dismiss", "--use-deploy-report"];
    insta::assert_snapshot!(told(&sandbox, &dismiss), @r"
    exit 1
    error: cannot read the report `.werf-deploy-report.json`
      because: No such file or directory (os error 2)
    help: `werf converge --save-deploy-report` writes it; `--deploy-report-path` says where it is
    ");
    insta::assert_snapshot!(told_with(&sandbox, &dismiss, &[("WERF_NAMESPACE", "x")]), @r"
    exit 2
    error: `--use-deploy-report` says which release it is, and so does `--release` or `--namespace`
    help: leave one of them out; the variables WERF_RELEASE and WERF_NAMESPACE count too
    ");
    for (text, kind) in [("[]", "list"), (r#"{"release": "a"}"#, "half"), (r#"{"release": "A", "namespace": "b"}"#, "capital")] {
        sandbox.write(&[(&format!("{kind}.json"), text)]);
    }
    let told = |file: &str| told(&sandbox, &["dismiss", "--use-deploy-report", "--deploy-report-path", file]);
    insta::assert_snapshot!(["list", "half", "capital"].map(told).join("\n"), @r"
    exit 1
    error: the report `list.json` has no `release`
    help: `werf converge --save-deploy-report` writes one that has; or give `--release` and `--namespace` instead

    exit 1
    error: the report `half.json` has no `namespace`
    help: `werf converge --save-deploy-report` writes one that has; or give `--release` and `--namespace` instead

    exit 1
    error: release name `A` is not valid: it must be lower-case letters, digits, `-` and `.`, with a letter or digit at each end
    help: pass another `--release`
    ");
}
