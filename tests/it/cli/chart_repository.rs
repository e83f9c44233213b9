//! Charts that a project's chart depends on and that lie elsewhere: fetched by Chart.lock, kept, and what is said where they cannot be had.

use super::super::fake_charts::{packed, publish, push};
use super::super::fake_registry::{FakeRegistry, Login, Trouble, raw_server, tls_front};
use super::super::sandbox::Sandbox;
use super::{told, told_beside};

/// A project whose chart has these dependencies, with what its lock says of them: name, range, version, repository.
fn project(dependencies: &[(&str, &str, &str, &str)]) -> Sandbox {
    let declared: String = dependencies
        .iter()
        .map(|(name, range, _, place)| format!("- {{name: {name}, version: '{range}', repository: '{place}'}}\n"))
        .collect();
    let locked: String = dependencies
        .iter()
        .map(|(name, _, version, place)| format!("- {{name: {name}, version: {version}, repository: '{place}'}}\n"))
        .collect();
    Sandbox::commit(&[
        ("werf.yaml", "project: app\nconfigVersion: 1\n"),
        (".helm/Chart.yaml", &format!("apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n{declared}")),
        (".helm/Chart.lock", &format!("dependencies:\n{locked}digest: sha256:0\ngenerated: \"2026-01-02T03:04:05Z\"\n")),
    ])
}

/// The names of the rendered objects, or what is said where there are none.
fn rendered(sandbox: &Sandbox) -> String {
    let text = told_beside(sandbox, &["render", "--log-quiet"]);
    match text.starts_with("exit 0") {
        true => text.lines().filter_map(|line| line.strip_prefix("metadata: ")).collect::<Vec<_>>().join(" "),
        false => text.split_once("error: ").map_or(text.clone(), |(_, error)| format!("error: {error}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_chart_is_fetched_once() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("one", "1.2.3"), ("one", "1.3.0"), ("two", "0.1.0-rc.1+b")]);
    let registry = push(&server, "three", "3.0.0+build");
    let sandbox = project(&[
        ("one", "^1.0.0", "1.2.3", &place),
        ("two", ">0.0.0-0", "0.1.0-rc.1+b", &place),
        ("three", "3.x", "3.0.0+build", &registry),
    ]);
    insta::assert_snapshot!(told_beside(&sandbox, &["render"]), @r"
    exit 0
    ---
    # Source: app/charts/one/templates/map.yaml
    kind: ConfigMap
    metadata: {name: one-1.2.3}
    ---
    # Source: app/charts/three/templates/map.yaml
    kind: ConfigMap
    metadata: {name: three-3.0.0+build}
    ---
    # Source: app/charts/two/templates/map.yaml
    kind: ConfigMap
    metadata: {name: two-0.1.0-rc.1+b}
         Warning Chart.lock was made for other dependencies than Chart.yaml declares; what is locked fits all the same
                 help: run `werf helm dependency update .helm` and commit Chart.lock
         Fetched chart one 1.2.3 from http://HOST/charts
         Fetched chart two 0.1.0-rc.1+b from http://HOST/charts
         Fetched chart three 3.0.0+build from oci://HOST/team
    ");
    let log = server.take_log();
    assert_eq!(log.iter().filter(|line| line.contains("index.yaml")).count(), 1, "{log:?}");
    assert_eq!(log.iter().filter(|line| line.contains(".tgz") || line.contains("blobs")).count(), 3, "{log:?}");
    // all is at hand now: neither the network nor another place of the work tree is needed
    assert_eq!(rendered(&sandbox), "{name: one-1.2.3} {name: three-3.0.0+build} {name: two-0.1.0-rc.1+b}");
    assert_eq!(server.take_log(), Vec::<String>::new());
    // another lock file reads the indexes anew, and only them
    let path = ".helm/Chart.lock";
    let lock = std::fs::read_to_string(sandbox.app().join(path)).unwrap();
    sandbox.write(&[(path, &lock.replace("2026", "2027"))]);
    sandbox.commit_all("lock anew");
    assert_eq!(rendered(&sandbox), "{name: one-1.2.3} {name: three-3.0.0+build} {name: two-0.1.0-rc.1+b}");
    let log = server.take_log();
    assert!(log.len() == 2 && log.iter().all(|line| line.contains("index.yaml") || line.contains("manifests")), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_of_the_chart_are_not_sought() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("one", "1.2.3")]);
    let sandbox = project(&[("one", "^1.0.0", "1.2.3", &place)]);
    std::fs::create_dir_all(sandbox.app().join(".helm/charts")).unwrap();
    std::fs::write(sandbox.app().join(".helm/charts/one-1.9.9.tgz"), packed("one", "1.9.9")).unwrap();
    std::fs::remove_file(sandbox.app().join(".helm/Chart.lock")).unwrap();
    sandbox.commit_all("vendored");
    assert_eq!(rendered(&sandbox), "{name: one-1.9.9}");
    assert_eq!(server.take_log(), Vec::<String>::new());
}

#[test]
fn charts_elsewhere_in_the_commit() {
    let files = |repository: &str| {
        let sandbox = project(&[]);
        let declared = format!("dependencies: [{{name: common, version: 1.x, repository: 'file://{repository}'}}]\n");
        sandbox.write(&[
            (".helm/Chart.yaml", &format!("apiVersion: v2\nname: app\nversion: 1.0.0\n{declared}")),
            ("charts/common/Chart.yaml", "apiVersion: v2\nname: common\nversion: 1.1.0\n"),
            ("charts/common/templates/map.yaml", "kind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}}\n"),
            ("charts/other/Chart.yaml", "apiVersion: v2\nname: common\nversion: 2.0.0\n"),
        ]);
        std::fs::remove_file(sandbox.app().join(".helm/Chart.lock")).unwrap();
        sandbox.commit_all("local");
        sandbox
    };
    assert!(told(&files("../charts/common"), &["render"]).contains("metadata: {name: common}"));
    insta::assert_snapshot!(told(&files("../charts/nothing"), &["render"]), @r"
    exit 1
    error: dependency `common` cannot come from file://../charts/nothing: the commit has no such directory
    help: the path is relative to the chart's directory and stays in the commit, such as `file://../common`
    ");
    insta::assert_snapshot!(told(&files("../../common"), &["render"]), @r"
    exit 1
    error: dependency `common` cannot come from file://../../common: its path leads out of the repository
    help: the path is relative to the chart's directory and stays in the commit, such as `file://../common`
    ");
    insta::assert_snapshot!(told(&files("../charts/other"), &["render"]), @r"
    exit 1
    error: what file://../charts/other has as `common` 1.x is chart `common` 2.0.0
    help: declare it by the name and version of its Chart.yaml
    ");
    let changed = files("../charts/common");
    changed.write(&[("charts/common/templates/map.yaml", "kind: Secret\n")]);
    insta::assert_snapshot!(told(&changed, &["render"]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 1 file that this run reads:
      charts/common/templates/map.yaml: changed, but not committed
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
}

#[test]
fn no_lock_or_another_one() {
    let sandbox = project(&[("one", "^1.0.0", "1.2.3", "http://127.0.0.1:9/charts")]);
    sandbox.write(&[(".helm/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{name: one, version: ^2.0.0, repository: 'http://127.0.0.1:9/charts'}, {name: two, version: 1.x, repository: '@team'}]\n")]);
    sandbox.commit_all("newer");
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 1
    error: 2 dependencies of the chart cannot be had

    error: Chart.lock does not fit Chart.yaml: `one` is declared with `^2.0.0` from http://127.0.0.1:9/charts, the lock has version 1.2.3 from http://127.0.0.1:9/charts
    help: run `werf helm dependency update .helm` and commit Chart.lock

    error: Chart.lock does not fit Chart.yaml: `two` is declared with `1.x` from @team, the lock has no such chart
    help: run `werf helm dependency update .helm` and commit Chart.lock
    ");
    std::fs::remove_file(sandbox.app().join(".helm/Chart.lock")).unwrap();
    sandbox.commit_all("no lock");
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 1
    error: .helm depends on `one`, `two`, which .helm/charts lacks, and the commit has no .helm/Chart.lock that says which versions are meant
    help: run `werf helm dependency update .helm` and commit Chart.lock; the archives in .helm/charts need not be committed
    ");
    let v1 = "apiVersion: v1\nname: app\nversion: 1.0.0\n";
    sandbox.write(&[
        (".helm/Chart.yaml", v1),
        (".helm/requirements.yaml", "dependencies: [{name: one, version: ^2.0.0, repository: 'http://127.0.0.1:9'}]\n"),
    ]);
    sandbox.write(&[(".helm/requirements.lock", "dependencies: 1\n")]);
    sandbox.commit_all("old");
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 1
    error: .helm/requirements.lock cannot be read: invalid type: integer `1`, expected a sequence
    help: run `werf helm dependency update .helm` and commit requirements.lock
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_stumble() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("one", "1.2.3")]);
    server.fault("index.yaml", 2, Trouble::Answer(503, "busy"));
    server.fault("one-1.2.3.tgz", 1, Trouble::Close);
    server.fault("one-1.2.3.tgz", 1, Trouble::Wait("0"));
    assert_eq!(rendered(&project(&[("one", "^1.0.0", "1.2.3", &place)])), "{name: one-1.2.3}");
    assert_eq!(server.take_log().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_fetched() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("redis", "1.2.3"), ("redis", "1.1.0"), ("web", "1.0.0")]);
    insta::assert_snapshot!(rendered(&project(&[("redis", "*", "1.2.4", &place)])), @r"
    error: repository http://HOST/charts has no version of chart `redis` that fits `1.2.4`
    help: its newest versions: 1.2.3, 1.1.0
    ");
    insta::assert_snapshot!(rendered(&project(&[("reddis", "*", "1.2.3", &place), ("else", "*", "1.0.0", &place)])), @r"
    error: 2 dependencies of the chart cannot be had

    error: repository http://HOST/charts has no chart `reddis`
    help: did you mean `redis`?

    error: repository http://HOST/charts has no chart `else`
    help: it has 2 charts; none has a name like this
    ");
    let missing = format!("http://{}/other", server.address);
    insta::assert_snapshot!(rendered(&project(&[("redis", "*", "1.2.3", &missing)])), @r"
    error: cannot read the index of chart repository http://HOST/other: HOST has no such file
      because: GET http://HOST/other/index.yaml answered 404 Not Found, NAME_UNKNOWN: unknown
    help: check the repository's URL: its index is at URL/index.yaml; a chart that was taken away needs another version
    ");
    server.file("/charts/web-1.0.0.tgz", packed("web", "1.0.1"));
    insta::assert_snapshot!(rendered(&project(&[("web", "*", "1.0.0", &place)])), @r"
    error: chart `web` from http://HOST/charts/web-1.0.0.tgz is not what the repository's index says: it has SHA-256 DIGEST, DIGEST is promised
    help: someone may have changed it on its way; or it was published anew under the same version: `werf helm repo update` reads the index again
    ");
    server.remove_file("/charts/web-1.0.0.tgz");
    insta::assert_snapshot!(rendered(&project(&[("web", "*", "1.0.0", &place)])), @r"
    error: cannot download chart `web` 1.0.0: HOST has no such file
      because: GET http://HOST/charts/web-1.0.0.tgz answered 404 Not Found, NAME_UNKNOWN: unknown
    help: check the repository's URL: its index is at URL/index.yaml; a chart that was taken away needs another version
    ");
    server.fault("index.yaml", 5, Trouble::Answer(500, "out of order"));
    insta::assert_snapshot!(rendered(&project(&[("web", "*", "1.0.0", &place)])), @r"
    error: cannot read the index of chart repository http://HOST/charts: HOST failed (5 tries)
      because: GET http://HOST/charts/index.yaml answered 500 Internal Server Error, out of order
    help: the fault is the server's: run the same command again later
    ");
    server.file("/charts/index.yaml", "<html><p>Log in: ");
    insta::assert_snapshot!(rendered(&project(&[("web", "*", "1.0.0", &place)])), @r"
    error: http://HOST/charts/index.yaml is no chart repository's index
      because: it has no `apiVersion`
    help: check the repository's URL: what is at URL/index.yaml must be what `helm repo index` makes
    ");
    insta::assert_snapshot!(rendered(&project(&[("web", "*", "1.0.0", &place.replace("http:", "https:"))])), @r"
    error: cannot read the index of chart repository https://HOST/charts: HOST speaks plain HTTP, and we tried HTTPS
      because: received corrupt message of type InvalidContentType
    help: write the repository's URL with `http://`
    ");
    let short = raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\napiVersion: v1").await;
    insta::assert_snapshot!(rendered(&project(&[("web", "*", "1.0.0", &format!("http://{short}"))])), @r"
    error: cannot read the index of chart repository http://HOST: the connection to HOST broke (5 tries)
      because: error reading a body from connection: end of file before message length reached
    help: run the same command again
    ");
    insta::assert_snapshot!(rendered(&project(&[("web", "*", "1.0.0", "http://127.0.0.1:9/charts")])), @r"
    error: cannot read the index of chart repository http://127.0.0.1:9/charts: 127.0.0.1:9 cannot be reached
      because: Connection refused (os error 111)
    help: check the repository's URL, and that this machine's network reaches it
    ");
    let registry = push(&server, "web", "1.0.0");
    insta::assert_snapshot!(rendered(&project(&[("web", "*", "1.0.1", &registry)])), @r"
    error: cannot read the manifest of `HOST/team/web:1.0.1`: registry `HOST` has no such thing
      because: GET http://HOST/v2/team/web/manifests/1.0.1 answered 404 Not Found, MANIFEST_UNKNOWN: unknown
    help: check the name; some registries also answer so where an account lacks the right to see it
    ");
    server.image("team/image", "1.0.0", "{}");
    insta::assert_snapshot!(rendered(&project(&[("image", "*", "1.0.0", &registry)])), @r"
    error: HOST/team/image:1.0.0 is no chart: its configuration is of type `application/vnd.oci.image.config.v1+json`
    help: charts come into registries by `helm push`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_for_the_repository_alone() {
    let server = FakeRegistry::start(Login::Basic("me", "secret")).await;
    let place = publish(&server, &[("one", "1.2.3")]);
    let sandbox = project(&[("one", "*", "1.2.3", &place)]);
    insta::assert_snapshot!(rendered(&sandbox), @r"
    error: cannot read the index of chart repository http://HOST/charts: HOST wants a user name and a password
      because: GET http://HOST/charts/index.yaml answered 401 Unauthorized, UNAUTHORIZED: authentication required
    help: add the repository with them: `werf helm repo add NAME URL --username … --password …`
    ");
    let repositories = |more: &str| {
        let text = format!("repositories:\n- {{name: team, url: '{place}/', username: me, {more}}}\n");
        let path = sandbox.root().join("home/.config/helm/repositories.yaml");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    repositories("password: wrong");
    insta::assert_snapshot!(rendered(&sandbox), @r"
    error: cannot read the index of chart repository http://HOST/charts: HOST does not accept user `me` with this password
      because: GET http://HOST/charts/index.yaml answered 401 Unauthorized, UNAUTHORIZED: authentication required
    help: the password may be wrong or expired; `werf helm repo add … --force-update` replaces it
    ");
    // the archive is said to lie on another host
    let other = FakeRegistry::start(Login::Basic("me", "secret")).await;
    publish(&other, &[("one", "1.2.3")]);
    repositories("password: secret");
    server.fault("one-1.2.3.tgz", 1, Trouble::Redirect(format!("http://{}/charts/one-1.2.3.tgz", other.address)));
    insta::assert_snapshot!(rendered(&sandbox), @r"
    error: cannot download chart `one` 1.2.3: HOST wants a user name and a password, and those of http://HOST/charts are not shown to other hosts
      because: GET http://HOST/charts/one-1.2.3.tgz answered 401 Unauthorized, UNAUTHORIZED: authentication required
    help: if they are meant for it too, say `--pass-credentials`, also at `werf helm repo add`
    ");
    assert_eq!(other.take_log(), ["GET /charts/one-1.2.3.tgz"]);
    repositories("password: secret, pass_credentials_all: true");
    server.fault("one-1.2.3.tgz", 1, Trouble::Redirect(format!("http://{}/charts/one-1.2.3.tgz", other.address)));
    assert_eq!(rendered(&sandbox), "{name: one-1.2.3}");
    assert_eq!(other.take_log(), ["GET /charts/one-1.2.3.tgz as Basic"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_of_urls_are_shown_to_nobody_else() {
    let server = FakeRegistry::start(Login::Basic("me", "p@ss")).await;
    let place = publish(&server, &[("one", "1.2.3")]);
    let written = |password: &str| place.replace("http://", &format!("http://me:{password}@"));
    let fetched = told_beside(&project(&[("one", "*", "1.2.3", &written("p%40ss"))]), &["render"]);
    assert!(fetched.contains("name: one-1.2.3") && fetched.contains("Fetched chart one 1.2.3 from http://HOST/charts"), "{fetched}");
    for (range, password) in [("*", "other-one"), ("^2", "p%40ss")] {
        let refused = rendered(&project(&[("one", range, "1.2.3", &written(password))]));
        assert!(refused.starts_with("error") && !refused.contains(password), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_chart_twice() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("one", "1.5.0"), ("one", "2.0.0")]);
    let sandbox = project(&[]);
    let one = |version: &str, alias: &str| format!("{{name: one, version: {version}, repository: '{place}'{alias}}}");
    let declared = [one("'>=1.0.0 <2'", ", alias: a"), one("'>=2.0.0'", ", alias: b"), one("'>=1.0.0 <2'", ", alias: c")].join(", ");
    let locked = [one("1.5.0", ""), one("2.0.0", ""), one("1.5.0", "")].join(", ");
    sandbox.write(&[
        (".helm/Chart.yaml", &format!("apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{declared}]\n")),
        (".helm/Chart.lock", &format!("dependencies: [{locked}]\ndigest: sha256:0\n")),
    ]);
    sandbox.commit_all("twice");
    let text = told_beside(&sandbox, &["render", "--log-quiet"]);
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("metadata: ")).collect();
    assert_eq!(names, ["{name: a-1.5.0}", "{name: b-2.0.0}", "{name: c-1.5.0}"], "{text}");
}

/// As werf's own documentation has it: a Chart.yaml with dependencies and no name.
#[tokio::test(flavor = "multi_thread")]
async fn a_chart_without_a_name_is_locked_and_rendered() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("one", "1.2.3")]);
    let registry = push(&server, "three", "3.0.0");
    let sandbox = project(&[]);
    let declared = format!("- {{name: one, version: ~1.2.0, repository: '{place}'}}\n- {{name: three, repository: '{registry}'}}\n");
    sandbox.write(&[
        (".helm/Chart.yaml", &format!("apiVersion: v2\ndependencies:\n{declared}- {{name: near, repository: 'file://../near'}}\n")),
        ("near/Chart.yaml", "apiVersion: v2\nname: near\nversion: 0.1.0\n"),
        ("near/templates/map.yaml", "kind: ConfigMap\nmetadata: {name: near}\n"),
        (".gitignore", ".helm/charts/*.tgz\n"),
    ]);
    std::fs::remove_file(sandbox.app().join(".helm/Chart.lock")).unwrap();
    insta::assert_snapshot!(told_beside(&sandbox, &["helm", "dependency", "update"]), @r#"
    exit 0
    Getting updates for unmanaged Helm repositories...
    ...Successfully got an update from the "http://HOST/charts" chart repository
    Saving 3 charts
    Downloading one from repo http://HOST/charts
    Downloading three from repo oci://HOST/team
    Deleting outdated charts
    "#);
    sandbox.commit_all("locked");
    std::fs::remove_dir_all(sandbox.app().join(".helm/charts")).unwrap();
    let text = told_beside(&sandbox, &["render"]);
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("metadata: ")).collect();
    assert_eq!(names, ["{name: near}", "{name: one-1.2.3}", "{name: three-3.0.0}"], "{text}");
    assert!(!text.contains("Warning"), "{text}");
    // an empty directory is no chart all the same
    std::fs::create_dir(sandbox.app().join("empty")).unwrap();
    insta::assert_snapshot!(told_beside(&sandbox, &["helm", "dependency", "update", "empty"]), @r"
    exit 1
    error: there is no chart at `empty`
    help: name a chart's directory or `.tgz` archive, REPOSITORY/CHART, oci://HOST/PATH/CHART, the URL of an archive, or CHART with `--repo URL`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chart_than_the_one_that_is_locked_is_not_kept() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = format!("http://{}/charts", server.address);
    server.file("/charts/index.yaml", "apiVersion: v1\nentries: {one: [{name: one, version: 1.2.3, urls: [one.tgz]}]}\n");
    server.file("/charts/one.tgz", packed("other", "1.2.3"));
    let sandbox = project(&[("one", "*", "1.2.3", &place)]);
    insta::assert_snapshot!(rendered(&sandbox), @r"
    error: what http://HOST/charts has as `one` 1.2.3 is chart `other` 1.2.3
    help: declare it by the name and version of its Chart.yaml
    ");
    server.file("/charts/one.tgz", "no archive");
    insta::assert_snapshot!(rendered(&sandbox), @r"
    error: `.helm/charts/one-1.2.3.tgz` is no chart archive: invalid gzip header
    help: a chart archive is what `helm package` makes: a gzipped tar whose one directory holds Chart.yaml
    ");
    server.file("/charts/one.tgz", packed("one", "1.2.3"));
    assert_eq!(rendered(&sandbox), "{name: one-1.2.3}");
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_of_the_cache() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("one", "1.2.3")]);
    let sandbox = project(&[("one", "*", "1.2.3", &place)]);
    assert!(told_beside(&sandbox, &["helm", "repo", "add", "team", &place]).starts_with("exit 0"));
    server.take_log();
    assert!(told_beside(&sandbox, &["render", "-L"]).contains("name: one-1.2.3"));
    assert_eq!(server.take_log(), ["GET /charts/one-1.2.3.tgz"]);
    std::fs::remove_dir_all(sandbox.root().join("home/.cache")).unwrap();
    insta::assert_snapshot!(told_beside(&sandbox, &["render", "--skip-dependencies-repo-refresh"]), @r"
    exit 1
         Warning Chart.lock was made for other dependencies than Chart.yaml declares; what is locked fits all the same
                 help: run `werf helm dependency update .helm` and commit Chart.lock
    error: the index of repository `team` is not in the cache ([SANDBOX]/home/.cache/helm/repository/team-index.yaml)
    help: run `werf helm repo update team`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_certificate_is_fine_where_the_user_says_so() {
    let server = FakeRegistry::start(Login::Open).await;
    publish(&server, &[("one", "1.2.3")]);
    let front = tls_front(&server).await;
    push(&server, "three", "3.0.0");
    let (place, registry) = (format!("https://{front}/charts"), format!("oci://{front}/team"));
    let sandbox = project(&[("one", "^1.0.0", "1.2.3", &place), ("three", "3.x", "3.0.0", &registry)]);
    let refused = rendered(&sandbox);
    assert!(refused.contains("the certificate of "), "{refused}");
    let told = told_beside(&sandbox, &["render", "--log-quiet", "--skip-tls-verify-helm-dependencies"]);
    assert!(told.starts_with("exit 0") && told.contains("{name: one-1.2.3}") && told.contains("{name: three-3.0.0}"), "{told}");
}
