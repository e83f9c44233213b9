//! Images and releases of projects that include files of other repositories.

use std::fs;

use crate::images::{added, build};
use crate::testbed::{App, Needs};

#[test]
fn an_image_is_built_by_an_included_dockerfile_from_the_projects_own_files() {
    let app = App::new(Needs::Images, &[]);
    let common = app.sandbox.root().join("common");
    for (path, text) in [
        (
            "werf.yaml",
            "project: shop\nconfigVersion: 1\n---\nimage: app\ncontext: app\ndockerfile: build/Dockerfile\nargs: {BASE: $BASE}\n",
        ),
        ("app/build/Dockerfile", "ARG BASE\nFROM $BASE\nCOPY . /app\n"),
        ("app/build/Dockerfile.dockerignore", "secret\n"),
        ("app/of-the-other", "never in an image"),
    ] {
        let path = common.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        fs::write(path, text.replace("$BASE", &app.base())).expect("a file");
    }
    app.sandbox.git(&["init", "-q", "-b", "main", "../common"]);
    app.sandbox.git(&["-C", "../common", "add", "-A"]);
    app.sandbox.git(&["-C", "../common", "commit", "-q", "-m", "first"]);
    let includes = "includes:\n- {git: ../common, branch: main, add: /, to: /}\n";
    app.commit(&[("werf-includes.yaml", includes), ("app/own", "own"), ("app/secret", "ignored")]);
    let locked = app.werf(&["includes", "update"]);
    assert_eq!(locked.code, 0, "{}", locked.stderr);
    app.commit(&[]);
    build(&app);
    insta::assert_snapshot!(added(&app, "app"), @r#"
    app: 755 0:0 dir/
    app/own: 644 0:0 "own"
    "#);
}
