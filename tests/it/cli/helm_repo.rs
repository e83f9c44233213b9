//! `werf helm repo`, `dependency`, `pull`, `push`: what they say where they cannot do it, and that they leave all as it was.

use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::super::fake_charts::{packed, publish, push};
use super::super::fake_registry::{FakeRegistry, Login, Trouble, certified_tls_front, tls_front_of, tunnel_proxy};
use super::super::sandbox::Sandbox;
use super::{told_beside, told_with};

#[tokio::test(flavor = "multi_thread")]
async fn repositories() {
    let server = FakeRegistry::start(Login::Basic("me", "secret")).await;
    let place = publish(&server, &[("one", "1.2.3")]);
    let sandbox = Sandbox::empty();
    let told = |args: &[&str]| told_beside(&sandbox, &[&["helm", "repo"], args].concat());
    let mut all = String::new();
    for args in [
        &["list"][..],
        &["list", "-o", "json"],
        &["update"],
        &["add", "a/b", &place],
        &["add", "team", &place],
        &["add", "team", &place, "--username", "me", "--password", "other"],
        &["add", "old", "https://kubernetes-charts.storage.googleapis.com"],
        &["add", "registry", "oci://example.org/charts"],
        &["remove", "team"],
        &["add", "team", &place, "--username", "me", "--password", "secret"],
        &["add", "team", "http://127.0.0.1:9/other"],
        &["update", "tam"],
        &["list"],
        &["list", "-o", "wide"],
    ] {
        all.push_str(&format!("$ {}\n{}\n", args.join(" ").replace(&place, "PLACE"), told(args)));
    }
    insta::assert_snapshot!(all, @r#"
    $ list
    exit 1
    error: no repositories were added
    help: add one: `werf helm repo add NAME URL`

    $ list -o json
    exit 0
    []

    $ update
    exit 1
    error: no repositories were added
    help: add one: `werf helm repo add NAME URL`

    $ add a/b PLACE
    exit 1
    error: the name of a repository has no slash: `a/b`
    help: the slash is for charts: REPOSITORY/CHART

    $ add team PLACE
    exit 1
    error: cannot read the index of chart repository http://HOST/charts: HOST wants a user name and a password
      because: GET http://HOST/charts/index.yaml answered 401 Unauthorized, UNAUTHORIZED: authentication required
    help: add the repository with them: `werf helm repo add NAME URL --username … --password …`

    $ add team PLACE --username me --password other
    exit 1
    error: cannot read the index of chart repository http://HOST/charts: HOST does not accept user `me` with this password
      because: GET http://HOST/charts/index.yaml answered 401 Unauthorized, UNAUTHORIZED: authentication required
    help: the password may be wrong or expired; `werf helm repo add … --force-update` replaces it

    $ add old https://kubernetes-charts.storage.googleapis.com
    exit 1
    error: the charts of https://kubernetes-charts.storage.googleapis.com are gone from there
    help: they are at https://charts.helm.sh/stable now; `--allow-deprecated-repos` adds the old place all the same

    $ add registry oci://example.org/charts
    exit 1
    error: cannot read the index of chart repository oci://example.org/charts: `oci://example.org/charts/index.yaml` is no HTTP URL
    help: chart repositories have URLs with `https://` or `http://`, charts in registries `oci://`

    $ remove team
    exit 1
    error: no repository is called `team` here
    help: none was added yet: `werf helm repo add team URL`

    $ add team PLACE --username me --password secret
    exit 0
    "team" has been added to your repositories

    $ add team http://127.0.0.1:9/other
    exit 1
    error: there is a repository `team` with other settings: http://HOST/charts
    help: choose another name, or replace it with `--force-update`

    $ update tam
    exit 1
    error: no repository is called `tam` here
    help: there are `team`; `werf helm repo add tam URL` adds another one

    $ list
    exit 0
    NAME	URL                          
    team	http://HOST/charts

    $ list -o wide
    exit 2
    error: invalid value 'wide' for '--output <FORMAT>': `wide` is none of table, json, yaml

    For more information, try '--help'.
    "#);
    let mode = std::fs::metadata(sandbox.root().join("home/.config/helm/repositories.yaml")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
    // one that fails does not keep the others from being read, unless that is wanted
    let other = FakeRegistry::start(Login::Open).await;
    told(&["add", "other", &publish(&other, &[("two", "1.0.0")])]);
    drop(other);
    insta::assert_snapshot!(told(&["update"]), @r#"
    exit 0
    Hang tight while we grab the latest from your chart repositories...
    ...Successfully got an update from the "team" chart repository
    ...Unable to get an update from the "other" chart repository (http://HOST/charts):
    	cannot read the index of chart repository http://HOST/charts: HOST cannot be reached: Connection refused (os error 111)
    Update Complete. ⎈Happy Helming!⎈
    "#);
    insta::assert_snapshot!(told(&["update", "--fail-on-repo-update-fail"]), @r"
    exit 1
    error: cannot read the index of chart repository http://HOST/charts: HOST cannot be reached
      because: Connection refused (os error 111)
    help: check the repository's URL, and that this machine's network reaches it
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_update_of_dependencies_changes_nothing() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("one", "1.2.3"), ("two", "1.0.0")]);
    let sandbox = Sandbox::empty();
    let declare = |version: &str, two: &str| {
        let declared =
            format!("[{{name: one, version: {version}, repository: '{place}'}}, {{name: two, version: '*', repository: '{two}'}}]");
        sandbox.write(&[("web/Chart.yaml", &format!("apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: {declared}\n"))]);
    };
    let dependency = |args: &[&str]| told_beside(&sandbox, &[&["helm", "dependency"], args].concat());
    declare("1.x", &place);
    insta::assert_snapshot!(dependency(&["build", "web"]), @r#"
    exit 0
    Getting updates for unmanaged Helm repositories...
    ...Successfully got an update from the "http://HOST/charts" chart repository
    ...Successfully got an update from the "http://HOST/charts" chart repository
    Saving 2 charts
    Downloading one from repo http://HOST/charts
    Downloading two from repo http://HOST/charts
    Deleting outdated charts
    "#);
    let state = || {
        let charts =
            std::fs::read_dir(sandbox.app().join("web/charts")).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        (charts.len(), std::fs::read_to_string(sandbox.app().join("web/Chart.lock")).unwrap())
    };
    let before = state();
    assert_eq!(before.0, 2);
    // nothing is newer: the lock keeps its time
    assert!(dependency(&["update", "web"]).starts_with("exit 0"));
    assert_eq!(state(), before);
    declare("2.x", &place);
    insta::assert_snapshot!(dependency(&["update", "web"]), @r"
    exit 1
    error: repository http://HOST/charts has no version of chart `one` that fits `2.x`
    help: its newest versions: 1.2.3
    ");
    insta::assert_snapshot!(dependency(&["build", "web"]), @r"
    exit 1
    error: Chart.lock is out of sync with Chart.yaml
    help: run `werf helm dependency update web`
    ");
    declare("1.x", "@team");
    insta::assert_snapshot!(dependency(&["update", "web"]), @r"
    exit 1
    error: no repository is called `team` here
    help: none was added yet: `werf helm repo add team URL`
    ");
    declare("1.x", "stable");
    insta::assert_snapshot!(dependency(&["update", "web"]), @r"
    exit 1
    error: dependency `two`: `stable` is no repository
    help: repositories are URLs, or names of added ones with a leading `@`
    ");
    declare("1.x", "file://../two");
    insta::assert_snapshot!(dependency(&["update", "web"]), @r"
    exit 1
    error: dependency `two`: there is no directory web/../two
    help: a dependency without a repository lies in the chart's charts directory, `file://` is relative to the chart
    ");
    declare("1.x", &place);
    server.file("/charts/two-1.0.0.tgz", packed("two", "1.0.1"));
    std::fs::remove_dir_all(sandbox.root().join("home/.cache")).unwrap();
    insta::assert_snapshot!(dependency(&["update", "web"]), @r"
    exit 1
    error: chart `two` from http://HOST/charts/two-1.0.0.tgz is not what the repository's index says: it has SHA-256 DIGEST, DIGEST is promised
    help: someone may have changed it on its way; or it was published anew under the same version: `werf helm repo update` reads the index again
    ");
    assert_eq!(state(), before);
    insta::assert_snapshot!(dependency(&["list", "nowhere"]), @r"
    exit 1
    error: there is no chart at `nowhere`
    help: name a chart's directory or `.tgz` archive, REPOSITORY/CHART, oci://HOST/PATH/CHART, the URL of an archive, or CHART with `--repo URL`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_charts_that_cannot_be_had_are_named() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("one", "1.2.3"), ("two", "1.0.0"), ("web", "1.0.0")]);
    server.remove_file("/charts/one-1.2.3.tgz");
    server.file("/charts/two-1.0.0.tgz", packed("two", "1.0.1"));
    let sandbox = Sandbox::empty();
    let declared: String = ["one", "two", "web"].map(|name| format!("- {{name: {name}, version: 1.x, repository: '{place}'}}\n")).concat();
    sandbox.write(&[("all/Chart.yaml", &format!("apiVersion: v2\nname: all\nversion: 1.0.0\ndependencies:\n{declared}"))]);
    insta::assert_snapshot!(told_beside(&sandbox, &["helm", "dependency", "update", "all"]), @r"
    exit 1
    error: 2 dependencies of the chart cannot be had

    error: cannot download chart `one` 1.2.3: HOST has no such file
      because: GET http://HOST/charts/one-1.2.3.tgz answered 404 Not Found, NAME_UNKNOWN: unknown
    help: check the repository's URL: its index is at URL/index.yaml; a chart that was taken away needs another version

    error: chart `two` from http://HOST/charts/two-1.0.0.tgz is not what the repository's index says: it has SHA-256 DIGEST, DIGEST is promised
    help: someone may have changed it on its way; or it was published anew under the same version: `werf helm repo update` reads the index again
    ");
    assert!(!sandbox.app().join("all/charts").exists());
}

/// Helm would put `download` into charts/, and not find it there.
#[tokio::test(flavor = "multi_thread")]
async fn archives_have_names_by_which_they_are_found() {
    let server = FakeRegistry::start(Login::Open).await;
    server.file("/charts/index.yaml", "apiVersion: v1\nentries: {one: [{name: one, version: 1.2.3, urls: ['download?file=one']}]}\n");
    server.file("/charts/download", packed("one", "1.2.3"));
    let sandbox = Sandbox::empty();
    let declared = format!("dependencies: [{{name: one, version: 1.x, repository: 'http://{}/charts'}}]\n", server.address);
    sandbox.write(&[("web/Chart.yaml", &format!("apiVersion: v2\nname: web\nversion: 1.0.0\n{declared}"))]);
    assert!(told_beside(&sandbox, &["helm", "dependency", "update", "web"]).starts_with("exit 0"));
    assert!(sandbox.app().join("web/charts/one-1.2.3.tgz").exists());
    assert!(told_beside(&sandbox, &["helm", "template", "web"]).contains("one-1.2.3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_that_cannot_be_pulled_or_pushed() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("one", "1.2.3")]);
    let registry = push(&server, "three", "3.0.0+build");
    push(&server, "three", "4.0.0-rc.1");
    let sandbox = Sandbox::empty();
    told_beside(&sandbox, &["helm", "repo", "add", "team", &place]);
    sandbox.write(&[("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"), ("taken/one/x", "")]);
    let mut all = String::new();
    for args in [
        &["pull", "team/none"][..],
        &["pull", "team/one", "--version", "^2"],
        &["pull", "other/one"],
        &["pull", "one"],
        &["pull", "team/one", "--untar", "--untardir", "taken"],
        &["pull", "team/one", "--prov"],
        &["pull", &format!("{registry}/three"), "--version", "^5"],
        &["pull", &format!("{registry}/three:4.0.0-rc.1"), "--version", "3.0.0"],
        &["pull", &format!("{registry}/Three")],
        &["pull", &format!("{registry}/four")],
        &["show", "chart", &format!("{registry}/three")],
        &["show", "chart", &format!("{registry}/three"), "--devel"],
        &["push", "web", &registry],
        &["push", "web-1.0.0.tgz", &registry],
        &["push", "web/Chart.yaml", &registry],
        &["push", "web", "https://example.org"],
        &["package", "web", "--sign"],
        &["package", "web", "--version", "new"],
        &["package", "web/Chart.yaml"],
    ] {
        let shown = args.join(" ").replace(&registry, "REGISTRY");
        all.push_str(&format!("$ {shown}\n{}\n", told_beside(&sandbox, &[&["helm"], args].concat())));
    }
    insta::assert_snapshot!(all, @r"
    $ pull team/none
    exit 1
    error: repository http://HOST/charts has no chart `none`
    help: did you mean `one`?

    $ pull team/one --version ^2
    exit 1
    error: repository http://HOST/charts has no version of chart `one` that fits `^2`
    help: its newest versions: 1.2.3

    $ pull other/one
    exit 1
    error: no repository is called `other` here
    help: there are `team`; `werf helm repo add other URL` adds another one

    $ pull one
    exit 1
    error: `one` names no chart of a repository
    help: the forms are REPOSITORY/CHART, oci://HOST/PATH/CHART, the URL of an archive, and CHART with `--repo URL`

    $ pull team/one --untar --untardir taken
    exit 1
    error: ./taken/one is there already
    help: name another directory with `--untardir`, or remove it

    $ pull team/one --prov
    exit 1
    error: cannot download the provenance file of chart `one`: HOST has no such file
      because: GET http://HOST/charts/one-1.2.3.tgz.prov answered 404 Not Found, NAME_UNKNOWN: unknown
    help: check the repository's URL: its index is at URL/index.yaml; a chart that was taken away needs another version

    $ pull REGISTRY/three --version ^5
    exit 1
    error: repository oci://HOST/team has no version of chart `three` that fits `^5`
    help: its newest versions: 4.0.0-rc.1, 3.0.0+build

    $ pull REGISTRY/three:4.0.0-rc.1 --version 3.0.0
    exit 1
    error: `oci://HOST/team/three:4.0.0-rc.1` is version 4.0.0-rc.1, and `--version` asks for 3.0.0
    help: leave one of them out

    $ pull REGISTRY/Three
    exit 1
    error: `oci://HOST/team/Three` is not the name of a chart in a registry
      because: `HOST/team/Three` is not an image reference: its path has `Three`, and a part of a path is lower-case letters and digits, joined by `.`, `_`, `__` or dashes
    help: the form is oci://HOST[:PORT]/PATH/CHART

    $ pull REGISTRY/four
    exit 1
    error: repository oci://HOST/team has no version of chart `four` that fits `*`
    help: it has no versions at all

    $ show chart REGISTRY/three
    exit 0
    apiVersion: v2
    name: three
    version: 3.0.0+build


    $ show chart REGISTRY/three --devel
    exit 0
    apiVersion: v2
    name: three
    version: 4.0.0-rc.1


    $ push web REGISTRY
    exit 1
    error: web is a directory
    help: archives are pushed: run `werf helm package web` first

    $ push web-1.0.0.tgz REGISTRY
    exit 1
    error: cannot read web-1.0.0.tgz
      because: No such file or directory (os error 2)
    help: check the path and its permissions

    $ push web/Chart.yaml REGISTRY
    exit 1
    error: `web/Chart.yaml` is no chart archive: invalid gzip header
    help: a chart archive is what `helm package` makes: a gzipped tar whose one directory holds Chart.yaml

    $ push web https://example.org
    exit 1
    error: `https://example.org` is no place for a chart
    help: charts are pushed into registries: oci://HOST[:PORT]/PATH

    $ package web --sign
    exit 1
    error: --sign is not possible yet: charts are not signed here
    help: leave it out, and sign with `helm package --sign`

    $ package web --version new
    exit 1
    error: --version: `new` is no version: invalid semantic version
    help: write it as 1.2.3 or 1.2.3-rc.1

    $ package web/Chart.yaml
    exit 1
    error: `web/Chart.yaml` is no directory
    help: only a chart's directory can be packed
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed() {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("web", "1.0.0")]);
    let registry = push(&server, "three", "3.0.0");
    let sandbox = Sandbox::empty();
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/provenance").join(name);
    for name in ["keyring.gpg", "web-1.0.0.tgz", "rsa.prov"] {
        std::fs::copy(fixture(name), sandbox.app().join(name)).unwrap();
    }
    let declared = format!("dependencies: [{{name: web, version: 1.x, repository: '{place}'}}]\n");
    sandbox.write(&[
        ("all/Chart.yaml", &format!("apiVersion: v2\nname: all\nversion: 1.0.0\n{declared}")),
        ("empty.gpg", ""),
        ("text.gpg", "keys"),
    ]);
    let mut all = String::new();
    let mut tell = |args: &[&str]| {
        let shown = args.join(" ").replace(&registry, "REGISTRY").replace(&place, "PLACE");
        all.push_str(&format!("$ {shown}\n{}\n", told_beside(&sandbox, &[&["helm"], args].concat())));
    };
    let keyring = ["--keyring", "keyring.gpg"];
    tell(&[&["verify", "web-1.0.0.tgz"], &keyring[..]].concat());
    std::fs::copy(fixture("rsa.prov"), sandbox.app().join("web-1.0.0.tgz.prov")).unwrap();
    tell(&["verify", "web-1.0.0.tgz"]);
    tell(&["verify", "web-1.0.0.tgz", "--keyring", "empty.gpg"]);
    tell(&["verify", "web-1.0.0.tgz", "--keyring", "text.gpg"]);
    tell(&["verify", "all"]);
    tell(&["template", "all", "--verify"]);
    tell(&[&["pull", "web", "--repo", &place, "--verify"], &keyring[..]].concat());
    tell(&[&["pull", &format!("{registry}/three"), "--verify"], &keyring[..]].concat());
    tell(&[&["dependency", "update", "all", "--verify"], &keyring[..]].concat());
    // another archive than the one that was signed
    server.file("/charts/web-1.0.0.tgz.prov", std::fs::read(fixture("rsa.prov")).unwrap());
    tell(&[&["dependency", "update", "all", "--verify"], &keyring[..]].concat());
    server.remove_file("/charts/web-1.0.0.tgz.prov");
    assert!(told_beside(&sandbox, &["helm", "dependency", "update", "all"]).starts_with("exit 0"));
    tell(&[&["dependency", "build", "all", "--verify"], &keyring[..]].concat());
    insta::assert_snapshot!(all, @r"
    $ verify web-1.0.0.tgz --keyring keyring.gpg
    exit 1
    error: cannot read web-1.0.0.tgz.prov
      because: No such file or directory (os error 2)
    help: the archive, its file with the ending .prov and the keyring are needed; `--keyring` names another one

    $ verify web-1.0.0.tgz
    exit 1
    error: cannot read [SANDBOX]/home/.gnupg/pubring.gpg
      because: No such file or directory (os error 2)
    help: the archive, its file with the ending .prov and the keyring are needed; `--keyring` names another one

    $ verify web-1.0.0.tgz --keyring empty.gpg
    exit 1
    error: chart web-1.0.0.tgz cannot be verified
      because: it is signed by the unknown key 93C1F8AC46D4FDC2
    help: if you trust its owner: `gpg --recv-keys 93C1F8AC46D4FDC2`, then `gpg --export > keyring.gpg`; `--keyring` names it

    $ verify web-1.0.0.tgz --keyring text.gpg
    exit 1
    error: chart web-1.0.0.tgz cannot be verified
      because: the keyring cannot be read: it is not made of OpenPGP packets
    help: it is a file of OpenPGP packets: `gpg --export > keyring.gpg` makes one; `--keyring` names it

    $ verify all
    exit 1
    error: all is a directory: only archives are signed
    help: leave `--verify` out, or name the archive

    $ template all --verify
    exit 1
    error: all is a directory: only archives are signed
    help: leave `--verify` out, or name the archive

    $ pull web --repo PLACE --verify --keyring keyring.gpg
    exit 1
    error: cannot download the provenance file of chart `web`: HOST has no such file
      because: GET http://HOST/charts/web-1.0.0.tgz.prov answered 404 Not Found, NAME_UNKNOWN: unknown
    help: check the repository's URL: its index is at URL/index.yaml; a chart that was taken away needs another version

    $ pull REGISTRY/three --verify --keyring keyring.gpg
    exit 1
    error: chart three-3.0.0.tgz comes without a provenance file: it was pushed without one
    help: leave `--verify` out if you trust it all the same

    $ dependency update all --verify --keyring keyring.gpg
    exit 1
    error: chart web-1.0.0.tgz comes without a provenance file: cannot download the provenance file of chart `web`: HOST has no such file
    help: leave `--verify` out if you trust it all the same

    $ dependency update all --verify --keyring keyring.gpg
    exit 1
    error: chart web-1.0.0.tgz cannot be verified
      because: the archive has SHA-256 DIGEST, DIGEST was signed
    help: do not use the chart: fetch it again from its owner

    $ dependency build all --verify --keyring keyring.gpg
    exit 0
    Saving 1 charts
    Downloading web from repo http://HOST/charts
    WARNING: Verification not found for web-1.0.0.tgz: cannot download the provenance file of chart `web`: HOST has no such file
    Deleting outdated charts
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_of_a_file() {
    let server = FakeRegistry::start(Login::Open).await;
    publish(&server, &[("one", "1.2.3")]);
    let (address, authority) = certified_tls_front(&server).await;
    let sandbox = Sandbox::empty();
    sandbox.write(&[("ca.pem", &authority), ("no.pem", "nothing")]);
    let show = |args: &[&str]| {
        let place = format!("https://{}:{}/charts", "127.0.0.1", address.port());
        told_beside(&sandbox, &[&["helm", "show", "chart", "one", "--repo", &place], args].concat())
    };
    let shown = "exit 0\napiVersion: v2\nname: one\nversion: 1.2.3\n\n";
    assert_eq!(show(&["--ca-file", "ca.pem"]), shown);
    assert_eq!(show(&["--insecure-skip-tls-verify"]), shown);
    insta::assert_snapshot!(show(&[]), @r"
    exit 1
    error: cannot read the index of chart repository https://HOST/charts: the certificate of HOST cannot be verified
      because: invalid peer certificate: UnknownIssuer
    help: name its authority with `--ca-file`, also at `werf helm repo add`, or pass `--insecure-skip-tls-verify`
    ");
    insta::assert_snapshot!(show(&["--ca-file", "no.pem"]), @r"
    exit 1
    error: cannot read the index of chart repository https://HOST/charts: HOST cannot be spoken to: the bundle of authorities is unusable: it has no certificate in PEM
    help: check the repository's URL and the files of its TLS flags
    ");
    insta::assert_snapshot!(show(&["--ca-file", "nowhere.pem"]), @r"
    exit 1
    error: cannot read nowhere.pem
      because: No such file or directory (os error 2)
    help: it is named as a file of certificates or a key for a chart repository: check the path and its permissions
    ");
    insta::assert_snapshot!(show(&["--ca-file", "ca.pem", "--cert-file", "ca.pem", "--key-file", "no.pem"]), @r"
    exit 1
    error: cannot read the index of chart repository https://HOST/charts: HOST cannot be spoken to: the client's key is unusable: no items found
    help: check the repository's URL and the files of its TLS flags
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_to_registries() {
    for login in [Login::Basic("me", "secret"), Login::Bearer("me", "secret")] {
        let server = FakeRegistry::start(login).await;
        let registry = push(&server, "three", "3.0.0");
        let sandbox = Sandbox::empty();
        let host = server.address.to_string();
        let told = |args: &[&str]| told_beside(&sandbox, &[&["helm"], args].concat());
        let pull = ["show", "chart", &format!("{registry}/three")];
        assert!(told(&pull).starts_with("exit 1"));
        insta::allow_duplicates! {
            insta::assert_snapshot!(told(&["registry", "login", &host]), @r"
            exit 1
            error: nobody is to be logged in to HOST
            help: say who: `werf helm registry login HOST --username … --password-stdin`
            ");
            let refused = told(&["registry", "login", &host, "-u", "me", "-p", "other"]);
            insta::assert_snapshot!(refused.lines().next().unwrap_or_default(), @"exit 1");
            insta::assert_snapshot!(refused.lines().nth(1).unwrap_or_default(), @"error: cannot log in to `HOST`: registry `HOST` does not accept user `me`");
            insta::assert_snapshot!(told(&["registry", "login", &format!("http://{host}/v2"), "-u", "me", "-p", "secret"]), @r"
            exit 0
            Login Succeeded
            ");
            let file = std::fs::read_to_string(sandbox.root().join("home/.config/helm/registry/config.json")).unwrap();
            insta::assert_snapshot!(file.replace(&host, "HOST"), @r#"
            {
            	"auths": {
            		"HOST": {
            			"auth": "bWU6c2VjcmV0"
            		}
            	}
            }
            "#);
            insta::assert_snapshot!(told(&pull), @r"
            exit 0
            apiVersion: v2
            name: three
            version: 3.0.0
            ");
            insta::assert_snapshot!(told(&["registry", "logout", &host]), @r"
            exit 0
            Removing login credentials for HOST
            ");
        }
        assert!(told(&pull).starts_with("exit 1"));
        assert!(told(&[&pull[..], &["--username", "me", "--password", "secret"]].concat()).starts_with("exit 0"));
    }
}

/// A helper program keeps what it is given in a file.
#[tokio::test(flavor = "multi_thread")]
async fn logins_are_kept_by_the_helper_that_is_configured() {
    let server = FakeRegistry::start(Login::Basic("me", "secret")).await;
    let registry = push(&server, "three", "3.0.0");
    let sandbox = Sandbox::empty();
    let (bin, host) = (sandbox.root().join("bin"), server.address.to_string());
    let kept = bin.join("kept");
    let script = format!(
        "#!/bin/sh\ncase $1 in\nstore) cat >{kept} ;;\nerase) rm {kept} 2>/dev/null || {{ echo it is not there; exit 1; }} ;;\nget) test -e {kept} && cat {kept} || {{ echo credentials not found; exit 1; }} ;;\nesac\n",
        kept = kept.display()
    );
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("docker-credential-file"), script).unwrap();
    std::fs::set_permissions(bin.join("docker-credential-file"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    sandbox.write(&[("config.json", r#"{"credsStore": "file"}"#)]);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let told = |args: &[&str]| {
        let env = [("PATH", path.as_str()), ("HELM_REGISTRY_CONFIG", "config.json")];
        tokio::task::block_in_place(|| told_with(&sandbox, &[&["helm"], args].concat(), &env))
    };
    let show = ["show", "chart", &format!("{registry}/three")];
    assert_eq!(told(&["registry", "login", &host, "-u", "me", "-p", "secret"]), "exit 0\nLogin Succeeded\n");
    let given: serde_json::Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    assert_eq!(given, serde_json::json!({"ServerURL": host, "Username": "me", "Secret": "secret"}));
    assert!(told(&show).starts_with("exit 0"));
    let config: serde_json::Value = serde_json::from_slice(&std::fs::read(sandbox.app().join("config.json")).unwrap()).unwrap();
    assert_eq!(config, serde_json::json!({"credsStore": "file", "auths": {host.as_str(): {}}}));
    assert!(told(&["registry", "logout", &host]).starts_with("exit 0"));
    assert!(!kept.exists() && told(&show).starts_with("exit 1"));
    insta::assert_snapshot!(told(&["registry", "logout", &host]), @r"
    exit 1
    error: `docker-credential-file erase` failed for registry `HOST`: it is not there
    help: see that its store is open, or remove it from `credHelpers` and `credsStore`: then logins are kept in the file
    ");
    sandbox.write(&[("config.json", r#"{"credsStore": "absent"}"#)]);
    insta::assert_snapshot!(told(&["registry", "logout", &host]), @r"
    exit 1
    error: cannot run `docker-credential-absent`, which is configured to keep the credentials of registry `HOST`
      because: No such file or directory (os error 2)
    help: put `docker-credential-absent` on PATH, or remove it from `credHelpers` and `credsStore` and log in again
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_of_the_system() {
    let server = FakeRegistry::start(Login::Open).await;
    publish(&server, &[("one", "1.2.3")]);
    let secure = certified_tls_front(&server).await.0;
    let (tunnels, heads) = tunnel_proxy(secure).await;
    let sandbox = Sandbox::empty();
    // a server of HTTP is a proxy too: it only looks at the path
    let (http, https) = (format!("http://me:pw@{}", server.address), tunnels.to_string());
    let env = [("HTTP_PROXY", http.as_str()), ("https_proxy", https.as_str()), ("NO_PROXY", "direct.test")];
    let show = |place: &str, env: &[(&str, &str)]| {
        let args = ["helm", "show", "chart", "one", "--repo", place, "--insecure-skip-tls-verify"];
        tokio::task::block_in_place(|| told_with(&sandbox, &args, env))
    };
    let shown = "exit 0\napiVersion: v2\nname: one\nversion: 1.2.3\n\n";
    assert_eq!(show("http://charts.test/charts", &env), shown);
    let log = server.take_log();
    assert_eq!(log, ["GET /charts/index.yaml", "GET /charts/one-1.2.3.tgz"]);
    std::fs::remove_dir_all(sandbox.root().join("home/.cache")).unwrap();
    assert_eq!(show("https://charts.test/charts", &env), shown);
    assert_eq!(
        heads.lock().unwrap().first().map(String::as_str),
        Some("CONNECT charts.test:443 HTTP/1.1\r\nHost: charts.test:443\r\n\r\n")
    );
    insta::assert_snapshot!(show("https://refused.test/charts", &env), @r"
    exit 1
    error: cannot read the index of chart repository https://refused.test/charts: refused.test cannot be reached
      because: the proxy http://HOST refused a tunnel to refused.test:443: HTTP/1.1 403 Forbidden
    help: check the repository's URL, and that this machine's network reaches it
    ");
    insta::assert_snapshot!(show("https://charts.test/charts", &[("HTTPS_PROXY", "http://me:pw@127.0.0.1:9")]), @r"
    exit 1
    error: cannot read the index of chart repository https://charts.test/charts: charts.test cannot be reached
      because: the proxy http://127.0.0.1:9 cannot be reached: Connection refused (os error 111)
    help: check the repository's URL, and that this machine's network reaches it
    ");
    insta::assert_snapshot!(show("https://charts.test/charts", &[("ALL_PROXY", "socks5://127.0.0.1:9")]), @r"
    exit 1
    error: cannot read the index of chart repository https://charts.test/charts: charts.test cannot be reached
      because: the proxy socks5://127.0.0.1:9 cannot be reached: Connection refused (os error 111)
    help: check the repository's URL, and that this machine's network reaches it
    ");
    insta::assert_snapshot!(show("https://charts.test/charts", &[("HTTPS_PROXY", "ftp://127.0.0.1:9"), ("ALL_PROXY", "http://x")]), @r"
    exit 1
    error: cannot read the index of chart repository https://charts.test/charts: charts.test cannot be reached
      because: the proxy ftp://127.0.0.1:9 is none of http://, https:// and socks5://, and others cannot be used
    help: check the repository's URL, and that this machine's network reaches it
    ");
    server.take_log();
    assert!(show("http://direct.test/charts", &env).starts_with("exit 1"));
    assert_eq!(server.take_log(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_that_are_spoken_to_over_tls() {
    let server = FakeRegistry::start(Login::Open).await;
    publish(&server, &[("one", "1.2.3")]);
    let (tunnels, heads) = tunnel_proxy(certified_tls_front(&server).await.0).await;
    let (tunnels, http) = (tls_front_of(tunnels).await.0, certified_tls_front(&server).await.0);
    let sandbox = Sandbox::empty();
    let (https, http) = (format!("https://me:pw@{tunnels}"), format!("https://{http}"));
    let env = [("HTTPS_PROXY", https.as_str()), ("HTTP_PROXY", http.as_str())];
    let show = |args: &[&str]| {
        let shown = tokio::task::block_in_place(|| told_with(&sandbox, &[&["helm", "show", "chart", "one"], args].concat(), &env));
        let _ = std::fs::remove_dir_all(sandbox.root().join("home/.cache"));
        shown
    };
    let shown = "exit 0\napiVersion: v2\nname: one\nversion: 1.2.3\n\n";
    assert_eq!(show(&["--insecure-skip-tls-verify", "--repo", "https://charts.test/charts"]), shown);
    let head = heads.lock().unwrap().first().cloned();
    let asked = "CONNECT charts.test:443 HTTP/1.1\r\nHost: charts.test:443\r\nProxy-Authorization: Basic bWU6cHc=\r\n\r\n";
    assert_eq!(head.as_deref(), Some(asked));
    assert_eq!(show(&["--insecure-skip-tls-verify", "--repo", "http://charts.test/charts"]), shown);
    insta::assert_snapshot!(show(&["--repo", "https://charts.test/charts"]).replace(&tunnels.to_string(), "HOST"), @r"
    exit 1
    error: cannot read the index of chart repository https://charts.test/charts: charts.test cannot be reached
      because: the proxy https://HOST cannot be spoken to over TLS: invalid peer certificate: UnknownIssuer
    help: check the repository's URL, and that this machine's network reaches it
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_a_server_ends_at_once_when_it_is_interrupted() {
    let server = FakeRegistry::start(Login::Open).await;
    server.fault("index.yaml", 1, Trouble::Hang);
    let sandbox = Sandbox::empty();
    let mut command = sandbox.command(&["helm", "repo", "add", "team", &format!("http://{}/charts", server.address)]);
    let child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    while server.take_log().is_empty() {
        tokio::task::yield_now().await;
    }
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), Signal::INT).unwrap();
    let output = tokio::task::block_in_place(|| child.wait_with_output()).unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(130), ""));
    assert!(!sandbox.root().join("home/.config/helm/repositories.yaml").exists());
}
