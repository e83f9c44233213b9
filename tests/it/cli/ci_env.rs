//! `werf ci-env`: its whole text, what real shells make of it, and the job's own Docker configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use regex::Regex;

use super::super::fake_registry::{FakeRegistry, Login};
use super::super::sandbox::Sandbox;
use super::{app, told_with};

const GITLAB: &[(&str, &str)] = &[
    ("CI_REGISTRY", "registry.example.org"),
    ("CI_REGISTRY_IMAGE", "registry.example.org/team/app"),
    ("CI_ENVIRONMENT_SLUG", "review-1"),
    ("CI_PROJECT_URL", "https://git.example.org/team/app"),
    ("CI_COMMIT_SHA", "abc123"),
    ("CI_COMMIT_TAG", "v1.0"),
    ("CI_PIPELINE_URL", "https://git.example.org/team/app/-/pipelines/1"),
    ("CI_JOB_URL", "https://git.example.org/team/app/-/jobs/2"),
    ("TRDL_USE_WERF_GROUP_CHANNEL", "2 stable"),
];

/// What the command prints with a temporary directory of the sandbox, without names that differ from run to run.
fn ci_env(sandbox: &Sandbox, args: &[&str], env: &[(&str, &str)]) -> String {
    let tmp = sandbox.root().join("tmp");
    let env = [env, &[("WERF_TMP_DIR", tmp.to_str().expect("UTF-8"))]].concat();
    let text = tokio::task::block_in_place(|| told_with(sandbox, &[&["ci-env"], args].concat(), &env));
    Regex::new(r"[0-9a-f]{32}").expect("a pattern").replace_all(&text, "ID").into_owned()
}

/// The directories of jobs.
fn jobs(sandbox: &Sandbox) -> Vec<PathBuf> {
    let entries = fs::read_dir(sandbox.root().join("tmp"));
    entries.into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn gitlab() {
    insta::assert_snapshot!(ci_env(&Sandbox::empty(), &["gitlab"], GITLAB), @r#"
    exit 0
    # DOCKER CONFIG
    export DOCKER_CONFIG="[SANDBOX]/tmp/werf-0.1.0-docker-config-ID"
    export WERF_DOCKER_CONFIG="[SANDBOX]/tmp/werf-0.1.0-docker-config-ID"

    # REPO
    export WERF_REPO="registry.example.org/team/app"
    export WERF_REPO_CONTAINER_REGISTRY="gitlab"

    # DEPLOY
    export WERF_ENV="review-1"
    export WERF_ADD_ANNOTATION_WERF_RELEASE_CHANNEL="werf.io/release-channel=2 stable"
    export WERF_ADD_ANNOTATION_PROJECT_GIT="project.werf.io/git=https://git.example.org/team/app"
    export WERF_ADD_ANNOTATION_CI_COMMIT="ci.werf.io/commit=abc123"
    export WERF_ADD_ANNOTATION_CI_GIT_TAG="ci.werf.io/tag=v1.0"
    export WERF_ADD_ANNOTATION_GITLAB_CI_PIPELINE_URL="gitlab.ci.werf.io/pipeline-url=https://git.example.org/team/app/-/pipelines/1"
    export WERF_ADD_ANNOTATION_GITLAB_CI_JOB_URL="gitlab.ci.werf.io/job-url=https://git.example.org/team/app/-/jobs/2"

    # OTHER
    export WERF_LOG_COLOR_MODE="on"
    export WERF_LOG_PROJECT_DIR="1"
    export WERF_ENABLE_PROCESS_EXTERMINATOR="1"
    export WERF_LOG_TERMINAL_WIDTH="130"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_stays_and_what_is_not_told_is_a_comment() {
    let set = [("WERF_REPO", "example.org/mine"), ("WERF_ENV", "mine"), ("WERF_LOG_COLOR_MODE", "off"), ("DOCKER_CONFIG", "/nowhere")];
    let annotation = ("WERF_ADD_ANNOTATION_CI_COMMIT", "x=y");
    let env = [&GITLAB[..1], &GITLAB[1..2], &GITLAB[4..5], &set, &[annotation]].concat();
    insta::assert_snapshot!(ci_env(&Sandbox::empty(), &["gitlab"], &env), @r#"
    exit 0
    # DOCKER CONFIG
    export DOCKER_CONFIG="[SANDBOX]/tmp/werf-0.1.0-docker-config-ID"
    export WERF_DOCKER_CONFIG="[SANDBOX]/tmp/werf-0.1.0-docker-config-ID"

    # REPO
    # skip export WERF_REPO="" (example.org/mine)

    # DEPLOY
    # skip export WERF_ENV="" (mine)
    # export WERF_ADD_ANNOTATION_WERF_RELEASE_CHANNEL=""
    # export WERF_ADD_ANNOTATION_PROJECT_GIT=""
    export WERF_ADD_ANNOTATION_CI_COMMIT="ci.werf.io/commit=abc123"
    # export WERF_ADD_ANNOTATION_CI_GIT_TAG=""
    # export WERF_ADD_ANNOTATION_GITLAB_CI_PIPELINE_URL=""
    # export WERF_ADD_ANNOTATION_GITLAB_CI_JOB_URL=""

    # OTHER
    # skip export WERF_LOG_COLOR_MODE="on" (off)
    export WERF_LOG_PROJECT_DIR="1"
    export WERF_ENABLE_PROCESS_EXTERMINATOR="1"
    export WERF_LOG_TERMINAL_WIDTH="130"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn github() {
    let env = [
        ("GITHUB_REPOSITORY", "Team/App"),
        ("GITHUB_ACTOR", "me"),
        ("GITHUB_TOKEN", "t0ken"),
        ("GITHUB_SHA", "abc123"),
        ("GITHUB_REF_TYPE", "tag"),
        ("GITHUB_REF_NAME", "v1.0"),
        ("GITHUB_RUN_ID", "7"),
    ];
    insta::assert_snapshot!(ci_env(&app(), &["github", "--login-to-registry=false", "--log-verbose"], &env), @r#"
    exit 0
    # DOCKER CONFIG
    echo '# DOCKER CONFIG'
    export DOCKER_CONFIG="[SANDBOX]/tmp/werf-0.1.0-docker-config-ID"
    echo 'export DOCKER_CONFIG="[SANDBOX]/tmp/werf-0.1.0-docker-config-ID"'
    export WERF_DOCKER_CONFIG="[SANDBOX]/tmp/werf-0.1.0-docker-config-ID"
    echo 'export WERF_DOCKER_CONFIG="[SANDBOX]/tmp/werf-0.1.0-docker-config-ID"'

    echo ''
    # REPO
    echo '# REPO'
    export WERF_REPO="ghcr.io/team/app/app"
    echo 'export WERF_REPO="ghcr.io/team/app/app"'

    echo ''
    # DEPLOY
    echo '# DEPLOY'
    # export WERF_ADD_ANNOTATION_WERF_RELEASE_CHANNEL=""
    echo '# export WERF_ADD_ANNOTATION_WERF_RELEASE_CHANNEL=""'
    export WERF_ADD_ANNOTATION_PROJECT_GIT="project.werf.io/git=https://github.com/Team/App"
    echo 'export WERF_ADD_ANNOTATION_PROJECT_GIT="project.werf.io/git=https://github.com/Team/App"'
    export WERF_ADD_ANNOTATION_CI_COMMIT="ci.werf.io/commit=abc123"
    echo 'export WERF_ADD_ANNOTATION_CI_COMMIT="ci.werf.io/commit=abc123"'
    export WERF_ADD_ANNOTATION_CI_GIT_TAG="ci.werf.io/tag=v1.0"
    echo 'export WERF_ADD_ANNOTATION_CI_GIT_TAG="ci.werf.io/tag=v1.0"'
    export WERF_ADD_ANNOTATION_GITHUB_ACTIONS_RUN_URL="github.ci.werf.io/workflow-run-url=https://github.com/Team/App/actions/runs/7"
    echo 'export WERF_ADD_ANNOTATION_GITHUB_ACTIONS_RUN_URL="github.ci.werf.io/workflow-run-url=https://github.com/Team/App/actions/runs/7"'

    echo ''
    # CLEANUP
    echo '# CLEANUP'
    export WERF_REPO_GITHUB_TOKEN="t0ken"
    echo 'export WERF_REPO_GITHUB_TOKEN="***"'

    echo ''
    # OTHER
    echo '# OTHER'
    export WERF_LOG_COLOR_MODE="on"
    echo 'export WERF_LOG_COLOR_MODE="on"'
    export WERF_LOG_PROJECT_DIR="1"
    echo 'export WERF_LOG_PROJECT_DIR="1"'
    export WERF_ENABLE_PROCESS_EXTERMINATOR="1"
    echo 'export WERF_ENABLE_PROCESS_EXTERMINATOR="1"'
    export WERF_LOG_TERMINAL_WIDTH="130"
    echo 'export WERF_LOG_TERMINAL_WIDTH="130"'
    "#);
}

/// GitHub's repository has the project's name, which only werf.yaml tells.
#[tokio::test(flavor = "multi_thread")]
async fn the_project_of_github() {
    let env = [("GITHUB_REPOSITORY", "Team/App")];
    let without = Sandbox::commit(&[("README.md", "nothing")]);
    let text = ci_env(&without, &["github"], &env);
    assert!(text.starts_with("exit 0\n") && text.contains("\n# export WERF_REPO=\"\"\n"), "{text}");
    insta::assert_snapshot!(ci_env(&without, &["github", "--config", "absent.yaml"], &env), @r"
    exit 1
    exit 1
    error: commit COMMIT has no `absent.yaml`
    help: pass the path of a committed file with `--config`
    ");
    let wrong = Sandbox::commit(&[("werf.yaml", "project: app\nconfigVersion: 2\n")]);
    let text = ci_env(&wrong, &["github", "--as-file"], &env);
    assert!(text.starts_with("exit 1\nerror: ") && text.contains("configVersion"), "{text}");
    assert!(ci_env(&wrong, &["gitlab"], &env).starts_with("exit 0\n"), "GitLab needs no werf.yaml");
    assert!(ci_env(&Sandbox::empty(), &["github"], &[]).starts_with("exit 0\n"), "nor does who says no repository");
}

/// The values that a job may bring, and shells with the ways in which they read the variables.
#[tokio::test(flavor = "multi_thread")]
async fn shells_read_values_and_run_nothing() {
    let sandbox = Sandbox::empty();
    let hostile = [
        "plain",
        "two  words ",
        "'; touch pwned; '",
        "\"; touch pwned; \"",
        "$(touch pwned)`touch pwned`${HOME}$HOME",
        "a\\b\\\\c\\",
        "line\nbreak\n",
        "x\ntouch pwned\n",
        "# no comment",
        "! * ? [a] {a,b} ~ & | < > ( )",
        "tab\tand \u{1b}[31m é ✓ \u{201d}; touch pwned",
    ];
    let shells: &[&[&str]] = &[&["bash"], &["dash"], &["busybox", "sh"], &["bash", "--posix"]];
    let ways = [
        ". $(werf ci-env gitlab --as-file)",
        "eval \"$(werf ci-env gitlab)\"",
        "werf ci-env gitlab >text && . ./text",
        "eval \"$(werf ci-env gitlab --log-verbose)\" >told",
    ];
    for shell in shells {
        for way in ways {
            for value in hostile {
                let script = format!(
                    "werf() {{ \"$WERF\" \"$@\"; }}\n{way} && printf '%s|' \"$WERF_ENV\" \"$WERF_ADD_ANNOTATION_CI_GIT_TAG\" \"$WERF_REPO\""
                );
                let mut command = Command::new(shell[0]);
                command.args(&shell[1..]).args(["-c", &script]).current_dir(sandbox.app()).env_clear();
                let path = std::env::var_os("PATH").unwrap_or_default();
                command.env("PATH", path).env("HOME", sandbox.root()).env("WERF", env!("CARGO_BIN_EXE_werf"));
                command.env("WERF_TMP_DIR", sandbox.root().join("tmp"));
                // WERF_REPO is set already and stands in a comment
                command.envs([("CI_ENVIRONMENT_SLUG", value), ("CI_COMMIT_TAG", value), ("WERF_REPO", value)]);
                let output = command.output().expect("the shell runs");
                let expect = format!("{value}|ci.werf.io/tag={value}|{value}|");
                let stderr = String::from_utf8_lossy(&output.stderr);
                assert_eq!(String::from_utf8_lossy(&output.stdout), expect, "{shell:?}, {way}: {stderr}");
                assert!(!sandbox.app().join("pwned").exists(), "{shell:?}, {way}: {value:?} has run");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn env_files() {
    let sandbox = Sandbox::empty();
    for value in ["plain", "two  words ", "'; touch pwned; '", "$(touch pwned)`touch pwned`\"", "it's $HOME \\ \" `x`", "# no comment", ""]
    {
        let script = "set -a; . $(\"$WERF\" ci-env gitlab --as-env-file) && \"$WERF\" version >/dev/null && printf %s \"$WERF_ENV\"";
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(sandbox.app()).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", sandbox.root()).env("WERF_TMP_DIR", sandbox.root().join("tmp"));
        let output = command.env("WERF", env!("CARGO_BIN_EXE_werf")).env("CI_ENVIRONMENT_SLUG", value).output().expect("sh runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), value, "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!sandbox.app().join("pwned").exists(), "{value} has run");
    }
    let broken = [("CI_COMMIT_TAG", "v1\nLD_PRELOAD=/evil.so")];
    insta::assert_snapshot!(ci_env(&sandbox, &["gitlab", "--as-env-file"], &broken), @r"
    exit 1
    error: WERF_ADD_ANNOTATION_CI_GIT_TAG would have a line break, which a .env file cannot hold
    help: its value comes from CI_COMMIT_TAG: take the line break out there
    ");
    insta::assert_snapshot!(ci_env(&sandbox, &["gitlab", "--shell=cmdexe"], &broken), @r"
    exit 1
    exit 1
    error: WERF_ADD_ANNOTATION_CI_GIT_TAG would have a line break, which cmd.exe cannot hold
    help: its value comes from CI_COMMIT_TAG: take the line break out there
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_text_goes() {
    let sandbox = Sandbox::empty();
    let printed = ci_env(&sandbox, &["gitlab", "--as-file"], GITLAB);
    let pattern = Regex::new(r"^exit 0\n\[SANDBOX\]/home/\.cache/werf/ci_env/source_\d+_ID\n$").expect("a pattern");
    assert!(pattern.is_match(&printed), "{printed}");
    let directory = sandbox.root().join("home/.cache/werf/ci_env");
    let file = fs::read_dir(&directory).expect("files").next().expect("a file").expect("an entry").path();
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    let named = |shell: &str| {
        ci_env(&sandbox, &["gitlab", "--as-file", "--shell", shell], &[]).trim_end().rsplit_once('.').map(|(_, end)| end.to_owned())
    };
    assert_eq!((named("powershell").as_deref(), named("cmdexe").as_deref()), (Some("ps1"), Some("bat")));
    sandbox.write(&[("out", &"# longer than the variables\n".repeat(200))]);
    assert_eq!(ci_env(&sandbox, &["gitlab", "--as-env-file", "-o", "out"], GITLAB), "exit 0\n");
    let text = fs::read_to_string(sandbox.app().join("out")).expect("the file");
    assert!(text.starts_with("# DOCKER CONFIG\nDOCKER_CONFIG=/") && text.ends_with("\nWERF_LOG_TERMINAL_WIDTH=130\n"), "{text}");
    let piped = ci_env(&sandbox, &["gitlab", "--as-file", "-o", "/dev/stdout"], &[]);
    assert!(piped.starts_with("exit 0\n# DOCKER CONFIG\nexport "), "{piped}");
    let beside = ci_env(&sandbox, &["gitlab", "-o", "unused"], &[]);
    assert!(beside.starts_with("exit 0\n# DOCKER CONFIG\n") && !sandbox.app().join("unused").exists(), "{beside}");
    insta::assert_snapshot!(beside.split("130\"\n").last().unwrap_or_default(), @r"
    Warning no file is written: the variables go to standard output
            help: pass `--as-file` or `--as-env-file` too
    ");
    insta::assert_snapshot!(ci_env(&sandbox, &["gitlab", "--as-file", "-o", "/nowhere/out"], &[]), @r"
    exit 1
    error: cannot write the variables to /nowhere/out
      because: No such file or directory (os error 2)
    help: check the path given with `--output-file-path`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_logs_in_for_itself() {
    let registry = FakeRegistry::start(Login::Bearer("gitlab-ci-token", "t0ken")).await;
    let sandbox = Sandbox::empty();
    let image = registry.repository("team/app");
    let docker = sandbox.root().join("home/.docker");
    fs::create_dir_all(&docker).expect("a directory");
    let own = r#"{"auths": {"other.example.org": {"auth": "YTpi"}}, "psFormat": "x"}"#;
    fs::write(docker.join("config.json"), own).expect("a file");
    let env = [("CI_REGISTRY_IMAGE", image.as_str()), ("CI_JOB_TOKEN", "t0ken")];
    assert!(ci_env(&sandbox, &["gitlab"], &env).starts_with("exit 0\n"));
    assert_eq!(fs::read_to_string(docker.join("config.json")).expect("a file"), own, "the user's own file stays as it is");
    let [job] = &jobs(&sandbox)[..] else { panic!("one job has one directory") };
    let config: serde_json::Value = serde_json::from_slice(&fs::read(job.join("config.json")).expect("a file")).expect("JSON");
    let host = registry.address.to_string();
    let expect = serde_json::json!({"other.example.org": {"auth": "YTpi"}, host: {"auth": "Z2l0bGFiLWNpLXRva2VuOnQwa2Vu"}});
    assert_eq!((&config["auths"], &config["psFormat"]), (&expect, &serde_json::json!("x")));
    let wrong = [env[0], ("CI_JOB_TOKEN", "wrong")];
    insta::assert_snapshot!(ci_env(&sandbox, &["gitlab"], &wrong), @r"
    exit 1
    exit 1
    error: cannot log in to `HOST`: registry `HOST` does not accept user `gitlab-ci-token`
      because: GET http://HOST/token answered 401 Unauthorized, UNAUTHORIZED: incorrect username or password
    help: the password or token may be wrong or expired; log in again with `werf cr login HOST`
    ");
    insta::assert_snapshot!(ci_env(&sandbox, &["gitlab", "--as-file"], &wrong).lines().next().unwrap_or_default(), @"exit 1");
    assert!(ci_env(&sandbox, &["gitlab", "--log-verbose"], &wrong).starts_with("exit 1\necho ''\necho 'Error: cannot log in to `HOST`: "));
    assert_eq!(jobs(&sandbox).len(), 1, "nothing of a job that failed stays");
    assert!(ci_env(&sandbox, &["gitlab", "--login-to-registry=false"], &wrong).starts_with("exit 0\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_docker_configuration_of_the_jobs_variable() {
    let sandbox = Sandbox::empty();
    let given = r#"{"auths": {"example.org": {"auth": "YTpi"}}}"#;
    let text = ci_env(&sandbox, &["gitlab", "--use-docker-auth-config"], &[("DOCKER_AUTH_CONFIG", given)]);
    assert!(text.starts_with("exit 0\n"), "{text}");
    let file = jobs(&sandbox)[0].join("config.json");
    assert_eq!(fs::read_to_string(&file).expect("a file"), given);
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    insta::assert_snapshot!(ci_env(&sandbox, &["gitlab", "--use-docker-auth-config"], &[]), @r"
    exit 1
    exit 1
    error: `--use-docker-auth-config` is given, and the variable DOCKER_AUTH_CONFIG is not set
    help: set DOCKER_AUTH_CONFIG to the text of a Docker config.json, or leave the flag out
    ");
    insta::assert_snapshot!(ci_env(&sandbox, &["gitlab", "--use-docker-auth-config", "--as-file"], &[("DOCKER_AUTH_CONFIG", "{'")]), @r#"
    exit 1
    error: the variable DOCKER_AUTH_CONFIG is not the text of a Docker config.json
      because: key must be a string at line 1 column 2
    help: its form is {"auths": {"HOST": {"auth": "BASE64 OF USER:PASSWORD"}}}
    "#);
    insta::assert_snapshot!(ci_env(&sandbox, &["gitlab", "--as-file", "--tmp-dir", "/proc/nowhere"], &[]), @r"
    exit 1
    error: cannot make /proc/nowhere/werf-0.1.0-docker-config-ID
      because: No such file or directory (os error 2)
    help: the job's Docker configuration goes there: make the directory above it writable, or name another one with `--tmp-dir`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown() {
    let sandbox = Sandbox::empty();
    insta::assert_snapshot!(ci_env(&sandbox, &["jenkins"], &[]), @r"
    exit 2
    error: invalid value 'jenkins' for '<CI_SYSTEM>': the CI systems are gitlab and github

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(ci_env(&sandbox, &["gitlab", "--shell", "zsh"], &[]), @r"
    exit 2
    error: invalid value 'zsh' for '--shell <default|cmdexe|powershell>': `zsh` is none of default, cmdexe, powershell

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told_with(&sandbox, &["ci-env"], &[]), @r"
    exit 2
    error: the following required arguments were not provided:
      <CI_SYSTEM>

    Usage: werf ci-env <CI_SYSTEM>

    For more information, try '--help'.
    ");
    let help = sandbox.werf(&["ci-env", "--help"]).stdout;
    assert!(help.contains("--tmp-dir <DIR>") && !help.contains("--platform"), "{help}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_takes_what_a_job_has() {
    const GITHUB: &[(&str, &str)] = &[
        ("GITHUB_ACTOR", "me"),
        ("GITHUB_TOKEN", "t0ken"),
        ("GITHUB_REPOSITORY", "me/app"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_RUN_ID", "1"),
        ("GITHUB_SHA", "abc123"),
        ("GITHUB_REF_NAME", "v1.0"),
    ];
    let pattern = Regex::new(r#"(?m)^export (\w+)="(.*)"$"#).expect("a pattern");
    for (system, job) in [("gitlab", GITLAB), ("github", GITHUB)] {
        let text = ci_env(&app(), &[system, "--login-to-registry=false"], job);
        let variables: Vec<(&str, &str)> =
            pattern.captures_iter(&text).map(|found| found.extract()).map(|(_, [name, value])| (name, value)).collect();
        assert!(variables.len() > 8, "{text}");
        let sandbox = Sandbox::empty();
        for command in ["build", "converge", "render", "lint", "plan", "rollback", "dismiss", "cleanup", "config list", "includes update"] {
            let words: Vec<&str> = command.split(' ').collect();
            let told = tokio::task::block_in_place(|| told_with(&sandbox, &words, &variables));
            assert!(told.contains("is not in a Git repository"), "{system} {command}: {told}");
        }
    }
}
