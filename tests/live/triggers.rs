//! Triggers (`ONBUILD`) of bases: what they read of a build is a part of the image and of its name.

use crate::images::{NOBODY, app, base, build, images, peer, published, references};
use crate::published::Published;
use crate::sandbox::{Printed, Sandbox};
use crate::testbed::{App, Needs, assert_says};

/// A base whose triggers read files, a mounted directory, an argument, a stage and nothing.
const TRIGGERS: &str = "\
FROM $BASE
ENV WHERE=/app
ONBUILD COPY src $WHERE
ONBUILD RUN --mount=type=bind,source=bound,target=/b cat /b/x > /bound
ONBUILD ARG VERSION=none
ONBUILD RUN echo $VERSION > /version
ONBUILD COPY --from=tools /tool /tool
ONBUILD COPY <<EOT /here
text of $WHERE
EOT
ONBUILD LABEL made=by-trigger
ONBUILD WORKDIR /app/deep
";

const FILES: [(&str, &str); 7] = [
    ("src/x", "x\n"),
    ("src/skipped", "skipped\n"),
    ("bound/x", "bound\n"),
    ("other/x", "other\n"),
    ("tools/tool", "tool\n"),
    ("unused/tool", "unused\n"),
    (".dockerignore", "src/skipped\n"),
];

/// The references that this commit has, where nothing can be built.
fn found(app: &App) -> Option<String> {
    let printed = app.werf_with(&["build", "app"], &[NOBODY]);
    references(&printed).remove("app")
}

/// The last reference of a run to an image: what triggers read is found out on the way.
fn name(printed: &Printed) -> String {
    references(printed)["app"].clone()
}

#[test]
fn triggers_of_a_base_are_in_the_image_and_in_its_name() {
    let app = App::new(Needs::Images, &FILES);
    let there = base(&app, "triggers", TRIGGERS);
    let dockerfile = format!("FROM $BASE AS tools\nCOPY tools /\nFROM $BASE AS unused\nCOPY unused /\nFROM {there}\nRUN pwd > /pwd\n");
    app.commit(&[("Dockerfile", &dockerfile.replace("$BASE", &app.base()))]);
    let yaml = |args: &str| format!("image: app\ndockerfile: Dockerfile\nargs: {{{args}}}\n");
    images(&app, &yaml(""), &[]);
    let first = name(&build(&app));
    let (ours, theirs) = (Published::read(&first), peer(&app, "triggers", &dockerfile));
    assert_eq!(ours.files, theirs.files);
    assert_eq!(ours.config["OnBuild"], theirs.config["OnBuild"]);
    assert_eq!(ours.config["Labels"]["made"], "by-trigger");
    for (path, expect) in [
        ("app/x", "x\\n"),
        ("bound", "bound\\n"),
        ("version", "none\\n"),
        ("tool", "tool\\n"),
        ("here", "text of /app\\n"),
        ("pwd", "/app/deep\\n"),
    ] {
        assert_eq!(ours.files[path], format!("644 0:0 \"{expect}\""), "{path}");
    }
    assert!(!ours.files.contains_key("app/skipped"));

    // A second run finds it, here and in another clone, and asks nobody.
    let again = app.werf_with(&["build"], &[NOBODY]);
    assert_eq!((again.code, name(&again)), (0, first.clone()), "{}", again.stderr);
    assert!(!again.stderr.contains("Published"), "{}", again.stderr);
    let clone = Sandbox::empty();
    clone.git(&["clone", "-q", app.sandbox.app().to_str().expect("a path"), "."]);
    let elsewhere = clone.werf_with(&["build"], &app.env(&[NOBODY]));
    assert_eq!((elsewhere.code, name(&elsewhere)), (0, first.clone()), "{}", elsewhere.stderr);

    for (path, changes) in [
        ("src/skipped", false),
        ("other/x", false),
        ("unused/tool", false),
        ("src/x", true),
        ("src/new", true),
        ("bound/x", true),
        ("tools/tool", true),
    ] {
        app.commit(&[(path, "changed\n")]);
        assert_eq!(found(&app) == Some(first.clone()), !changes, "{path}");
        app.sandbox.git(&["revert", "--no-edit", "HEAD"]);
    }
    images(&app, &yaml("OTHER: x"), &[]);
    assert_eq!(found(&app), Some(first.clone()), "nothing reads OTHER");
    images(&app, &yaml("VERSION: '2'"), &[]);
    assert_eq!(found(&app), None, "a trigger reads VERSION");
    let second = name(&build(&app));
    assert_ne!(second, first);
    assert_eq!(Published::read(&second).files["version"], "644 0:0 \"2\\n\"");
    app.commit(&[("src/x", "changed\n")]);
    let third = name(&build(&app));
    assert_ne!(third, second);
    assert_eq!(Published::read(&third).files["app/x"], "644 0:0 \"changed\\n\"");
}

#[test]
fn triggers_run_where_a_stage_is_built_on_their_image_alone() {
    let app = App::new(Needs::Images, &[("src/x", "x\n"), ("Dockerfile.child", "")]);
    let there = base(&app, "copies", "FROM $BASE\nRUN echo tool > /tool\nONBUILD COPY src /app\n");
    let child = base(&app, "child", &format!("FROM $BASE\nCOPY --from={there} /tool /tool\nONBUILD RUN echo ran > /ran\n"));
    let yaml = "\
image: built-on
dockerfile: Dockerfile
target: built-on
---
image: through
dockerfile: Dockerfile
target: through
---
image: copied
dockerfile: Dockerfile
target: copied
---
image: named
dockerfile: Dockerfile
target: named
args: {GIVEN: $THERE}
---
image: commands
dockerfile: Dockerfile
target: commands
---
image: stapel
from: $THERE
shell: {install: [echo own > /own]}
";
    let dockerfile = format!(
        "\
ARG GIVEN=scratch
FROM {there} AS built-on
FROM built-on AS next
FROM $BASE AS through
COPY --from=next /app /copy
FROM $BASE AS copied
COPY --from={there} /tool /copy
FROM $GIVEN AS named
FROM {child} AS commands
"
    );
    app.commit(&[("Dockerfile", &dockerfile.replace("$BASE", &app.base()))]);
    images(&app, yaml, &[("$THERE", &there)]);
    let first = references(&build(&app));
    for (image, path, expect) in [
        ("built-on", "app/x", Some("x")),
        ("through", "copy/x", Some("x")),
        ("copied", "app/x", None),
        ("copied", "copy", Some("tool")),
        ("named", "app/x", Some("x")),
        ("commands", "app/x", None),
        ("commands", "ran", Some("ran")),
        ("stapel", "app/x", None),
        ("stapel", "own", Some("own")),
    ] {
        let files = Published::read(&first[image]).files;
        assert_eq!(files.get(path).cloned(), expect.map(|text| format!("644 0:0 \"{text}\\n\"")), "{image} {path}");
    }
    app.commit(&[("src/x", "changed\n")]);
    let second = references(&build(&app));
    let renamed: Vec<&str> = first.keys().filter(|image| first[*image] != second[*image]).map(String::as_str).collect();
    assert_eq!(renamed, ["built-on", "named", "through"]);
}

#[test]
fn triggers_of_another_image_of_the_file_run_in_what_is_built_on_it() {
    let dependency = |imports: &str| format!("dependencies: [{{image: tools, imports: [{imports}]}}]\n");
    let mut yaml = String::from("image: tools\nfinal: false\ndockerfile: Dockerfile.tools\nargs: {BASE: $BASE}\n");
    for (image, file, imports) in [
        ("name", "Dockerfile", "{type: ImageName, targetBuildArg: TOOLS}"),
        ("parts", "Dockerfile.parts", "{type: ImageRepo, targetBuildArg: REPO}, {type: ImageTag, targetBuildArg: TAG}"),
        ("digest", "Dockerfile.digest", "{type: ImageRepo, targetBuildArg: REPO}, {type: ImageDigest, targetBuildArg: DIGEST}"),
    ] {
        yaml += &format!("---\nimage: {image}\ndockerfile: {file}\n{}", dependency(imports));
    }
    let files = [
        ("src/x", "x\n"),
        ("other", "other\n"),
        ("Dockerfile.tools", "ARG BASE\nFROM ${BASE}\nONBUILD COPY src /app\nONBUILD RUN ls /app > /ls\n"),
        ("Dockerfile", "ARG TOOLS\nFROM ${TOOLS}\nRUN cat /app/x > /seen\n"),
        ("Dockerfile.parts", "ARG REPO TAG\nFROM ${REPO}:${TAG} AS made\nFROM ${REPO}:${TAG}\nCOPY --from=made /app/x /seen\n"),
        ("Dockerfile.digest", "ARG REPO DIGEST\nFROM ${REPO}@${DIGEST}\nRUN cat /app/x > /seen\n"),
    ];
    let app = app(&yaml, &files);
    let first = references(&build(&app));
    for image in ["name", "parts", "digest"] {
        let files = Published::read(&first[image]).files;
        assert_eq!((files["app/x"].as_str(), files["seen"].as_str()), ("644 0:0 \"x\\n\"", "644 0:0 \"x\\n\""), "{image}");
    }
    let again = app.werf_with(&["build"], &[NOBODY]);
    assert_eq!((again.code, references(&again)), (0, first.clone()), "{}", again.stderr);
    app.commit(&[("src/x", "changed\n"), ("other", "changed\n")]);
    let second = references(&build(&app));
    let renamed: Vec<&str> = first.keys().filter(|image| first[*image] != second[*image]).map(String::as_str).collect();
    assert_eq!(renamed, ["digest", "name", "parts"]);
    assert_eq!(published(&app, "digest").files["seen"], "644 0:0 \"changed\\n\"");
    app.commit(&[("other", "changed again\n")]);
    let third = references(&build(&app));
    assert!(["name", "parts"].iter().all(|image| third[*image] == second[*image]), "{third:?}");
}

#[test]
fn from_latest_names_an_image_by_what_its_base_is_now() {
    let yaml = "\
image: latest
from: $THERE
fromLatest: true
shell: {install: [cat /version > /seen]}
---
image: child
from: latest
---
image: fixed
from: $THERE
shell: {install: [cat /version > /seen]}
---
image: anew
from: $THERE
fromCacheVersion: '1'
shell: {install: [cat /version > /seen]}
";
    let app = App::new(Needs::Images, &[]);
    let there = base(&app, "moving", "FROM $BASE\nRUN echo 1 > /version\n");
    images(&app, yaml, &[("$THERE", &there)]);
    let refused = app.werf(&["build"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_says(&refused.stderr, &["fromLatest", "config.stapel.allowFromLatest"]);
    app.commit(&[("werf-giterminism.yaml", "giterminismConfigVersion: 1\nconfig: {stapel: {allowFromLatest: true}}\n")]);
    let first = references(&build(&app));
    assert_eq!(references(&app.werf_with(&["build"], &[NOBODY])), first);

    base(&app, "moving", "FROM $BASE\nRUN echo 2 > /version\n");
    let second = references(&build(&app));
    let renamed: Vec<&str> = first.keys().filter(|image| first[*image] != second[*image]).map(String::as_str).collect();
    assert_eq!(renamed, ["child", "latest"]);
    for (image, expect) in [("latest", "2"), ("child", "2"), ("fixed", "1"), ("anew", "1")] {
        assert_eq!(Published::read(&second[image]).files["seen"], format!("644 0:0 \"{expect}\\n\""), "{image}");
    }
    // Another fromCacheVersion takes the base anew, by its name alone.
    images(&app, &yaml.replace("'1'", "'2'"), &[("$THERE", &there)]);
    let third = references(&build(&app));
    assert_eq!((&third["latest"], &third["fixed"]), (&second["latest"], &second["fixed"]));
    assert_eq!(Published::read(&third["anew"]).files["seen"], "644 0:0 \"2\\n\"");
}

#[test]
fn what_a_secondary_repository_has_is_known_by_its_notes() {
    let app = App::new(Needs::Images, &FILES);
    let there = base(&app, "noted", "FROM $BASE\nONBUILD COPY src /\n");
    app.commit(&[("Dockerfile", &format!("FROM {there}\n"))]);
    images(&app, "image: app\ndockerfile: Dockerfile\n", &[]);
    let (_, tag) = name(&build(&app)).rsplit_once(':').map(|(repo, tag)| (repo.to_owned(), tag.to_owned())).expect("a tag");
    let other = format!("{}-other", app.repo);
    let copied = app.werf_with(&["build", "--repo", &other, "--secondary-repo", &app.repo], &[NOBODY]);
    assert_eq!(copied.code, 0, "{}", copied.stderr);
    assert_says(&copied.stderr, &[&format!("Copied image app  {other}:{tag} from {}\n", app.repo)]);
    assert_eq!(copied.stderr.matches("Copied image").count(), 1, "a note is no image: {}", copied.stderr);
    // the note is there too: nobody else has to be asked
    let again = app.werf_with(&["build", "--repo", &other], &[NOBODY]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_says(&again.stderr, &[&format!("Found image app  {other}:{tag}\n")]);
}
