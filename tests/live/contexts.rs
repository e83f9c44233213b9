//! Contexts of Dockerfiles of which little or nothing is left: nothing of ours is in their place.

use crate::images::{build, buildctl, images, peer, published, references};
use crate::published::Published;
use crate::testbed::{App, Needs};

const DOCKERFILE: &str = "\
FROM $BASE
COPY . /c
RUN --mount=type=bind,target=/in find /in | sort > /list
RUN --mount=type=bind,source=/,target=/in,rw touch /in/own && ls -A /in > /listing
";

/// An ignore file, and what is then in the context.
const IGNORES: [(&str, &str); 8] = [
    ("*\n", ""),
    ("**\n", ""),
    ("*\n!absent\n", ""),
    ("logs/*\nDockerfile*\n.dockerignore\n*.yaml\nsrc\n", "logs"),
    ("logs/*\n!logs/.gitkeep\nDockerfile*\n.dockerignore\n*.yaml\nsrc\n", "logs logs/.gitkeep"),
    ("**/.gitkeep\nDockerfile*\n.dockerignore\n*.yaml\nsrc/deep\n", "logs src src/x"),
    ("*\n!src/deep/er\n", "src src/deep src/deep/er src/deep/er/y"),
    ("**/*\n!**/x\n", "src src/x"),
];

#[test]
fn a_context_is_what_an_ignore_file_leaves_of_it() {
    let app = App::new(Needs::Images, &[]);
    let mut yaml = String::new();
    for (at, (ignore, _)) in IGNORES.iter().enumerate() {
        let dir = format!("c{at}");
        app.sandbox.write(&[
            (&format!("{dir}/.dockerignore"), ignore),
            (&format!("{dir}/Dockerfile"), &DOCKERFILE.replace("$BASE", &app.base())),
            (&format!("{dir}/logs/.gitkeep"), ""),
            (&format!("{dir}/src/x"), "x\n"),
            (&format!("{dir}/src/deep/er/y"), "y\n"),
            (&format!("{dir}/more.yaml"), "more\n"),
        ]);
        yaml += &format!("{}image: i{at}\ncontext: {dir}\ndockerfile: Dockerfile\n", if at > 0 { "---\n" } else { "" });
    }
    images(&app, &yaml, &[]);
    let references = references(&build(&app));
    for (at, (ignore, left)) in IGNORES.iter().enumerate() {
        let ours = Published::read(&references[&format!("i{at}")]);
        let dir = app.sandbox.app().join(format!("c{at}"));
        let reference = format!("{}-c{at}-peer:1", app.repo);
        buildctl(&app, &dir, &[], &reference);
        let theirs = Published::read(&reference);
        let names = |image: &Published| image.files.keys().filter_map(|path| path.strip_prefix("c/")).collect::<Vec<_>>().join(" ");
        assert_eq!((names(&ours), names(&theirs)), ((*left).to_owned(), (*left).to_owned()), "{ignore}");
        assert_eq!(ours.files, theirs.files, "{ignore}");
    }
}

#[test]
fn an_image_that_reads_nothing_or_only_an_empty_directory() {
    let yaml = "\
image: nothing
dockerfile: Dockerfile.nothing
---
image: mounts
dockerfile: Dockerfile.mounts
---
image: pattern
dockerfile: Dockerfile.pattern
---
image: empty
dockerfile: Dockerfile
context: empty
";
    let app = App::new(Needs::Images, &[("kept/file", "file\n"), (".dockerignore", "kept/*\n"), ("empty/Dockerfile", DOCKERFILE)]);
    let texts = [
        ("Dockerfile.nothing", "FROM $BASE\nRUN ls -A / > /ls\n"),
        ("Dockerfile.mounts", "FROM $BASE\nRUN --mount=type=bind,source=kept,target=/in ls -A /in > /ls\n"),
        ("Dockerfile.pattern", "FROM $BASE\nCOPY kep[t] /kept\nCOPY kept /named\n"),
        ("empty/Dockerfile", DOCKERFILE),
        ("empty/.dockerignore", "*\n"),
    ]
    .map(|(path, text)| (path, text.replace("$BASE", &app.base())));
    app.sandbox.write(&texts.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>());
    images(&app, yaml, &[]);
    build(&app);
    let base = Published::read(&app.base());
    for (image, path) in [("nothing", "Dockerfile.nothing"), ("mounts", "Dockerfile.mounts"), ("pattern", "Dockerfile.pattern")] {
        let text = &texts.iter().find(|(known, _)| *known == path).expect("a text").1;
        assert_eq!(published(&app, image).beyond(&base), peer(&app, image, text).beyond(&base), "{image}");
    }
    assert_eq!(published(&app, "mounts").files["ls"], "644 0:0 \"\"");
    assert_eq!(published(&app, "empty").beyond(&base), "c: 755 0:0 dir/\nlist: 644 0:0 \"/in\\n\"\nlisting: 644 0:0 \"own\\n\"\n");
}
