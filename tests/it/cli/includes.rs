//! Files of other repositories that belong to the project: `werf-includes.yaml` with its lock.

use std::fs;

use super::super::fake_registry::{FakeRegistry, Login, full_repository};
use super::super::git::Sandbox as Repository;
use super::super::git_servers::{Manners, Smart};
use super::super::sandbox::Sandbox;
use super::{told, told_beside, told_with};

const PLAIN: &str = "includes:\n- {git: ../common, branch: main, add: /app, to: /}\n- {git: ../chart, tag: v1, add: /, to: /.helm}\n";

/// Repositories beside the project: one with a whole application, one with a chart.
fn beside(sandbox: &Sandbox) {
    for (name, files) in [
        (
            "common",
            &[
                (
                    "app/werf.yaml",
                    "project: shared\nconfigVersion: 1\n---\n{{ include \"web\" .Files }}---\n{{ .Files.Get \"more.yaml\" }}",
                ),
                (
                    "app/.werf/web.tpl",
                    "{{ define \"web\" }}image: web\ncontext: docker\ndockerfile: {{ if .Exists \"docker/Dockerfile\" }}Dockerfile{{ end }}\n{{ end }}",
                ),
                ("app/more.yaml", "image: more\nfrom: scratch\n"),
                ("app/docker/Dockerfile", "FROM scratch\nCOPY . /\n"),
                ("app/docker/Dockerfile.dockerignore", "ignored\n"),
                ("app/.helm/values.yaml", "from: common\n"),
                ("unused", ""),
            ][..],
        ),
        (
            "chart",
            &[
                ("values.yaml", "from: chart\n"),
                (
                    "templates/a.yaml",
                    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {from: {{ .Values.from }}, image: '{{ werf_image \"web\" }}'}\n",
                ),
            ][..],
        ),
    ] {
        let path = sandbox.root().join(name);
        for (file, text) in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        git(sandbox, name, &["init", "-q", "-b", "main"]);
        commit(sandbox, name);
    }
    git(sandbox, "chart", &["tag", "v1"]);
}

fn git(sandbox: &Sandbox, name: &str, args: &[&str]) -> String {
    let at = format!("../{name}");
    sandbox.git(&[&["-C", at.as_str()], args].concat())
}

fn commit(sandbox: &Sandbox, name: &str) {
    git(sandbox, name, &["add", "-A"]);
    git(sandbox, name, &["commit", "-q", "-m", "more"]);
}

/// A project that has nothing but what it includes, locked and committed.
fn project() -> Sandbox {
    let sandbox = Sandbox::commit(&[("werf-includes.yaml", PLAIN), ("docker/index.html", "1"), ("docker/ignored", "1")]);
    beside(&sandbox);
    assert_eq!(sandbox.werf(&["includes", "update"]).code, 0);
    sandbox.commit_all("locked");
    sandbox
}

fn rendered(sandbox: &Sandbox, more: &[&str]) -> String {
    let repository = full_repository();
    let printed = sandbox.werf(&[&["render", "--repo", repository.as_str()], more].concat());
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    printed.stdout
}

/// The name of the image in a rendered chart.
fn image(rendered: &str) -> &str {
    rendered.split("image: ").nth(1).and_then(|rest| rest.split('}').next()).expect("an image")
}

#[test]
fn a_project_may_have_nothing_of_its_own() {
    let sandbox = project();
    assert_eq!(told(&sandbox, &["config", "list"]), "exit 0\nweb\nmore\n");
    let first = rendered(&sandbox, &[]);
    assert!(first.contains("from: chart,"), "the later include has the chart's values: {first}");
    insta::assert_snapshot!(told(&sandbox, &["includes", "ls-files"]), @r"
    exit 0
    PATH                            SOURCE
    .helm/templates/a.yaml          ../chart
    .helm/values.yaml               ../chart
    .werf/web.tpl                   ../common
    docker/Dockerfile               ../common
    docker/Dockerfile.dockerignore  ../common
    docker/ignored                  local
    docker/index.html               local
    more.yaml                       ../common
    werf-includes.lock              local
    werf-includes.yaml              local
    werf.yaml                       ../common
    ");
    insta::assert_snapshot!(told(&sandbox, &["includes", "ls-files", "--filter", "source=local,../ch", ".helm/*", "*.html"]), @r"
    exit 0
    PATH                    SOURCE
    .helm/templates/a.yaml  ../chart
    .helm/values.yaml       ../chart
    ");
    assert_eq!(told(&sandbox, &["includes", "get-file", ".helm/values.yaml"]), "exit 0\nfrom: chart\n");
    insta::assert_snapshot!(told(&sandbox, &["includes", "get-file", ".helm/valeus.yaml"]), @r"
    exit 1
    error: neither the project nor what it includes has the file `.helm/valeus.yaml`
    help: did you mean `.helm/values.yaml`? `werf includes ls-files` lists all files
    ");
    insta::assert_snapshot!(told(&sandbox, &["includes", "ls-files", "--filter", "local"]), @r"
    exit 1
    error: `--filter=local` is no filter
    help: write `--filter=source=local` or a part of the URL of a repository, several with commas between
    ");

    // What is included moves on with the lock alone.
    fs::write(sandbox.root().join("chart/values.yaml"), "from: newer\n").unwrap();
    fs::write(sandbox.root().join("common/app/more.yaml"), "image: newer\nfrom: scratch\n").unwrap();
    commit(&sandbox, "chart");
    commit(&sandbox, "common");
    git(&sandbox, "chart", &["tag", "-f", "v1"]);
    assert_eq!(rendered(&sandbox, &[]), first);
    insta::assert_snapshot!(told(&sandbox, &["includes", "update"]), @r"
    exit 0
          Locked werf-includes.lock with 2 revisions: written, commit it
    ");
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 1 file that this run reads:
      werf-includes.lock: changed, but not committed
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
    sandbox.commit_all("newer");
    assert_eq!(told(&sandbox, &["config", "list"]), "exit 0\nweb\nnewer\n");
    assert!(rendered(&sandbox, &[]).contains("from: newer,"));
    insta::assert_snapshot!(told(&sandbox, &["includes", "update"]), @r"
    exit 0
          Locked werf-includes.lock with 2 revisions: as it was
    ");
}

#[test]
fn the_projects_own_files_win_and_must_be_committed() {
    let sandbox = project();
    let first = rendered(&sandbox, &[]);
    sandbox.write(&[(".helm/values.yaml", "from: here\n"), ("docker/Dockerfile", "FROM scratch\nCOPY *.html /\n")]);
    insta::assert_snapshot!(told(&sandbox, &["render", "--repo", "127.0.0.1:1/app"]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 2 files that this run reads:
      .helm/values.yaml: untracked, not in the commit
      docker/Dockerfile: untracked, not in the commit
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
    let dev = rendered(&sandbox, &["--dev"]);
    assert!(dev.contains("from: here,") && image(&dev) != image(&first), "{dev}");
    assert_eq!(rendered(&sandbox, &["--loose-giterminism"]), dev);
    sandbox.commit_all("own");
    assert_eq!(rendered(&sandbox, &[]), dev);
    // The rules may let a file in that is not committed.
    sandbox.write(&[
        (".helm/values.yaml", "from: disk\n"),
        ("werf-giterminism.yaml", "giterminismConfigVersion: 1\nhelm: {allowUncommittedFiles: [.helm/values.yaml]}\n"),
    ]);
    sandbox.git(&["add", "werf-giterminism.yaml"]);
    sandbox.git(&["commit", "-q", "-m", "rules"]);
    assert!(rendered(&sandbox, &[]).contains("from: disk,"));
}

#[test]
fn what_images_are_made_of_is_not_included() {
    let sandbox = project();
    let first = rendered(&sandbox, &[]);
    let included = |path: &str, text: &str| {
        fs::write(sandbox.root().join("common/app/docker").join(path), text).unwrap();
        commit(&sandbox, "common");
        assert_eq!(sandbox.werf(&["includes", "update"]).code, 0);
        sandbox.commit_all("newer");
        rendered(&sandbox, &[])
    };
    assert_eq!(included("late", "no part of the context"), first);
    assert!(told(&sandbox, &["includes", "ls-files", "docker"]).contains("docker/late                     ../common\n"));
    assert_ne!(included("Dockerfile.dockerignore", "index.html\n"), first, "an ignore file counts");
}

#[test]
fn the_files_that_say_it_are_the_commits_own() {
    let sandbox = Sandbox::commit(&[("werf.yaml", "project: app\nconfigVersion: 1\n")]);
    beside(&sandbox);
    insta::assert_snapshot!(told(&sandbox, &["includes", "update"]), @r"
    exit 1
    error: commit COMMIT has no `werf-includes.yaml`
    help: it names the repositories whose files belong to the project: write it, commit it, and run again
    ");
    sandbox.write(&[("werf-includes.yaml", PLAIN)]);
    insta::assert_snapshot!(told(&sandbox, &["includes", "update"]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 1 file that this run reads:
      werf-includes.yaml: untracked, not in the commit
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
    for command in [&["config", "list"][..], &["includes", "ls-files"], &["includes", "get-file", "werf.yaml"]] {
        assert_eq!(told(&sandbox, command), told(&sandbox, &["includes", "update"]), "{command:?}");
    }
    assert_eq!(sandbox.werf(&["includes", "update", "--dev"]).code, 0);
    assert_eq!(told(&sandbox, &["config", "list", "--dev"]), "exit 0\n");
    sandbox.git(&["add", "werf-includes.yaml"]);
    sandbox.git(&["commit", "-q", "-m", "includes"]);
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 1 file that this run reads:
      werf-includes.lock: untracked, not in the commit
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
    fs::remove_file(sandbox.app().join("werf-includes.lock")).unwrap();
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 1
    error: commit COMMIT has `werf-includes.yaml` and no `werf-includes.lock`
    help: run `werf includes update`, which writes the commits of the other repositories into it, and commit the file
    ");
    sandbox.write(&[("werf-includes.lock", "includes:\n- {git: ../chart, tag: v1, commit: 12345678}\n")]);
    sandbox.commit_all("half a lock");
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 1
    error: `werf-includes.lock` has no commit for branch `main` of `../common`
      ╭─[werf-includes.yaml:2:9]
    2 │ - {git: ../common, branch: main, add: /app, to: /}
      ·         ────┬──── named here
    help: run `werf includes update` and commit `werf-includes.lock`
    ");
    insta::assert_snapshot!(told(&sandbox, &["config", "list", "--allow-includes-update"]), @r"
    exit 1
    error: giterminism does not allow `--allow-includes-update`
    help: it makes the result depend on more than the commit; if that is wanted, commit `includes: {allowIncludesUpdate: true}` in werf-giterminism.yaml
    ");
    sandbox.write(&[("werf-giterminism.yaml", "giterminismConfigVersion: 1\nincludes: {allowIncludesUpdate: true}\n")]);
    sandbox.commit_all("rules");
    assert_eq!(told(&sandbox, &["config", "list", "--allow-includes-update"]), "exit 0\n");
    sandbox.write(&[
        ("werf-includes.yaml", "includes:\n- {git: ../chart, branch: mian, add: /, to: /}\n- {git: ../common, branch: main, add: /, to: /, includePaths: [none]}\n"),
        ("werf-giterminism.yaml", "giterminismConfigVersion: 1\n"),
    ]);
    sandbox.commit_all("wrong");
    insta::assert_snapshot!(told(&sandbox, &["includes", "update"]), @r"
    exit 1
    error: the Git repository `../chart` has no branch `mian`
      ╭─[werf-includes.yaml:2:9]
    2 │ - {git: ../chart, branch: mian, add: /, to: /}
      ·         ────┬─── named here
    help: nearest names: `main`
    ");
    let text = "includes:\n- {git: ../common, branch: main, add: /, to: /, includePaths: [none], name: x}\n";
    sandbox.write(&[("werf-includes.yaml", text)]);
    sandbox.commit_all("wrong");
    assert_eq!(sandbox.werf(&["includes", "update"]).code, 0);
    sandbox.commit_all("locked");
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 1
    error: nothing of `../common` at commit COMMIT is included
      ╭─[werf-includes.yaml:2:9]
    2 │ - {git: ../common, branch: main, add: /, to: /, includePaths: [none], name: x}
      ·         ────┬──── named here
    help: `add` is a path from its root; `includePaths` and `excludePaths` count from there
    ");
    sandbox.write(&[("werf-includes.yaml", "includes: yes\n")]);
    sandbox.commit_all("wrong");
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 1
    error: werf-includes.yaml has 1 problem

    error: `includes` of `werf-includes.yaml` must be a list, not a boolean
      ╭─[werf-includes.yaml:1:11]
    1 │ includes: yes
      ·           ─┬─ expected a list
    ");
    sandbox.write(&[("werf-includes.yaml", "includes: []\nmore: 1\n")]);
    sandbox.commit_all("nothing");
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 0
         Warning werf-includes.yaml has keys that werf does not know and that mean nothing: `more`
                 help: line 2: remove `more` of `werf-includes.yaml`
    ");
}

#[test]
fn servers_are_asked_as_for_mappings_and_once() {
    let library = Repository::with(&[("werf.yaml", "project: app\nconfigVersion: 1\n"), (".helm/templates/a.yaml", "a: 1\n")]);
    let served = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(library.path().join(".git"), served.path().join("lib.git")).unwrap();
    let smart = Smart::new(served.path(), Manners { login: Some("ci:s3cret-token".into()), ..Manners::default() });
    let includes =
        |auth: &str| format!("includes:\n- {{git: 'http://127.0.0.1:{}/lib.git', branch: main, add: /, to: /{auth}}}\n", smart.port);
    let sandbox = Sandbox::commit(&[("werf-includes.yaml", &includes(", basicAuth: {username: ci, password: {env: TOKEN}}"))]);
    insta::assert_snapshot!(told(&sandbox, &["includes", "update"]), @r"
    exit 1
    error: secret `ci`: the variable TOKEN is not set
      ╭─[werf-includes.yaml:2:9]
    2 │ - {git: 'http://HOST/lib.git', branch: main, add: /, to: /, basicAuth: {username: ci, password: {env: TOKEN}}}
      ·         ────────────────┬─────────────── named here
    help: set TOKEN, or remove the secret where it is named
    ");
    let token = [("TOKEN", "s3cret-token")];
    assert!(told_with(&sandbox, &["includes", "update"], &token).starts_with("exit 0\n"));
    sandbox.commit_all("locked");
    smart.requests.lock().unwrap().clear();
    assert_eq!(told_with(&sandbox, &["config", "render"], &token), "exit 0\nproject: app\nconfigVersion: 1\n");
    assert_eq!(smart.requests.lock().unwrap().len(), 0, "a commit that is in the cache is not asked for");
    sandbox.write(&[("werf-includes.yaml", &includes(", basicAuth: {username: ci, password: {value: wr0ng}}"))]);
    sandbox.commit_all("wrong");
    insta::assert_snapshot!(told(&sandbox, &["includes", "update"]), @r"
    exit 1
    error: the Git repository `http://HOST/lib.git` does not accept who asks (401 Unauthorized): who are you, secret?
      ╭─[werf-includes.yaml:2:9]
    2 │ - {git: 'http://HOST/lib.git', branch: main, add: /, to: /, basicAuth: {username: ci, password: {value: *****}}}
      ·         ────────────────┬─────────────── named here
    help: let Git know a login (`git config --global credential.helper …`), or give `basicAuth` beside its URL a user and a password
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_commits_whose_includes_are_gone_stay() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = project();
    let repo = registry.repository("app");
    let labels = format!(r#"{{"werf":"shared","werf.io/image":"web","werf-project-repo-commit":"{}"}}"#, "0".repeat(40));
    registry.image("app", &"a".repeat(64), &format!(r#"{{"created":"2026-01-02T03:04:05Z","config":{{"Labels":{labels}}}}}"#));
    // No label tells a commit that is here: content decides.
    let cleanup = ["cleanup", "--keep-stages-built-within-last-n-hours", "0", "--without-kube", "--repo", &repo, "--dry-run"];
    insta::assert_snapshot!(told_beside(&sandbox, &cleanup), @r"
    exit 0
    keep    web  aaaaaaaaaaaa  the commit that built it is gone, and commit COMMIT may have it: commit COMMIT has `werf-includes.yaml` and no `werf-includes.lock`
    ");
    // A commit that locks what is no more, and one after it that does without.
    let gone = "includes:\n- {git: ../common, branch: main, commit: 00112233}\n- {git: ../chart, tag: v1, commit: 00112233}\n";
    sandbox.write(&[("werf-includes.lock", gone)]);
    sandbox.commit_all("gone");
    let own = "project: shared\nconfigVersion: 1\n---\nimage: web\nfrom: scratch\n";
    sandbox.write(&[("werf.yaml", own), ("werf-includes.yaml", "includes: []\n")]);
    sandbox.commit_all("own");
    insta::assert_snapshot!(told_beside(&sandbox, &cleanup), @r"
    exit 0
    keep    web  aaaaaaaaaaaa  the commit that built it is gone, and commit COMMIT may have it: 2 includes are not to be had
    ");
    sandbox.git(&["rm", "-q", "werf-includes.lock"]);
    sandbox.write(&[("werf-includes.yaml", PLAIN)]);
    sandbox.commit_all("no lock");
    insta::assert_snapshot!(told_beside(&sandbox, &cleanup), @r"
    exit 1
    error: commit COMMIT has `werf-includes.yaml` and no `werf-includes.lock`
    help: run `werf includes update`, which writes the commits of the other repositories into it, and commit the file
    ");
}
