//! From a directory to a configuration.

use super::super::sandbox::Sandbox;
use super::told;

const META: &str = "project: app\nconfigVersion: 1\n";
const WEB: &str = "---\nimage: web\ndockerfile: Dockerfile\n";

/// A commit with this werf.yaml.
fn with(config: &str) -> Sandbox {
    Sandbox::commit(&[("werf.yaml", config), ("Dockerfile", "FROM scratch\n"), (".helm/templates/a.yaml", "a: 1\n")])
}

#[test]
fn not_a_git_repository() {
    insta::assert_snapshot!(told(&Sandbox::empty(), &["converge", "--repo", "example.org/app"]), @r"
    exit 1
    error: `[SANDBOX]/app` is not in a Git repository
    help: werf builds from commits: run `git init`, add the files and commit them, or point `--dir` at a repository
    ");
    insta::assert_snapshot!(told(&Sandbox::empty(), &["config", "list", "--dir", "nowhere"]), @r"
    exit 1
    error: there is no directory `nowhere`
    help: pass an existing directory with `--dir`
    ");
}

#[test]
fn no_commit_yet() {
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q"]);
    sandbox.write(&[("werf.yaml", META)]);
    insta::assert_snapshot!(told(&sandbox, &["converge", "--repo", "example.org/app"]), @r"
    exit 1
    error: the Git repository `[SANDBOX]/app` has no commit yet
    help: werf builds from commits: run `git add -A && git commit`
    ");
}

#[test]
fn a_project_above_is_named() {
    let sandbox = Sandbox::commit(&[("werf.yaml", META), ("services/web/src/x", ""), ("services/werf.yml", META), ("other/x", "")]);
    let in_folder = |folder: &str| told(&sandbox, &["config", "list", "--dir", folder]);
    insta::assert_snapshot!(in_folder("other"), @r"
    exit 1
    error: commit COMMIT has no `werf.yaml`, `werf.yml` or `werf.yaml.j2`
    help: there is a project in `..`: run the command there, or pass `--dir ..`; else create `werf.yaml` in the project's directory and commit it, or point `--dir` at the project; `--config` names another file
    ");
    assert!(in_folder("services/web/src").contains("help: there is a project in `../..`: run"), "{}", in_folder("services/web/src"));
}

#[test]
fn no_werf_yaml() {
    let sandbox = Sandbox::commit(&[("README", "1")]);
    insta::assert_snapshot!(told(&sandbox, &["converge", "--repo", "example.org/app"]), @r"
    exit 1
    error: commit COMMIT has no `werf.yaml`, `werf.yml` or `werf.yaml.j2`
    help: create `werf.yaml` in the project's directory and commit it, or point `--dir` at the project; `--config` names another file
    ");
    insta::assert_snapshot!(told(&sandbox, &["config", "list", "--config", "prod.yaml"]), @r"
    exit 1
    error: commit COMMIT has no `prod.yaml`
    help: pass the path of a committed file with `--config`
    ");
    sandbox.write(&[("werf.yaml", META)]);
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 1 file that this run reads:
      werf.yaml: untracked, not in the commit
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
}

#[test]
fn yaml_syntax_error() {
    insta::assert_snapshot!(told(&with(&format!("{META}---\nimage: web\n dockerfile: Dockerfile\n")), &["config", "list"]), @r"
    exit 1
    error: mapping values are not allowed in this context
      ╭─[werf.yaml:5:12]
    5 │  dockerfile: Dockerfile
      ·            ┬ here
    help: a `: ` inside a value needs quotes, and a nested key its own line
    ");
    insta::assert_snapshot!(told(&with(&format!("{META}---\nimage: web\nargs: [a, b\n")), &["config", "list"]), @r"
    exit 1
    error: did not find expected ',' or ']' while parsing a flow sequence
      ╭─[werf.yaml:6:1]
    6 │ 
      · ┬ here
    ");
}

#[test]
fn template_error_of_werf_yaml() {
    insta::assert_snapshot!(told(&with("project: {{ required \"set it\" .Env }}\n"), &["config", "render"]), @r#"
    exit 1
    error: cannot render werf.yaml: set it
      ╭─[werf.yaml:1:13]
    1 │ project: {{ required "set it" .Env }}
      ·             ───────────┬────────── refused here
    "#);
    insta::assert_snapshot!(told(&with("project: {{ env \"HOME\" }}\n"), &["config", "render"]), @r#"
    exit 1
    error: cannot render werf.yaml: error calling env: giterminism does not allow the environment variable `HOME`: if the result may depend on it, commit `config.goTemplateRendering.allowEnvVariables: [HOME]` in werf-giterminism.yaml
      ╭─[werf.yaml:1:13]
    1 │ project: {{ env "HOME" }}
      ·             ─────┬──── in `env "HOME"`
    "#);
}

#[test]
fn unknown_keys_come_with_the_nearest_known_ones() {
    let config = format!("{META}deploy: {{helmchartDir: x}}\n---\nimage: web\ndockrfile: Dockerfile\ncontxt: .\n");
    insta::assert_snapshot!(told(&with(&config), &["config", "list"]), @r"
    exit 1
    error: werf.yaml has 3 problems

    error: `deploy` of werf.yaml has an unknown key `helmchartDir`
      ╭─[werf.yaml:3:10]
    3 │ deploy: {helmchartDir: x}
      ·          ──────┬───── unknown key
    help: did you mean `helmChartDir`?

    error: image `web` has an unknown key `dockrfile`
      ╭─[werf.yaml:6:1]
    6 │ dockrfile: Dockerfile
      · ────┬──── unknown key
    help: did you mean `dockerfile`?

    error: image `web` has an unknown key `contxt`
      ╭─[werf.yaml:7:1]
    7 │ contxt: .
      · ───┬── unknown key
    help: did you mean `context`?
    ");
}

#[test]
fn unknown_images_of_dependencies_and_imports() {
    let config = format!(
        "{META}{WEB}dependencies:\n- image: bakend\n  imports:\n  - type: ImageName\n    targetBuildArg: B\n\
        ---\nimage: backend\nfrom: alpine:3\nimport:\n- from: artifact\n  add: /x\n  to: /x\n  after: install\n"
    );
    insta::assert_snapshot!(told(&with(&config), &["render"]), @r"
    exit 1
    error: werf.yaml has 2 problems

    error: image `web` depends on unknown image `bakend`
      ╭─[werf.yaml:7:10]
    7 │ - image: bakend
      ·          ───┬── no such image in this file
    help: did you mean `backend`? Images here: `backend`

    error: image `backend` imports from unknown image `artifact`
       ╭─[werf.yaml:15:9]
    15 │ - from: artifact
       ·         ────┬─── no such image in this file
    help: images here: `web`
    ");
}

#[test]
fn images_that_need_one_another() {
    let config = format!("{META}---\nimage: a\nfrom: b\n---\nimage: b\nfrom: c\n---\nimage: c\nfrom: a\n");
    insta::assert_snapshot!(told(&with(&config), &["render"]), @r"
    exit 1
    error: images need one another in a circle: `a` → `b` → `c` → `a`
       ╭─[werf.yaml:11:7]
    11 │ from: a
       ·       ┬ this closes the circle
    help: remove one of these references
    ");
}

#[test]
fn dockerfiles_that_are_missing_or_lack_the_target() {
    let config = format!(
        "{META}---\nimage: web\ndockerfile: Dockerfile\ntarget: buld\n---\nimage: docs\ncontext: docs\ndockerfile: Dockerfile\n\
        ---\nimage: worker\nfrom: alpine:3\ngit: [{{add: /worker, to: /app}}]\n"
    );
    let sandbox = with(&config);
    sandbox.write(&[("Dockerfile", "FROM scratch AS build\nFROM scratch\nCOPY --from=buidl /a /a\n")]);
    sandbox.commit_all("stages");
    insta::assert_snapshot!(told(&sandbox, &["render", "--repo", "127.0.0.1:1/app"]), @r"
    exit 1
    error: 3 images of this commit are wrong

    error: image `web`: `Dockerfile` has no stage `buld`
      ╭─[werf.yaml:6:9]
    6 │ target: buld
      ·         ──┬─ no such stage
    help: did you mean `build`?

    error: image `docs`: there is no `docs/Dockerfile` in the commit
       ╭─[werf.yaml:10:13]
    10 │ dockerfile: Dockerfile
       ·             ─────┬──── this Dockerfile
    help: commit the file, or correct `dockerfile` and `context`: the path is relative to the context

    error: image `worker`: there is no `worker` in the commit
       ╭─[werf.yaml:14:7]
    14 │ git: [{add: /worker, to: /app}]
       ·       ────────────┬─────────── this mapping
    help: `add` is a file or directory of the repository; what is not committed is not there
    ");
    assert_eq!(sandbox.werf(&["render"]).code, 0, "stand-ins need no Dockerfile");
    sandbox.write(&[("docs/Dockerfile", "FROM scratch\n")]);
    insta::assert_snapshot!(told(&sandbox, &["render", "--repo", "127.0.0.1:1/app"]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 1 file that this run reads:
      docs/Dockerfile: untracked, not in the commit
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
}

#[test]
fn a_dirty_werf_yaml_is_an_error_for_every_command() {
    let sandbox = with(&format!("{META}{WEB}"));
    sandbox.write(&[("werf.yaml", META)]);
    let commands: [&[&str]; 8] = [
        &["config", "list"],
        &["config", "render"],
        &["render"],
        &["build", "--repo", "127.0.0.1:1/app", "--explain"],
        &["plan", "--repo", "127.0.0.1:1/app"],
        &["converge", "--repo", "127.0.0.1:1/app"],
        &["cleanup", "--repo", "127.0.0.1:1/app", "--without-kube"],
        &["dismiss"],
    ];
    let first = told(&sandbox, commands[0]);
    insta::assert_snapshot!(first, @r"
    exit 1
    error: the work tree differs from commit COMMIT in 1 file that this run reads:
      werf.yaml: changed, but not committed
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
    for command in commands {
        assert_eq!(told(&sandbox, command), first, "{command:?}");
    }
}

#[test]
fn what_config_prints() {
    let config = format!("{META}{WEB}---\nimage: base\nfinal: false\nfrom: {{{{ \"alpine\" }}}}:3\n");
    let sandbox = with(&config);
    assert_eq!(told(&sandbox, &["config", "list"]), "exit 0\nweb\nbase\n");
    assert_eq!(told(&sandbox, &["config", "list", "--final-images-only"]), "exit 0\nweb\n");
    assert_eq!(told(&sandbox, &["config", "render"]), format!("exit 0\n{}", config.replace("{{ \"alpine\" }}", "alpine")));
}
