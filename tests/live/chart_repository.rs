//! `werf helm …` beside the real helm: the same commands, the same text, the same files. Charts go through a registry in both directions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

use crate::fake_charts::{packed_files, publish};
use crate::fake_registry::{FakeRegistry, Login};
use crate::sandbox::Sandbox;
use crate::testbed::{App, Needs, testbed};

/// A program with a working directory and a home of its own.
struct Side {
    program: PathBuf,
    sandbox: Sandbox,
    compat: &'static str,
}

/// Both helms.
const HELMS: [&str; 2] = ["helm3", "helm"];

impl Side {
    /// Our binary and a helm.
    fn pair(helm: &str) -> [Side; 2] {
        let compat = if helm == "helm3" { "3" } else { "4" };
        let side = |program: PathBuf| Side { program, sandbox: Sandbox::empty(), compat };
        [side(env!("CARGO_BIN_EXE_werf").into()), side(testbed(Needs::Images).bin.join(helm))]
    }

    /// Standard output; the error where there is one.
    fn run(&self, args: &[&str]) -> String {
        let is_ours = self.program.ends_with("werf");
        let mut command = Command::new(&self.program);
        command.args(["helm"].iter().filter(|_| is_ours)).args(args).current_dir(self.sandbox.app()).env_clear();
        command.env("WERF_HELM_COMPAT", self.compat);
        command.env("HOME", self.sandbox.root().join("home")).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let output = command.output().expect("it runs");
        match output.status.success() {
            true => {
                let text = String::from_utf8_lossy(&output.stdout).replace(&*self.sandbox.root().to_string_lossy(), "[SANDBOX]");
                // helm 4 says here what helm 3 says on standard error
                let registries = Regex::new(r"(?s)Pulled: .*?when pulling from a registry\.\n").expect("a pattern");
                registries.replace_all(&text, "").into_owned()
            }
            false => format!("it fails: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// What files are below a directory, without what tells the time; of archives, what is in them.
    fn files(&self, dir: &str) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let top = self.sandbox.app().join(dir);
        walk(&top, &mut |path| {
            let name = path.strip_prefix(&top).expect("below").to_string_lossy().into_owned();
            let bytes = fs::read(path).expect("a file");
            // the order of JSON's keys tells nothing, nor that of names
            let sorted = match name.ends_with("-charts.txt") {
                true => Some(String::from_utf8_lossy(&bytes).lines().collect::<std::collections::BTreeSet<_>>().into_iter().collect()),
                false => serde_json::from_slice::<serde_json::Value>(&bytes).map(|value| format!("{value:#}")).ok(),
            };
            let text = if name.ends_with(".tgz") {
                contents(&bytes)
            } else {
                sorted.unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned())
            };
            let times =
                Regex::new(r#"(?m)"?(generated|created)"?: "?20[^"\n]*"?,?|"[0-9a-f]{64}"|digest: [0-9a-f]{64}"#).expect("a pattern");
            files.insert(name, times.replace_all(&text, "TIME").into_owned());
        });
        files
    }
}

fn walk(dir: &Path, found: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, found) } else { found(&path) }
    }
}

/// The files of an archive with their texts.
fn contents(archive: &[u8]) -> String {
    let mut reader = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let mut files = BTreeMap::new();
    for entry in reader.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut text).expect("a file");
        let name = entry.path().expect("a path").to_string_lossy().into_owned();
        files.insert(name, String::from_utf8_lossy(&text).into_owned());
    }
    format!("{files:#?}")
}

/// Both say the same to each command.
fn say_the_same(sides: &[Side; 2], commands: &[&[&str]]) {
    for command in commands {
        let [ours, theirs] = sides.each_ref().map(|side| side.run(command));
        assert!(!theirs.starts_with("it fails"), "{command:?}: helm: {theirs}");
        assert_eq!(ours, theirs, "{command:?}");
    }
}

/// Both have the same files.
fn have_the_same(sides: &[Side; 2], dir: &str) {
    let [ours, theirs] = sides.each_ref().map(|side| side.files(dir));
    assert!(!theirs.is_empty(), "helm has no files in {dir}");
    assert_eq!(ours, theirs, "{dir}");
}

const WEB: &[(&str, &str)] = &[
    ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0+one\nappVersion: 1.10\nkeywords: [b, a]\nannotations: {k: \"1\"}\n"),
    ("web/values.yaml", "# sizes\nsize: 1 # small\n"),
    ("web/README.md", "# Web\n"),
    ("web/.helmignore", "*.bak\n"),
    ("web/notes.bak", "left out"),
    ("web/crds/one.yaml", "kind: CustomResourceDefinition\n"),
    ("web/values.schema.json", "{\"type\": \"object\"}\n"),
    ("web/templates/map.yaml", "kind: ConfigMap\nmetadata: {name: {{ .Values.size }}}\n"),
    ("web/charts/inner/Chart.yaml", "apiVersion: v2\nname: inner\nversion: 0.1.0\n"),
    ("web/charts/inner/templates/_helpers.tpl", "{{- define \"inner\" }}{{ end }}\n"),
];

/// A chart `web` that helm 3 and we packed, in a repository beside simple ones.
async fn repository() -> (FakeRegistry, String) {
    let server = FakeRegistry::start(Login::Open).await;
    let place = publish(&server, &[("one", "1.2.3"), ("one", "1.10.0"), ("one", "2.0.0-rc.1"), ("two", "0.1.0")]);
    server.file("/charts/web-1.0.0.tgz", packed_files(WEB));
    server.file("/values.yaml", "size: 7\n");
    (server, place)
}

fn umbrella(place: &str) -> Vec<(String, String)> {
    let head = "apiVersion: v2\nname: all\nversion: 1.0.0\n";
    let dependencies = format!(
        "dependencies:
- {{name: one, version: '>=1.0.0 <2 || >3', repository: '@team', condition: one.enabled, tags: [a, b], import-values: [data, {{child: x.y, parent: z}}]}}
- {{name: two, version: 0.x, repository: '{place}', alias: second}}
- {{name: web, version: ^1.0.0-0, repository: 'file://../web'}}
- {{name: own, version: '*', repository: ''}}
"
    );
    let mut files: Vec<(String, String)> = WEB.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    for (path, text) in [
        ("all/Chart.yaml", format!("{head}{dependencies}")),
        ("all/charts/own/Chart.yaml", "apiVersion: v2\nname: own\nversion: 0.0.1\n".to_owned()),
        ("all/templates/map.yaml", "kind: ConfigMap\n".to_owned()),
        ("old/Chart.yaml", "name: old\nversion: 1.0.0\n".to_owned()),
        ("old/requirements.yaml", format!("dependencies:\n- {{name: two, version: ~0.1, repository: '{place}'}}\n")),
    ] {
        files.push((path.to_owned(), text));
    }
    files
}

fn both_have(sides: &[Side; 2], files: &[(String, String)]) {
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    sides.iter().for_each(|side| side.sandbox.write(&files));
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_kept_as_helm_keeps_them() {
    let (_server, place) = repository().await;
    tokio::task::block_in_place(|| {
        for helm in HELMS {
            let sides = Side::pair(helm);
            say_the_same(
                &sides,
                &[
                    &["repo", "add", "team", &place],
                    &["repo", "add", "team", &place],
                    &["repo", "add", "other-one", &format!("{place}/"), "--username", "me", "--password", "pw", "--pass-credentials"],
                    &["repo", "list"],
                    &["repo", "ls", "-o", "json"],
                    &["repo", "list", "-o", "yaml"],
                    &["repo", "update", "team"],
                ],
            );
            have_the_same(&sides, "../home/.config/helm");
            have_the_same(&sides, "../home/.cache/helm/repository");
            say_the_same(&sides, &[&["repo", "remove", "team"], &["repo", "list"]]);
            have_the_same(&sides, "../home/.config/helm");
            have_the_same(&sides, "../home/.cache/helm/repository");
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn dependencies_are_brought_in_as_helm_brings_them() {
    let (_server, place) = repository().await;
    tokio::task::block_in_place(|| {
        for helm in HELMS {
            let sides = Side::pair(helm);
            both_have(&sides, &umbrella(&place));
            say_the_same(
                &sides,
                &[
                    &["repo", "add", "team", &place],
                    &["dependency", "list", "all"],
                    &["dependency", "update", "all"],
                    &["dep", "ls", "all"],
                    &["template", "all"],
                    &["dependency", "update", "old"],
                    &["dependency", "update", "all", "--skip-refresh"],
                    &["dependency", "list", "web"],
                    &["dependency", "list", "./web/"],
                ],
            );
            have_the_same(&sides, "all");
            have_the_same(&sides, "old");
            for side in &sides {
                fs::remove_file(side.sandbox.app().join("all/charts/one-1.10.0.tgz")).expect("a chart");
                fs::copy(side.sandbox.app().join("all/charts/two-0.1.0.tgz"), side.sandbox.app().join("all/charts/two-0.0.9.tgz"))
                    .expect("a copy");
                side.sandbox.write(&[("all/charts/stray/Chart.yaml", "apiVersion: v2\nname: stray\nversion: 1.0.0\n")]);
            }
            say_the_same(&sides, &[&["dependency", "list", "all"], &["dependency", "list", "all", "--max-col-width", "8"]]);
            say_the_same(&sides, &[&["dependency", "build", "all"], &["dependency", "list", "all"]]);
            have_the_same(&sides, "all");
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_are_shown_packed_and_pulled_as_by_helm() {
    let (_server, place) = repository().await;
    tokio::task::block_in_place(|| {
        for helm in HELMS {
            let sides = Side::pair(helm);
            both_have(&sides, &umbrella(&place));
            let archive = format!("{place}/web-1.0.0.tgz");
            let values = format!("{}/values.yaml", place.trim_end_matches("/charts"));
            say_the_same(
                &sides,
                &[
                    &["repo", "add", "team", &place],
                    &["show", "all", "web"],
                    &["show", "all", "web/charts/inner"],
                    &["show", "chart", "web"],
                    &["show", "values", "./web"],
                    &["show", "readme", "web"],
                    &["show", "crds", "web"],
                    &["inspect", "chart", "team/one"],
                    &["show", "chart", "team/one", "--devel"],
                    &["show", "chart", "one", "--repo", &place, "--version", "~1.2"],
                    &["show", "all", &archive],
                    &["template", "rel", "team/one", "--version", "1.2.3"],
                    &["template", "rel", &archive, "-f", &values],
                    &["package", "web", "--version", "2.0.0", "--app-version", "7"],
                    &["package", "web", "-d", "packed"],
                    &["pull", "team/one"],
                    &["pull", "one", "--repo", &place, "--version", ">1-0", "--untar"],
                    &["pull", &archive, "--untar", "--untardir", "unpacked"],
                    &["show", "all", "packed/web-1.0.0+one.tgz"],
                    &["repo", "index", "."],
                    &["repo", "index", "packed", "--url", "https://example.org/charts", "--merge", "index.yaml", "--json"],
                ],
            );
            have_the_same(&sides, "");
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_go_through_a_registry_both_ways() {
    tokio::task::block_in_place(|| {
        for helm in HELMS {
            let sides = Side::pair(helm);
            let remote = |who: &str| format!("oci://{}/live-{}-{helm}-{who}/charts", testbed(Needs::Images).registry, std::process::id());
            both_have(&sides, &umbrella("http://127.0.0.1:9"));
            say_the_same(
                &sides,
                &[&["package", "web"], &["package", "web", "--version", "1.1.0-rc.1"], &["package", "web", "--version", "0.9.0"]],
            );
            let remotes = [remote("werf"), remote("helm")];
            for (side, remote) in sides.iter().zip(&remotes) {
                for file in ["web-1.0.0+one.tgz", "web-1.1.0-rc.1.tgz", "web-0.9.0.tgz"] {
                    let said = side.run(&["push", file, remote, "--plain-http"]);
                    assert!(!said.starts_with("it fails"), "{file}: {said}");
                }
            }
            // each reads what both have pushed
            for remote in &remotes {
                let chart = format!("{remote}/web");
                let declared = format!(
                    "apiVersion: v2\nname: all\nversion: 1.0.0\ndependencies:\n- {{name: web, version: ^1.0.0, repository: '{remote}'}}\n"
                );
                both_have(&sides, &[("deps/Chart.yaml".into(), declared)]);
                say_the_same(
                    &sides,
                    &[
                        &["show", "all", &chart, "--plain-http"],
                        &["show", "chart", &chart, "--plain-http", "--devel"],
                        &["show", "chart", &format!("{chart}:0.9.0"), "--plain-http"],
                        &["template", "rel", &chart, "--version", "<1", "--plain-http"],
                        &["dependency", "update", "deps", "--plain-http"],
                    ],
                );
                for side in &sides {
                    fs::create_dir_all(side.sandbox.app().join("pulled")).expect("a directory");
                    let said = side.run(&["pull", &chart, "-d", "pulled", "--plain-http"]);
                    assert!(!said.starts_with("it fails"), "{said}");
                }
                have_the_same(&sides, "pulled");
                have_the_same(&sides, "deps");
            }
        }
    });
}

/// Helm's flags that are not ours, with the reason.
const NOT_OURS: &[(&str, &[&str])] = &[
    // JSONPath is a language of its own
    ("show values", &["jsonpath"]),
    // templates ask no name servers
    ("template", &["enable-dns"]),
];

#[test]
fn helms_flags_are_taken() {
    let commands = [
        "template",
        "pull",
        "push",
        "package",
        "show all",
        "show values",
        "dependency build",
        "dependency update",
        "dependency list",
        "repo add",
        "repo list",
        "repo update",
        "repo remove",
        "repo index",
        "registry login",
        "registry logout",
        "verify",
    ];
    let flag = Regex::new(r"(?m)^ +(?:-[a-zA-Z], )?--([a-z0-9-]+)").expect("a pattern");
    let mut missing = Vec::new();
    for (sides, command) in HELMS.iter().flat_map(|helm| commands.iter().map(move |command| (Side::pair(helm), *command))) {
        let words: Vec<&str> = command.split(' ').collect();
        let help = sides[1].run(&[&words[..], &["--help"]].concat());
        let own = help.split("Global Flags:").next().unwrap_or_default();
        let skipped = NOT_OURS.iter().find(|(name, _)| *name == command).map_or(&[][..], |(_, flags)| flags);
        for found in flag.captures_iter(own).map(|found| found[1].to_owned()).filter(|name| name != "help") {
            let refused = sides[0].run(&[&words[..], &[&format!("--{found}=x"), "--help"]].concat()).contains("unexpected argument");
            if refused && !skipped.contains(&found.as_str()) {
                missing.push(format!("{command} --{found}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A project whose chart depends on charts of a repository, of a registry and of the commit, from the first lock to the release.
#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_deployed_with_charts_from_elsewhere() {
    let (server, place) = repository().await;
    tokio::task::block_in_place(|| {
        let app = App::new(Needs::Cluster, &[("werf.yaml", "project: shop\nconfigVersion: 1\n")]);
        let registry = format!("oci://{}-charts", app.repo.trim_end_matches("/app"));
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Chart.Name }}'}\ndata: {size: '{{ .Values.size }}'}\n";
        let metadata = |name: &str| format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
        let dependencies = format!(
            "dependencies:
- {{name: pushed, version: ^1.0.0, repository: '{registry}'}}
- {{name: near, version: 1.0.0, repository: 'file://../charts/near'}}
- {{name: quiet, version: 0.x, repository: '{place}', condition: quiet.enabled}}
"
        );
        let quiet = packed_files(&[("quiet/Chart.yaml", "apiVersion: v2\nname: quiet\nversion: 0.3.0\n")]);
        let index = "apiVersion: v1\nentries: {quiet: [{name: quiet, version: 0.3.0, urls: [quiet-0.3.0.tgz]}]}\n";
        server.file("/charts/quiet-0.3.0.tgz", quiet);
        server.file("/charts/index.yaml", index);
        let (pushed, near) = (metadata("pushed"), metadata("near"));
        app.commit(&[
            (".helm/Chart.yaml", &(metadata("shop") + &dependencies)),
            (".helm/values.yaml", "pushed: {size: 3}\nquiet: {enabled: false}\n"),
            (".gitignore", "/.helm/charts/*.tgz\n"),
            ("charts/near/Chart.yaml", &near),
            ("charts/near/values.yaml", "size: 1\n"),
            ("charts/near/templates/map.yaml", map),
            ("charts/pushed/Chart.yaml", &pushed),
            ("charts/pushed/templates/map.yaml", map),
        ]);
        let archive = "../pushed-1.0.0.tgz";
        for args in [
            &["helm", "package", "charts/pushed", "-d", ".."][..],
            &["helm", "push", archive, &registry],
            &["helm", "dependency", "update", ".helm"],
        ] {
            let done = app.werf(args);
            assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
        }
        app.commit(&[]);
        // a clone has no archives in .helm/charts
        fs::remove_dir_all(app.sandbox.app().join(".helm/charts")).expect("charts");
        let plan = app.werf(&["plan"]);
        assert_eq!(plan.code, 0, "{}", plan.stderr);
        let first = app.werf(&["converge"]);
        assert_eq!(first.code, 0, "{}", first.stderr);
        assert!(!first.stderr.contains("Warning"), "{}", first.stderr);
        let sizes = app.kubectl(&["get", "configmap", "near", "pushed", "-o", "jsonpath={.items[*].data.size}"]);
        assert_eq!(sizes, "1 3");
        // nothing is asked for again
        server.take_log();
        let second = app.werf(&["converge"]);
        assert!(second.stderr.contains("Unchanged release shop"), "{}", second.stderr);
        assert_eq!(server.take_log(), Vec::<String>::new());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_kept_as_helm_keeps_them() {
    let server = FakeRegistry::start(Login::Basic("me", "secret")).await;
    tokio::task::block_in_place(|| {
        for helm in HELMS {
            let (sides, host) = (Side::pair(helm), server.address.to_string());
            let done = |args: &[&str]| {
                for side in &sides {
                    let said = side.run(&[&["registry"], args].concat());
                    assert!(!said.starts_with("it fails"), "{said}");
                }
                have_the_same(&sides, "../home/.config/helm/registry");
            };
            done(&["login", &host, "--username", "me", "--password", "secret", "--plain-http"]);
            done(&["logout", &host]);
        }
    });
}

/// Archives that helm signed, with an RSA key and with an Ed25519 key.
#[tokio::test(flavor = "multi_thread")]
async fn signatures_are_taken_and_refused_as_by_helm() {
    let server = FakeRegistry::start(Login::Open).await;
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/provenance").join(name);
    let archive = fs::read(fixture("web-1.0.0.tgz")).expect("an archive");
    let index = "apiVersion: v1\nentries: {web: [{name: web, version: 1.0.0, urls: [web-1.0.0.tgz]}]}\n";
    server.file("/charts/index.yaml", index);
    server.file("/charts/web-1.0.0.tgz", archive);
    server.file("/charts/web-1.0.0.tgz.prov", fs::read(fixture("rsa.prov")).expect("a file"));
    let place = format!("http://{}/charts", server.address);
    tokio::task::block_in_place(|| {
        for helm in HELMS {
            let sides = Side::pair(helm);
            let declared = format!("dependencies: [{{name: web, version: 1.0.0, repository: '{place}'}}]\n");
            for side in &sides {
                let app = side.sandbox.app();
                for (signed, name) in [("rsa", "rsa.prov"), ("ed25519", "ed25519.prov"), ("changed", "rsa.prov"), ("other", "rsa.prov")] {
                    fs::create_dir_all(app.join(signed)).expect("a directory");
                    fs::copy(fixture("web-1.0.0.tgz"), app.join(signed).join("web-1.0.0.tgz")).expect("a copy");
                    fs::copy(fixture(name), app.join(signed).join("web-1.0.0.tgz.prov")).expect("a copy");
                }
                fs::copy(fixture("keyring.gpg"), app.join("keyring.gpg")).expect("a copy");
                fs::write(app.join("other/web-1.0.0.tgz"), packed_files(WEB)).expect("another archive");
                let changed = fs::read_to_string(fixture("rsa.prov")).expect("a file").replace("a dash", "no dash");
                side.sandbox.write(&[
                    ("changed/web-1.0.0.tgz.prov", &changed),
                    ("empty.gpg", ""),
                    ("all/Chart.yaml", &format!("apiVersion: v2\nname: all\nversion: 1.0.0\n{declared}")),
                ]);
            }
            let keyring = ["--keyring", "keyring.gpg"];
            say_the_same(
                &sides,
                &[
                    &["verify", "rsa/web-1.0.0.tgz", keyring[0], keyring[1]],
                    &["verify", "ed25519/web-1.0.0.tgz", keyring[0], keyring[1]],
                    &["show", "chart", "rsa/web-1.0.0.tgz", "--verify", keyring[0], keyring[1]],
                    &["pull", "web", "--repo", &place, "--verify", keyring[0], keyring[1]],
                ],
            );
            // here helm also wonders about the provenance file that it has put beside the archive
            for side in &sides {
                let said = side.run(&["dependency", "update", "all", "--verify", keyring[0], keyring[1]]);
                assert!(said.contains("Downloading web"), "{said}");
            }
            have_the_same(&sides, "");
            for args in [
                &["verify", "changed/web-1.0.0.tgz", keyring[0], keyring[1]],
                &["verify", "other/web-1.0.0.tgz", keyring[0], keyring[1]],
                &["verify", "rsa/web-1.0.0.tgz", "--keyring", "empty.gpg"],
                &["verify", "rsa/web-1.0.0.tgz", "--keyring", "nowhere.gpg"],
            ] {
                for side in &sides {
                    assert!(side.run(args).starts_with("it fails"), "{args:?}");
                }
            }
        }
    });
}
