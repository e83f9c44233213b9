//! What `imageSpec` makes of a configuration, in both kinds of images, and bases that are odd.

use serde_json::{Value, json};

use crate::images::{base, base_for, references};
use crate::published::Published;
use crate::testbed::{App, Needs, assert_says};

const RICH: &str = r#"
ENV PATH=/bin:/opt FOO=1 FOOD=2 MY_FOO=3
ENTRYPOINT ["/entry"]
CMD ["run"]
LABEL foo=1 food=2 keep=3
EXPOSE 80 53/udp
VOLUME ["/data", "/cache"]
USER 1000:1000
WORKDIR /work
STOPSIGNAL SIGINT
HEALTHCHECK --interval=3s CMD true
"#;

/// Each the inside of an `imageSpec`.
const SPECS: [&str; 9] = [
    "author: me",
    "config: {env: {PATH: '${PATH}:/x', NEW: \"$FOO-${NO:-none}\"}, removeEnv: [/FOO/, FOOD]}",
    "config: {labels: {'%project%.%image%': '%image% of %project%', foo: new, werf.io/image: other}, removeLabels: [/fo.*/, /werf.*/]}",
    "config: {clearEntrypoint: true}",
    "config: {clearCmd: true, clearUser: true, clearWorkingDir: true}",
    "config: {entrypoint: [/other]}",
    "config: {cmd: [other], user: root, workingDir: /w, stopSignal: SIGTERM}",
    "config: {expose: [8080], volumes: [/more], removeVolumes: [/data]}",
    "config: {healthcheck: {test: [CMD, x], interval: 5, retries: 2}}",
];

#[test]
fn both_kinds_of_images_get_the_same_configuration() {
    let app = App::new(Needs::Images, &[]);
    let base = base(&app, "rich", &format!("FROM $BASE\n{RICH}"));
    let mut yaml = "project: shop\nconfigVersion: 1\n".to_owned();
    for (index, spec) in SPECS.iter().enumerate() {
        yaml += &format!("---\nimage: s{index}\nfrom: {base}\nimageSpec: {{{spec}}}\n");
        yaml += &format!("---\nimage: d{index}\ndockerfile: Dockerfile\nimageSpec: {{{spec}}}\n");
    }
    app.commit(&[("werf.yaml", &yaml), ("Dockerfile", &format!("FROM {base}\n"))]);
    let printed = app.werf(&["build"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let references = references(&printed);
    let mut told = Vec::new();
    for (index, spec) in SPECS.iter().enumerate() {
        let [stapel, docker] = ["s", "d"].map(|kind| {
            let name = format!("{kind}{index}");
            let mut config = Published::read(&references[&name]).config;
            assert_eq!(config["Labels"]["werf.io/image"], json!(name), "{spec}");
            let labels = config["Labels"].as_object_mut().expect("labels");
            labels.retain(|label, _| !label.starts_with("werf"));
            let text = config.to_string().replace(&name, "NAME");
            let mut config: Value = serde_json::from_str(&text).expect("JSON");
            // The frontend writes what it does not know.
            config.as_object_mut().expect("a map").retain(|_, value| !value.is_null());
            config
        });
        assert_eq!(stapel, docker, "{spec}");
        told.push(stapel);
    }
    let part = |index: usize, pointer: &str| told[index].pointer(pointer).cloned().unwrap_or_default();
    for (index, pointer, expect) in [
        (0, "/Env", json!(["PATH=/bin:/opt", "FOO=1", "FOOD=2", "MY_FOO=3"])),
        (1, "/Env", json!(["PATH=/bin:/opt:/x", "MY_FOO=3", "NEW=1-none"])),
        (2, "/Labels", json!({"shop.NAME": "NAME of shop", "foo": "new", "keep": "3"})),
        (3, "/Entrypoint", Value::Null),
        (3, "/Cmd", json!(["run"])),
        (4, "/Cmd", Value::Null),
        (4, "/User", Value::Null),
        (4, "/WorkingDir", Value::Null),
        (5, "/Entrypoint", json!(["/other"])),
        (5, "/Cmd", Value::Null),
        (6, "/Cmd", json!(["other"])),
        (6, "/Entrypoint", json!(["/entry"])),
        (7, "/ExposedPorts", json!({"8080/tcp": {}})),
        (7, "/Volumes", json!({"/cache": {}, "/more": {}})),
        (8, "/Healthcheck/Interval", json!(5_000_000_000u64)),
    ] {
        assert_eq!(part(index, pointer), expect, "{} {pointer}", SPECS[index]);
    }
}

#[test]
fn an_image_without_history_is_whole_and_tells_nothing() {
    let app = App::new(Needs::Images, &[("Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN echo secret-recipe > /made\nRUN echo more > /more\n")]);
    let yaml = "\
project: shop
configVersion: 1
---
image: docker
dockerfile: Dockerfile
args: {BASE: $BASE}
imageSpec: {clearHistory: true}
---
image: stapel
from: $BASE
shell: {install: [echo secret-recipe > /made], setup: [echo more > /more]}
imageSpec: {clearHistory: true}
---
image: child
from: docker
import: [{image: stapel, add: /made, to: /theirs, after: install}]
";
    app.commit(&[("werf.yaml", &yaml.replace("$BASE", &app.base()))]);
    let printed = app.werf(&["build"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let references = references(&printed);
    for name in ["docker", "stapel"] {
        let image = Published::read(&references[name]);
        assert_eq!(image.history, Value::Null, "{name}");
        assert_eq!((image.files["made"].as_str(), image.files["more"].as_str()), ("644 0:0 \"secret-recipe\\n\"", "644 0:0 \"more\\n\""));
        assert!(image.published.is_some() && image.built.is_some(), "{name}");
    }
    let child = Published::read(&references["child"]);
    assert_eq!(
        (child.files["made"].as_str(), child.files["theirs"].as_str()),
        ("644 0:0 \"secret-recipe\\n\"", "644 0:0 \"secret-recipe\\n\"")
    );
    // What is published is found by its name, and a builder can go on from it.
    let again = app.werf_with(&["build"], &[("BUILDKIT_HOST", "unix:///nowhere")]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let on_it = base(&app, "on", &format!("FROM {}\nRUN cat /made\n", references["stapel"]));
    assert!(Published::read(&on_it).files.contains_key("more"));
}

#[test]
fn a_base_for_another_platform_is_named() {
    let app = App::new(Needs::Images, &[]);
    let alone = base_for(&app, "alone", "FROM scratch\nCOPY Dockerfile /tool\n", "linux/arm64");
    let several = base_for(&app, "several", "FROM scratch\nCOPY Dockerfile /tool\n", "linux/arm64,linux/s390x");
    let yaml = |base: &str| {
        format!("project: shop\nconfigVersion: 1\n---\nimage: stapel\nfrom: {base}\n---\nimage: docker\ndockerfile: Dockerfile\n")
    };
    app.commit(&[("werf.yaml", &yaml(&alone)), ("Dockerfile", &format!("FROM {alone}\nCOPY Dockerfile /x\n"))]);
    let printed = app.werf(&["build"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let said = format!("image `stapel`, built for linux/amd64: `{alone}`, of which it is made, is for linux/arm64");
    assert_says(&printed.stderr, &[&said, "image `docker`: Dockerfile:1: ", "linux/arm64"]);

    app.commit(&[("werf.yaml", &yaml(&several)), ("Dockerfile", &format!("FROM {several}\nCOPY Dockerfile /x\n"))]);
    for image in ["stapel", "docker"] {
        let printed = app.werf(&["build", image]);
        assert_eq!(printed.code, 1, "{}", printed.stderr);
        let said = format!(
            "error: image `{image}`, to be built for linux/amd64: `{several}`, of which it is made, is only for linux/arm64, linux/s390x\n"
        );
        assert_says(&printed.stderr, &[&said]);
    }
}

#[test]
fn files_of_an_image_for_another_platform_are_named_too() {
    let app = App::new(Needs::Images, &[]);
    let alone = base_for(&app, "alone", "FROM scratch\nCOPY Dockerfile /tool\n", "linux/arm64");
    let yaml = "\
project: shop
configVersion: 1
---
image: import
from: $BASE
import: [{from: $ALONE, add: /tool, to: /tool, before: install}]
---
image: copy
dockerfile: Dockerfile
---
image: meant
from: $ALONE
platform: linux/arm64
---
image: given
dockerfile: Dockerfile.given
args: {FOR: $ALONE}
";
    app.commit(&[
        ("werf.yaml", &yaml.replace("$BASE", &app.base()).replace("$ALONE", &alone)),
        ("Dockerfile", &format!("FROM {}\nCOPY --from={alone} /tool /tool\n", app.base())),
        ("Dockerfile.given", "ARG FOR\nFROM $FOR\nCOPY Dockerfile /x\n"),
    ]);
    let said = |image: &str| {
        let printed = app.werf(&["build", image]);
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        assert!(Published::read(&references(&printed)[image]).files.contains_key("tool"), "{image}");
        printed.stderr
    };
    let warning = format!("Warning image `import`, built for linux/amd64: `{alone}`, of which it is made, is for linux/arm64\n");
    let help = "help: name a base for linux/amd64, or say with `platform` in werf.yaml or `--platform` that the image is for linux/arm64\n";
    assert_says(&said("import"), &[&warning, help]);
    for image in ["copy", "given"] {
        assert_says(&said(image), &["linux/arm64"]);
    }
    assert!(!said("meant").contains("Warning"));
}

#[test]
fn what_a_published_image_was_made_of_may_be_gone() {
    let app = App::new(Needs::Images, &[]);
    let yaml = "\
project: shop
configVersion: 1
---
image: root
final: false
from: $BASE
shell: {install: [echo 1 > /root-of-all]}
---
image: middle
final: false
from: root
shell: {install: [mkdir /out && cp /root-of-all /out/x]}
---
image: named
final: false
from: $BASE
---
image: app
from: $BASE
import: [{image: middle, add: /out, to: /out, after: install}]
dependencies: [{image: named, before: setup, imports: [{type: ImageName, targetEnv: NAMED}]}]
---
image: alone
final: false
from: $BASE
shell: {install: [echo alone > /alone]}
";
    let yaml = yaml.replace("$BASE", &app.base());
    app.commit(&[("werf.yaml", &yaml)]);
    let first = app.werf(&["build"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let names = |text: &str, word: &str| -> Vec<String> {
        let lines = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix(word)?.trim_start().strip_prefix("image ")?.split_whitespace().next());
        let mut names: Vec<String> = lines.map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(names(&first.stderr, "Published"), ["alone", "app", "middle", "named", "root"]);

    // Asked for are the final image, what it names, and what nothing else is made for.
    let found = app.werf(&["build", "--require-built-images"]);
    assert_eq!((found.code, names(&found.stderr, "Found")), (0, ["alone", "app", "named"].map(str::to_owned).to_vec()), "{}", found.stderr);
    let references = references(&first);
    for gone in ["root", "middle"] {
        drop_image(&app, &references[gone]);
    }
    let found = app.werf(&["build", "--require-built-images", "app"]);
    assert_eq!((found.code, names(&found.stderr, "Found")), (0, ["app", "named"].map(str::to_owned).to_vec()), "{}", found.stderr);
    // One that is chosen by name is asked for.
    let chosen = app.werf(&["build", "--require-built-images", "middle"]);
    assert_eq!(chosen.code, 1, "{}", chosen.stderr);
    assert_says(&chosen.stderr, &["an image is not published, and --require-built-images forbids to build: middle ("]);

    // What is named in an image must be there; of what it is made, only what is missing is made again.
    drop_image(&app, &references["named"]);
    let built = app.werf(&["build", "app"]);
    assert_eq!((built.code, names(&built.stderr, "Published")), (0, vec!["named".to_owned()]), "{}", built.stderr);
    drop_image(&app, &references["app"]);
    let built = app.werf(&["build", "middle"]);
    assert_eq!((built.code, names(&built.stderr, "Published")), (0, ["middle", "root"].map(str::to_owned).to_vec()), "{}", built.stderr);
    drop_image(&app, &references["root"]);
    let built = app.werf(&["build", "app"]);
    assert_eq!((built.code, names(&built.stderr, "Published")), (0, vec!["app".to_owned()]), "{}", built.stderr);
}

/// Deletes an image from the registry.
fn drop_image(app: &App, reference: &str) {
    let (path, tag) =
        reference.strip_prefix(&format!("{}/", app.testbed.registry)).and_then(|rest| rest.rsplit_once(':')).expect("a reference");
    let url = format!("http://{}/v2/{path}/manifests", app.testbed.registry);
    let accept = "Accept: application/vnd.oci.image.manifest.v1+json";
    let head = std::process::Command::new("curl").args(["-fsSI", "-H", accept, &format!("{url}/{tag}")]).output().expect("curl runs");
    let head = String::from_utf8_lossy(&head.stdout).to_lowercase();
    let digest = head.lines().find_map(|line| line.strip_prefix("docker-content-digest:")).expect("a digest").trim().to_owned();
    let gone = std::process::Command::new("curl").args(["-fsS", "-X", "DELETE", &format!("{url}/{digest}")]).status().expect("curl runs");
    assert!(gone.success());
}
