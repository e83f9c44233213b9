//! What `mount` shows to commands, and that nothing of it is in an image.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::images::{added, app, build, images, refused};
use crate::testbed::{App, assert_says};

/// Lets werf.yaml mount directories of this machine and those that are kept.
fn allow(app: &App, paths: &[&str]) {
    let text = format!(
        "giterminismConfigVersion: 1\nconfig: {{stapel: {{mount: {{allowBuildDir: true, allowFromPaths: [{}]}}}}}}\n",
        paths.join(", ")
    );
    app.commit(&[("werf-giterminism.yaml", &text)]);
}

#[test]
fn what_is_mounted_is_seen_by_commands_and_is_in_no_image() {
    let yaml = "\
image: app
from: $BASE
git: [{add: /src, to: /app}]
mount:
  - {from: tmp_dir, to: /work/deep/tmp}
  - {from: build_dir, to: /work/cache}
  - {from: tmp_dir, to: /app/inner}
  - {from: tmp_dir, to: /etc}
shell:
  install:
    - ls -A /work/deep/tmp /app/inner /etc > /seen
    - touch /work/deep/tmp/a /work/cache/a /app/inner/a /etc/passwd /work/kept
  setup:
    - ls -A /work/deep/tmp /app/inner /etc > /seen-later
";
    let app = app(yaml, &[("src/inner/file", "file\n"), ("src/other", "other\n")]);
    allow(&app, &[]);
    build(&app);
    let empty = "\"/app/inner:\\n\\n/etc:\\n\\n/work/deep/tmp:\\n\"";
    assert_eq!(
        added(&app, "app"),
        format!(
            "\
app: 755 0:0 dir/
app/inner: 755 0:0 dir/
app/inner/file: 644 0:0 \"file\\n\"
app/other: 644 0:0 \"other\\n\"
seen: 644 0:0 {empty}
seen-later: 644 0:0 {empty}
work: 755 0:0 dir/
work/kept: 644 0:0 \"\"
"
        )
    );
}

#[test]
fn a_build_dir_keeps_what_commands_write_for_the_same_place_of_the_project() {
    // The builder keeps them beyond this test.
    let name = format!("kept-{}", std::process::id());
    let first =
        format!("image: app\nfrom: $BASE\nmount: [{{from: build_dir, to: /cache}}]\nshell: {{install: [echo here > /cache/{name}]}}\n");
    let app = app(&first, &[]);
    allow(&app, &[]);
    build(&app);
    assert_eq!(added(&app, "app"), "");
    let second = first.replace(&format!("echo here > /cache/{name}"), &format!("cat /cache/{name} > /seen"));
    let other = "---\nimage: other\nfrom: $BASE\nmount: [{from: build_dir, to: /other}]\nshell: {install: [ls /other > /seen]}\n";
    images(&app, &[&second, other].concat(), &[]);
    build(&app);
    assert_eq!(added(&app, "app"), "seen: 644 0:0 \"here\\n\"\n");
    assert!(!added(&app, "other").contains(&name));
}

#[test]
fn a_directory_of_the_machine_is_shown_as_it_is_and_stays_as_it_is() {
    let app = app("image: none\nfrom: $BASE\n", &[]);
    let host = app.sandbox.root().join("host");
    for directory in ["deep/er", "empty", "closed"] {
        std::fs::create_dir_all(host.join(directory)).expect("a directory");
    }
    for (path, mode) in [("file", 0o600), ("deep/er/tool", 0o750), ("closed/key", 0o400)] {
        std::fs::write(host.join(path), path).expect("a file");
        std::fs::set_permissions(host.join(path), std::fs::Permissions::from_mode(mode)).expect("a mode");
    }
    symlink("deep/er", host.join("link")).expect("a link");
    symlink("/nowhere", host.join("lost")).expect("a link");
    let nothing = app.sandbox.root().join("nothing");
    std::fs::create_dir(&nothing).expect("a directory");
    let (host, nothing) = (host.to_string_lossy(), nothing.to_string_lossy());
    let yaml = format!(
        "\
image: app
from: $BASE
mount:
  - {{fromPath: {host}, to: /in}}
  - {{fromPath: {nothing}, to: /nothing}}
shell:
  install:
    - cd /in && find . | sort > /seen && cat link/tool closed/key >> /seen && test -x deep/er/tool && readlink lost >> /seen
    - find /nothing >> /seen && echo written > /in/file && echo written > /in/new
  setup:
    - cat /in/file > /later; ls /in/new || echo none >> /later
"
    );
    allow(&app, &[&host, &nothing]);
    images(&app, &yaml, &[]);
    let printed = build(&app);
    let tree = ".\\n./closed\\n./closed/key\\n./deep\\n./deep/er\\n./deep/er/tool\\n./empty\\n./file\\n./link\\n./lost\\n";
    assert_eq!(
        added(&app, "app"),
        format!("later: 644 0:0 \"filenone\\n\"\nseen: 644 0:0 \"{tree}deep/er/toolclosed/key/nowhere\\n/nothing\\n\"\n")
    );
    assert_eq!(std::fs::read_to_string(app.sandbox.root().join("host/file")).expect("a file"), "file");
    assert!(!app.sandbox.root().join("host/new").exists());
    assert_says(
        &printed.stderr,
        &[
            "image app: commands see the directory of `fromPath: [SANDBOX]/host`, and what they write there is not kept",
            "for what is kept between builds use `from: build_dir`",
        ],
    );
}

#[test]
fn a_directory_that_the_machine_lacks_is_an_error() {
    let app = app("image: none\nfrom: $BASE\n", &[("plain", "a file\n")]);
    let absent = app.sandbox.root().join("absent");
    let file = app.sandbox.app().join("plain");
    let mount = |name: &str, path: &std::path::Path| {
        format!(
            "image: {name}\nfrom: $BASE\nmount: [{{fromPath: {}, to: /in}}]\nshell: {{install: [ls /in > /seen]}}\n",
            path.to_string_lossy()
        )
    };
    allow(&app, &[&absent.to_string_lossy(), &file.to_string_lossy()]);
    images(&app, &[mount("absent", &absent), mount("file", &file)].join("---\n"), &[]);
    for (image, path) in [("absent", "[SANDBOX]/absent"), ("file", "[SANDBOX]/app/plain")] {
        let said = format!("error: image `{image}`: there is no directory `{path}` on this machine, which `fromPath: {path}` mounts\n");
        let help = "help: make the directory, or use `from: build_dir` for what commands keep between builds\n";
        assert_says(&refused(&app, &[image]), &[&said, help]);
    }
    assert!(!absent.exists());
}
