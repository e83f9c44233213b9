//! What is built and published: file systems and configs, what is built again, and what a failed build says.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::front::Silencer;
use crate::full_disk::FullDisk;
use crate::images::{NOBODY, added, app, build, buildctl, published, references};
use crate::published::Published;
use crate::sandbox::{Printed, Sandbox};
use crate::testbed::{App, Needs, assert_says};

const DOCKERFILE: &str = "\
ARG BASE
ARG TOOLS=scratch
FROM ${TOOLS} AS tools
FROM ${BASE} AS build
ARG VERSION=none
COPY src /src
RUN find /src -type f | sort > /out && echo $VERSION >> /out
FROM ${BASE} AS run
COPY --from=build --chown=7:8 /out /app/out
COPY --from=tools /tool /usr/bin/tool
COPY --chmod=0750 bin /app/bin
COPY . /all
ENV TONE=low
LABEL team=shop
WORKDIR /app
USER 7:8
EXPOSE 8080/tcp
VOLUME /data
STOPSIGNAL SIGINT
ENTRYPOINT [\"/app/bin/start\"]
CMD [\"--fast\"]
FROM run AS never
RUN false
";

fn dockerfile_app() -> App {
    let app = App::new(
        Needs::Images,
        &[
            ("Dockerfile", DOCKERFILE),
            (".dockerignore", "**/*.md\n!src/keep.md\nprivate\n/.git\n"),
            ("tools/Dockerfile", "ARG BASE\nFROM ${BASE} AS made\nRUN printf tool > /tool && chown 3:4 /tool && chmod 4755 /tool\n"),
            ("src/a.txt", "a\n"),
            ("src/drop.md", "dropped\n"),
            ("src/keep.md", "kept\n"),
            ("src/deep/er/b.txt", "b\n"),
            ("bin/start", "#!/bin/sh\necho started\n"),
            ("private/key", "secret\n"),
        ],
    );
    std::fs::set_permissions(app.sandbox.app().join("bin/start"), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    symlink("deep/er/b.txt", app.sandbox.app().join("src/link")).expect("a link");
    symlink("/nowhere", app.sandbox.app().join("src/dangling")).expect("a link");
    let yaml = "\
project: shop
configVersion: 1
---
image: tools
final: false
dockerfile: Dockerfile
context: tools
args: {BASE: $BASE}
---
image: app
dockerfile: Dockerfile
target: run
args: {BASE: $BASE, VERSION: \"1.5\"}
dependencies:
  - image: tools
    imports: [{type: ImageName, targetBuildArg: TOOLS}]
";
    app.commit(&[("werf.yaml", &yaml.replace("$BASE", &app.base()))]);
    app
}

#[test]
fn a_dockerfile_image_is_what_buildctl_makes_of_the_same_context() {
    let app = dockerfile_app();
    let run = build(&app);
    assert_eq!(references(&run).len(), 2, "{}", run.stderr);
    let ours = published(&app, "app");
    let tools = references(&run)["tools"].clone();

    let clone = Sandbox::empty();
    clone.git(&["clone", "-q", app.sandbox.app().to_str().expect("a path"), "."]);
    let peer = format!("{}-peer:1", app.repo);
    let base = app.base();
    let options = [
        "--opt=target=run",
        &format!("--opt=build-arg:BASE={base}"),
        "--opt=build-arg:VERSION=1.5",
        &format!("--opt=build-arg:TOOLS={tools}"),
    ];
    buildctl(&app, &clone.app(), &options, &peer);
    let peers = Published::read(&peer);
    assert_eq!(ours.files, peers.files);
    assert!(!ours.files.keys().any(|path| path.starts_with("all/private") || path == "src/drop.md"), "{:?}", ours.files.keys());
    assert_eq!(ours.files["usr/bin/tool"], "4755 3:4 \"tool\"");
    assert_eq!(ours.files["app/out"], "644 7:8 \"/src/a.txt\\n/src/deep/er/b.txt\\n/src/keep.md\\n1.5\\n\"");
    let unlabelled = |config: &Value| {
        let mut config = config.clone();
        let labels = config["Labels"].as_object_mut().expect("labels");
        labels.retain(|name, _| !name.starts_with("werf"));
        config
    };
    assert_eq!(unlabelled(&ours.config), unlabelled(&peers.config));
    assert_eq!(ours.config["Labels"]["werf.io/image"], "app");
}

#[test]
fn a_second_clone_elsewhere_finds_everything_by_name() {
    let app = dockerfile_app();
    let first = references(&build(&app));
    let clone = Sandbox::empty();
    clone.git(&["clone", "-q", app.sandbox.app().to_str().expect("a path"), "."]);
    let again = clone.werf_with(&["build"], &app.env(&[NOBODY]));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(references(&again), first);
    assert!(!again.stderr.contains("Published"), "{}", again.stderr);
}

#[test]
fn only_what_an_image_sees_builds_it_anew() {
    let app = dockerfile_app();
    let first = references(&build(&app));
    app.commit(&[("src/drop.md", "still dropped\n"), ("private/key", "another\n")]);
    assert_eq!(references(&app.werf_with(&["build"], &[NOBODY])), first, "ignored files are no inputs");
    app.commit(&[("src/a.txt", "changed\n")]);
    let second = references(&build(&app));
    assert_eq!(second["tools"], first["tools"]);
    assert_ne!(second["app"], first["app"]);
    app.commit(&[("tools/Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN printf better > /tool\n")]);
    let third = references(&build(&app));
    assert_ne!(third["tools"], second["tools"]);
    assert_ne!(third["app"], second["app"], "what an image is made from is its input");
    assert_eq!(published(&app, "app").files["usr/bin/tool"], "644 0:0 \"better\"");
}

const STAPEL: &str = "\
image: assets
final: false
from: $BASE
shell:
  setup:
    - mkdir -p /made/css /made/js && echo body > /made/css/a.css && echo x > /made/js/b.js && echo y > /made/js/b.map
    - chmod 700 /made/js && chown 5:6 /made/js/b.js && ln -s css/a.css /made/style
---
image: app
from: $BASE
git:
  - add: /
    to: /app
    owner: 1000
    group: 1001
    includePaths: [bin, conf/*.ini, docs]
    excludePaths: [\"docs/**/*.md\"]
    stageDependencies:
      install: [conf/*.ini]
      setup: [bin]
  - add: /conf/one.ini
    to: /etc/one.conf
import:
  - image: assets
    add: /made
    to: /app/static
    owner: 33
    group: 34
    excludePaths: [\"**/*.map\"]
    after: setup
shell:
  beforeInstall:
    - cd /tmp
    - ls -a / | grep -c app > /before || true
    - pwd >> /before
  install:
    - cat /app/conf/*.ini > /install
    - cat /proc/sys/kernel/random/uuid > /run-of-install
  beforeSetup: echo before setup > /before-setup
  setup:
    - /app/bin/start > /setup
imageSpec:
  config:
    workingDir: /app
    user: \"1000\"
    env: {TONE: low}
    cmd: [bin/start]
---
image: child
from: app
shell:
  install:
    - rm -r /app/static /before
    - cat /app/conf/one.ini > /child
";

fn stapel_app() -> App {
    let app = app(
        STAPEL,
        &[
            ("bin/start", "#!/bin/sh\necho started\n"),
            ("conf/one.ini", "one\n"),
            ("conf/two.ini", "two\n"),
            ("conf/three.yaml", "three\n"),
            ("docs/a.txt", "a\n"),
            ("docs/deep/b.md", "b\n"),
            ("other", "other\n"),
        ],
    );
    std::fs::set_permissions(app.sandbox.app().join("bin/start"), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    symlink("start", app.sandbox.app().join("bin/run")).expect("a link");
    app.commit(&[]);
    app
}

#[test]
fn a_stapel_image_has_the_files_that_werf_yaml_tells() {
    let app = stapel_app();
    build(&app);
    let image = published(&app, "app");
    let stamp = image.files["run-of-install"].clone();
    let text = image.beyond(&Published::read(&app.base())).replace(&stamp, "STAMP");
    assert_eq!(
        text,
        r##"app: 755 1000:1001 dir/
app/bin: 755 1000:1001 dir/
app/bin/run: 777 1000:1001 -> start
app/bin/start: 755 1000:1001 "#!/bin/sh\necho started\n"
app/conf: 755 1000:1001 dir/
app/conf/one.ini: 644 1000:1001 "one\n"
app/conf/two.ini: 644 1000:1001 "two\n"
app/docs: 755 1000:1001 dir/
app/docs/a.txt: 644 1000:1001 "a\n"
app/static: 755 33:34 dir/
app/static/css: 755 33:34 dir/
app/static/css/a.css: 644 33:34 "body\n"
app/static/js: 700 33:34 dir/
app/static/js/b.js: 644 33:34 "x\n"
app/static/style: 777 33:34 -> css/a.css
before: 644 0:0 "0\n/tmp\n"
before-setup: 644 0:0 "before setup\n"
etc/one.conf: 644 0:0 "one\n"
install: 644 0:0 "one\ntwo\n"
run-of-install: STAMP
setup: 644 0:0 "started\n"
"##
    );
    let config = &image.config;
    assert_eq!((&config["WorkingDir"], &config["User"], &config["Cmd"][0]), (&"/app".into(), &"1000".into(), &"bin/start".into()));
    assert_eq!(config["Env"].to_string(), r#"["PATH=/bin","TONE=low"]"#);

    let child = published(&app, "child");
    assert!(!child.files.keys().any(|path| path.starts_with("app/static") || path == "before"), "{:?}", child.files.keys());
    assert_eq!(child.files["child"], "644 0:0 \"one\\n\"");
    assert_eq!(child.files["run-of-install"], stamp, "the child stands on the published parent");
    assert_eq!(child.config["User"], "1000");
}

#[test]
fn a_stage_runs_again_only_when_its_dependencies_change() {
    let app = stapel_app();
    build(&app);
    let stamp = |app: &App| published(app, "app").files["run-of-install"].clone();
    let first = stamp(&app);

    app.commit(&[("docs/a.txt", "changed\n"), ("other", "changed\n")]);
    build(&app);
    assert_eq!(stamp(&app), first, "install does not depend on docs");
    assert_eq!(published(&app, "app").files["app/docs/a.txt"], "644 1000:1001 \"changed\\n\"");

    app.commit(&[("bin/start", "#!/bin/sh\necho restarted\n")]);
    build(&app);
    assert_eq!(stamp(&app), first, "install stands before setup");
    assert_eq!(published(&app, "app").files["setup"], "644 0:0 \"restarted\\n\"");

    app.commit(&[("conf/two.ini", "changed\n")]);
    build(&app);
    assert_ne!(stamp(&app), first);
    assert_eq!(published(&app, "app").files["install"], "644 0:0 \"one\\nchanged\\n\"");

    app.sandbox.git(&["rm", "-q", "docs/a.txt"]);
    app.commit(&[]);
    build(&app);
    assert!(!published(&app, "app").files.contains_key("app/docs/a.txt"), "a deleted file is gone");
}

#[test]
fn a_failing_command_of_werf_yaml_is_shown_at_its_line() {
    let app =
        app("image: app\nfrom: $BASE\nshell:\n  install:\n    - echo fine\n    - echo no such customer; exit 6\n    - echo never\n", &[]);
    let printed = app.werf(&["build"]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(
        &printed.stderr,
        &[
            "error: image `app`: a command of `install` failed with exit code 6",
            "no such customer",
            "[werf.yaml:9:7]\n9 │     - echo no such customer; exit 6\n",
            "help: the command is at line 9",
        ],
    );
    assert_eq!(app.tags().len(), 0);
}

#[test]
fn a_failing_run_is_shown_at_its_line_of_the_dockerfile() {
    let dockerfile = "ARG BASE\nFROM ${BASE}\nRUN echo fine\nRUN echo no such customer && \\\n    exit 6\n";
    let app = app("image: app\ncontext: back\ndockerfile: Dockerfile.web\nargs: {BASE: $BASE}\n", &[("back/Dockerfile.web", dockerfile)]);
    let printed = app.werf(&["build"]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(&printed.stderr, &["exit code 6", "no such customer", "Dockerfile.web:4", "4 │ RUN echo no such customer && \\\n"]);
    assert_eq!(app.tags().len(), 0);
}

#[test]
fn a_failure_does_not_publish_what_stands_on_it() {
    let app = app(
        "image: good\nfrom: $BASE\nshell: {install: [echo good > /good]}\n---\nimage: bad\nfrom: good\nshell: {install: [exit 1]}\n---\nimage: top\nfrom: bad\n",
        &[],
    );
    let printed = app.werf(&["build"]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_eq!(app.tags().len(), 1, "{}", printed.stderr);
}

#[test]
fn a_base_image_that_is_not_there() {
    let app = app("image: app\nfrom: $BASE-no\n", &[]);
    let printed = app.werf(&["build"]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(&printed.stderr, &["error: ", "/base/busybox:1-no", "help: "]);
}

#[test]
fn secrets_reach_commands_and_nothing_else() {
    let yaml = "\
image: app
from: $BASE
secrets: [{id: token, env: TOKEN}]
shell:
  install:
    - wc -c < /run/secrets/token > /size
---
image: docker
dockerfile: Dockerfile
args: {BASE: $BASE}
secrets: [{id: token, env: TOKEN}]
";
    let app = app(yaml, &[("Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size\n")]);
    let refused = app.werf_with(&["build"], &[("TOKEN", "open-sesame")]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_says(&refused.stderr, &["TOKEN", "giterminism"]);

    let allowed = "giterminismConfigVersion: 1\nconfig:\n  secrets:\n    allowEnvVariables: [TOKEN]\n";
    app.commit(&[("werf-giterminism.yaml", allowed)]);
    let printed = app.werf_with(&["build", "--log-debug"], &[("TOKEN", "open-sesame")]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(!printed.stderr.contains("open-sesame"), "{}", printed.stderr);
    assert_says(&printed.stderr, &[" to ask the builder: POST unix://", "/moby.buildkit.v1.Control/Info: Ok after ", "/Solve: Ok after "]);
    for image in references(&printed).values() {
        let image = Published::read(image);
        assert_eq!(image.files["size"], "644 0:0 \"11\\n\"");
        assert!(!format!("{image:?}").contains("open-sesame"));
    }
}

#[test]
fn an_image_that_is_not_final_is_built_and_not_offered_to_the_chart() {
    let app = app("image: tools\nfinal: false\nfrom: $BASE\n---\nimage: app\nfrom: tools\n", &[]);
    app.commit(&[(".helm/templates/a.yaml", "images: {{ keys .Values.werf.image | sortAlpha | join \",\" }}\n")]);
    build(&app);
    assert_eq!(app.tags().len(), 2);
    let rendered = app.werf(&["render"]);
    assert_says(&rendered.stdout, &["images: app\n"]);
}

/// Flags for the shared buildkitd over TCP; `None` leaves one out.
fn tcp(app: &App, ca: Option<&str>, identity: Option<(&str, &str)>, more: &[&str]) -> Printed {
    let mut args = vec!["build", "--buildkit-host", &app.testbed.buildkit_tcp];
    if let Some(ca) = ca {
        args.extend(["--buildkit-tls-ca", ca]);
    }
    if let Some((cert, key)) = identity {
        args.extend(["--buildkit-tls-cert", cert, "--buildkit-tls-key", key]);
    }
    args.extend(more);
    app.werf(&args)
}

#[test]
fn a_builder_over_tcp_and_what_a_rejected_certificate_says() {
    let app = app("image: app\nfrom: $BASE\nshell: {install: [echo tcp > /tcp]}\n", &[]);
    let pki = |name: &str| app.testbed.run.join("pki").join(name).to_string_lossy().into_owned();
    let (ca, cert, key) = (pki("ca.crt"), pki("buildkit-client.crt"), pki("buildkit-client.key"));

    let stranger = |name: &str| app.sandbox.root().join(name).to_string_lossy().into_owned();
    let strangers = (stranger("s.crt"), stranger("s.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=stranger"])
        .args(["-out", &strangers.0, "-keyout", &strangers.1])
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let identity = Some((cert.as_str(), key.as_str()));
    for (printed, wanted) in [
        (
            tcp(&app, Some(&ca), Some((&strangers.0, &strangers.1)), &[]),
            [" does not accept the client certificate\n", "--buildkit-tls-cert"],
        ),
        (tcp(&app, Some(&ca), None, &[]), [" asks for a client certificate\n", "--buildkit-tls-cert"]),
        (tcp(&app, Some(&strangers.0), identity, &[]), ["because: invalid peer certificate: UnknownIssuer", "--buildkit-tls-ca"]),
        (
            tcp(&app, Some(&ca), identity, &["--buildkit-tls-server-name", "other.example.org"]),
            ["certificate not valid for name \"other.example.org\"", "--buildkit-tls-server-name"],
        ),
        (tcp(&app, None, None, &[]), ["no BuildKit daemon answers at ", "a daemon that listens with TLS needs the CA"]),
        (tcp(&app, Some(&ca), Some((&cert, "/nowhere.key")), &[]), ["cannot read the client key", "/nowhere.key"]),
    ] {
        assert_eq!(printed.code, 1, "{}", printed.stderr);
        assert_says(&printed.stderr, &["error: ", "BuildKit daemon"]);
        assert_says(&printed.stderr, &wanted);
        assert!(!printed.stderr.contains("tonic"), "no words of a library: {}", printed.stderr);
    }
    assert_eq!(app.tags().len(), 0);
    let printed = tcp(&app, Some(&ca), Some((&cert, &key)), &[]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert_eq!(added(&app, "app"), "tcp: 644 0:0 \"tcp\\n\"\n");
}

#[test]
fn two_builds_of_the_same_commit_at_once_end_alike() {
    let app = app("image: app\nfrom: $BASE\nshell: {install: [sleep 1; echo once > /once]}\n", &[]);
    let (first, second) = (app.start(&["build"], &[]), app.start(&["build"], &[]));
    let (first, second) = (first.finish(), second.finish());
    assert_eq!((first.code, second.code), (0, 0), "{}\n{}", first.stderr, second.stderr);
    assert_eq!(references(&first), references(&second));
    assert_eq!(app.tags().len(), 1);
}

#[test]
fn a_repository_that_is_not_the_root_of_the_work_tree() {
    let app = App::new(Needs::Images, &[("elsewhere.txt", "elsewhere\n")]);
    let yaml = "project: shop\nconfigVersion: 1\n---\nimage: app\nfrom: $BASE\ngit: [{add: /services/shop, to: /app}, {add: /elsewhere.txt, to: /e.txt}]\n";
    app.commit(&[("services/shop/werf.yaml", &yaml.replace("$BASE", &app.base())), ("services/shop/a.txt", "a\n")]);
    let printed = app.werf(&["build", "--dir", "services/shop"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let image = Published::read(&references(&printed)["app"]);
    assert_eq!(image.files["app/a.txt"], "644 0:0 \"a\\n\"");
    assert_eq!(image.files["e.txt"], "644 0:0 \"elsewhere\\n\"", "`add` counts from the repository's root");
    let inside = Command::new(env!("CARGO_BIN_EXE_werf"))
        .arg("build")
        .current_dir(app.sandbox.app().join("services/shop"))
        .envs(app.env(&[NOBODY]))
        .output()
        .expect("werf runs");
    assert_eq!(inside.status.code(), Some(0), "{}", String::from_utf8_lossy(&inside.stderr));
}

const MODERN: &str = "\
ARG BASE
FROM ${BASE} AS made
WORKDIR /work
ARG WHAT=one
COPY conf/${WHAT}.ini conf/[t]*.ini ./
ADD packed.tar /unpacked/
COPY --link --chmod=640 a.txt /linked/deep/
COPY <<EOF /inline/here.txt
what: ${WHAT}
EOF
RUN <<EOF
set -e
echo several > lines
echo more >> lines
EOF
RUN --mount=type=bind,source=bound,target=/bound cat /bound/*.txt > copied
RUN --mount=type=cache,target=/cache echo x > /cache/x
RUN --mount=type=tmpfs,target=/scratch echo y > /scratch/y
FROM ${BASE}
COPY --from=made /work /work
COPY --from=made /unpacked /linked /inline /all/
";

#[test]
fn what_a_modern_dockerfile_copies_and_mounts() {
    let yaml = "image: app\ndockerfile: Dockerfile\nargs: {BASE: $BASE}\n";
    let app = app(
        yaml,
        &[
            ("Dockerfile", MODERN),
            ("Dockerfile.dockerignore", "ignored*\n"),
            (".dockerignore", "bound\n"),
            ("conf/one.ini", "1\n"),
            ("conf/two.ini", "2\n"),
            ("conf/other.ini", "3\n"),
            ("a.txt", "a\n"),
            ("bound/b.txt", "b\n"),
            ("ignored.txt", "i\n"),
            ("unused.txt", "u\n"),
            ("packed/in.txt", "packed\n"),
        ],
    );
    let tar = Command::new("tar").args(["-cf", "packed.tar", "--owner=0", "--group=0", "packed"]).current_dir(app.sandbox.app()).status();
    assert!(tar.expect("tar runs").success());
    app.commit(&[]);
    let run = build(&app);
    let files = published(&app, "app").files;
    let text = |path: &str| files.get(path).cloned().unwrap_or_else(|| panic!("no {path} in {:?}", files.keys()));
    assert_eq!(text("work/one.ini"), "644 0:0 \"1\\n\"");
    assert_eq!(text("work/two.ini"), "644 0:0 \"2\\n\"");
    assert!(!files.contains_key("work/other.ini"));
    assert_eq!(text("work/lines"), "644 0:0 \"several\\nmore\\n\"");
    assert_eq!(text("work/copied"), "644 0:0 \"b\\n\"");
    assert_eq!(text("all/packed/in.txt"), "644 0:0 \"packed\\n\"");
    assert_eq!(text("all/deep/a.txt"), "640 0:0 \"a\\n\"");
    assert_eq!(text("all/here.txt"), "644 0:0 \"what: one\\n\"");

    let first = references(&run);
    for (path, changes) in [
        ("ignored.txt", false),
        ("unused.txt", false),
        ("conf/other.ini", false),
        ("bound/b.txt", true),
        ("conf/two.ini", true),
        ("a.txt", true),
    ] {
        app.commit(&[(path, "changed\n")]);
        let found = app.werf_with(&["build"], &[NOBODY]);
        assert_eq!(references(&found) != first, changes, "{path}: {}", found.stderr);
        app.sandbox.git(&["revert", "--no-edit", "HEAD"]);
    }
    app.commit(&[("Dockerfile", &MODERN.replace("echo more", "echo even more"))]);
    assert_ne!(references(&app.werf_with(&["build"], &[NOBODY])), first, "the text of a here-document is an input");
}

const RICH_STAPEL: &str = "\
image: users
from: $BASE
shell:
  install:
    - echo 'shop:x:70:71::/:/bin/sh' >> /etc/passwd && echo 'keepers:x:72:' >> /etc/group
    - mkdir -p /made && echo made > /made/a && echo not > /made/b
---
image: app
from: users
git:
  - {add: /src, to: /app, owner: shop, group: keepers, excludePaths: [\"**/*.tmp\", skipped]}
  - {add: /one.txt, to: /etc/one}
import:
  - {from: $BASE, add: /etc, to: /foreign, includePaths: [passwd], before: install}
  - {image: users, add: /made/a, to: /single, after: install}
dependencies:
  - image: users
    before: setup
    imports: [{type: ImageTag, targetEnv: USERS_TAG}]
mount:
  - {from: tmp_dir, to: /tmp/work}
  - {from: build_dir, to: /cache}
shell:
  beforeInstall: [\"touch /tmp/work/a /cache/a\"]
  install: [\"ls /foreign > /ls\"]
  setup: [\"echo $USERS_TAG > /tag\"]
---
image: bare
from: scratch
git: [{add: /src, to: /}]
imageSpec: {config: {entrypoint: [/deep/a.txt]}}
";

#[test]
fn a_stapel_image_with_names_imports_mounts_and_facts() {
    let files = [("src/deep/a.txt", "a\n"), ("src/b.tmp", "b\n"), ("src/skipped/c.txt", "c\n"), ("one.txt", "one\n")];
    let app = app(RICH_STAPEL, &files);
    let allowed = "giterminismConfigVersion: 1\nconfig: {stapel: {mount: {allowBuildDir: true}}}\n";
    app.commit(&[("werf-giterminism.yaml", allowed)]);
    let run = build(&app);
    let tag = references(&run)["users"].rsplit_once(':').expect("a tag").1.to_owned();
    let image = published(&app, "app");
    assert_eq!(
        image.beyond(&published(&app, "users")).replace(&tag, "TAG"),
        "\
app: 755 70:72 dir/
app/deep: 755 70:72 dir/
app/deep/a.txt: 644 70:72 \"a\\n\"
etc/one: 644 0:0 \"one\\n\"
foreign: 755 0:0 dir/
foreign/passwd: 644 0:0 \"root:x:0:0:root:/root:/bin/sh\\n\"
ls: 644 0:0 \"passwd\\n\"
single: 644 0:0 \"made\\n\"
tag: 644 0:0 \"TAG\\n\"
"
    );
    let bare = published(&app, "bare");
    assert_eq!(bare.files.keys().collect::<Vec<_>>(), ["b.tmp", "deep", "deep/a.txt", "skipped", "skipped/c.txt"]);
    assert_eq!(bare.config["Entrypoint"][0], "/deep/a.txt");
}

#[test]
fn odd_names_long_paths_and_modes_arrive_as_they_are() {
    let long = format!("src/{}/{}/end.txt", "d".repeat(120), "e".repeat(140));
    let names = [
        "src/a b.txt",
        "src/ü→☂.txt",
        "src/-dash",
        "src/quote'\"`$x",
        "src/*.glob",
        "src/[x].txt",
        "src/.hidden",
        "src/back\\slash",
        &long,
    ];
    let files: Vec<(&str, &str)> = names.iter().map(|name| (*name, "text\n")).collect();
    let yaml = "\
image: stapel
from: $BASE
git: [{add: /src, to: /app}]
---
image: docker
dockerfile: Dockerfile
args: {BASE: $BASE}
";
    let app = app(
        yaml,
        &[&files[..], &[("Dockerfile", "ARG BASE=scratch\nFROM ${BASE}\nCOPY src /app\n"), ("src/tool", "#!/bin/sh\n")]].concat(),
    );
    std::fs::write(app.sandbox.app().join("src/binary"), (0..=255).cycle().take(3_000_000).collect::<Vec<u8>>()).expect("write");
    std::fs::write(app.sandbox.app().join("src/empty"), "").expect("write");
    app.commit(&[]);
    let first = references(&build(&app));
    let listing = |image: &str| {
        let files = published(&app, image).files;
        let below = files.into_iter().filter(|(path, _)| path.starts_with("app"));
        below.collect::<BTreeMap<String, String>>()
    };
    for image in ["stapel", "docker"] {
        let found = listing(image);
        for name in names {
            let path = name.replacen("src", "app", 1);
            assert_eq!(found.get(&path).map(String::as_str), Some("644 0:0 \"text\\n\""), "{image} {path}: {:?}", found.keys());
        }
        assert_eq!(found["app/binary"], "644 0:0 3000000 bytes");
        assert_eq!(found["app/empty"], "644 0:0 \"\"");
        assert_eq!(found["app/tool"], "644 0:0 \"#!/bin/sh\\n\"");
    }
    assert_eq!(listing("stapel"), listing("docker"));

    // a mode is an input as any other
    std::fs::set_permissions(app.sandbox.app().join("src/tool"), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    app.commit(&[]);
    let second = references(&build(&app));
    for image in ["stapel", "docker"] {
        assert_ne!(first[image], second[image]);
        assert_eq!(listing(image)["app/tool"], "755 0:0 \"#!/bin/sh\\n\"");
    }
}

#[test]
fn a_builder_that_falls_silent_is_found_and_named() {
    let app = app(
        "image: app\ndockerfile: Dockerfile\nargs: {BASE: $BASE}\n",
        &[("Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN echo it has begun; sleep 600\n")],
    );
    let socket = app.testbed.buildkit.strip_prefix("unix://").expect("a socket");
    let front = Silencer::new(app.sandbox.root().join("builder.sock"), Path::new(socket));
    let mut running = app.start(&["build"], &[("BUILDKIT_HOST", &front.address())]);
    running.until("│ it has begun");
    front.fall_silent();
    let printed = running.finish();
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    let error = printed.stderr.split_once("error: ").expect("an error").1;
    let expect = format!(
        "image `app`: the BuildKit daemon at {} went away during the build\n\
         \x20 because: it has not answered for 25 s\n\
         help: run the command again: finished steps are in the daemon's cache, and nothing half-published is used\n",
        front.address()
    );
    assert_eq!(error, expect);
    assert!(app.tags().is_empty());
}

#[test]
fn a_long_layer_that_finds_a_full_disk() {
    let app = app("image: app\nfrom: $BASE\ngit: [{add: /big, to: /big}]\n", &[]);
    let Some(disk) = FullDisk::at(app.sandbox.root().join("small")) else { return };
    let noise = (0_u32..6 << 20).scan(1_u32, |state, _| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as u8)
    });
    std::fs::write(app.sandbox.app().join("big"), noise.collect::<Vec<u8>>()).expect("write");
    app.commit(&[]);
    let printed = app.werf_with(&["build"], &[("XDG_CACHE_HOME", &disk.path().to_string_lossy())]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(
        &printed.stderr,
        &["cannot keep the layer in a file in [SANDBOX]/small/werf/", "No space left on device", "help: the disk is full there"],
    );
    assert!(disk.is_as_before() && app.tags().is_empty());
}

#[test]
fn a_source_that_is_not_in_the_context_is_told_with_the_nearest_name() {
    let app = App::new(
        Needs::Images,
        &[
            ("werf.yaml", "project: app\nconfigVersion: 1\n---\nimage: web\ndockerfile: Dockerfile\ncontext: svc\n"),
            ("svc/src/main.rs", "1"),
            ("svc/src/secret", "2"),
            ("svc/.dockerignore", "src/secret\n"),
        ],
    );
    let failed = |line: &str| {
        app.commit(&[("svc/Dockerfile", &format!("FROM scratch\n{line} /app/\n"))]);
        let printed = app.werf(&["build"]);
        assert_eq!(printed.code, 1, "{line}: {}", printed.stderr);
        printed.stderr.split_once("error: ").map(|(_, error)| format!("error: {error}")).unwrap_or(printed.stderr)
    };
    insta::assert_snapshot!(failed("COPY srcc"), @r"
    error: image `web`: `srcc` is not in the build context
      ╭─[svc/Dockerfile:2:1]
    2 │ COPY srcc /app/
      · ───────┬─────── this step
    help: did you mean `src`? The context is `svc` of the commit, with what its ignore file leaves
    ");
    assert_says(&failed("COPY src/man.rs"), &["`src/man.rs` is not in the build context", "did you mean `src/main.rs`?"]);
    assert_says(
        &failed("COPY src/secret"),
        &["`src/secret` is not in", "help: it is among `svc` of the commit, and the ignore file of the Dockerfile leaves it out\n"],
    );
    assert_says(&failed("COPY other"), &["help: the context is `svc` of the commit, with what its ignore file leaves; is it committed?\n"]);
    // what another stage has is not ours to know
    app.commit(&[("svc/Dockerfile", "FROM scratch AS one\nCOPY src /src\nFROM scratch\nCOPY --from=one /srcc /app\n")]);
    assert_says(&app.werf(&["build"]).stderr, &["error: image `web`: step `[stage-1 1/1] COPY --from=one /srcc /app` failed: "]);
}
