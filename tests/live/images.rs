//! What tests of images share: an application with images, bases that they stand on, and what was published.

use std::collections::BTreeMap;
use std::path::Path;

use crate::published::Published;
use crate::sandbox::Printed;
use crate::testbed::{App, Needs};

/// Variables of a run for which there is no builder.
pub const NOBODY: (&str, &str) = ("BUILDKIT_HOST", "unix:///nobody/listens/here.sock");

/// An application with this werf.yaml, whose head is made here and in which `$BASE` stands for the busybox base image.
pub fn app(werf_yaml: &str, files: &[(&str, &str)]) -> App {
    let app = App::new(Needs::Images, files);
    images(&app, werf_yaml, &[]);
    app
}

/// An application on a base of its own, which werf.yaml calls `$THERE`.
pub fn on(dockerfile: &str, werf_yaml: &str, files: &[(&str, &str)]) -> (App, Published) {
    let app = App::new(Needs::Images, files);
    let there = base(&app, "there", dockerfile);
    images(&app, werf_yaml, &[("$THERE", &there)]);
    (app, Published::read(&there))
}

/// Commits a werf.yaml as [`app`] makes it, in which other words stand for other bases.
pub fn images(app: &App, werf_yaml: &str, bases: &[(&str, &str)]) {
    let text = bases.iter().fold(werf_yaml.to_owned(), |text, (word, reference)| text.replace(word, reference));
    app.commit(&[("werf.yaml", &format!("project: shop\nconfigVersion: 1\n---\n{}", text.replace("$BASE", &app.base())))]);
}

/// Builds all images.
pub fn build(app: &App) -> Printed {
    let printed = app.werf(&["build"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    printed
}

/// What a build says that must fail.
pub fn refused(app: &App, images: &[&str]) -> String {
    let printed = app.werf(&[&["build"], images].concat());
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    printed.stderr
}

/// The references that a run found or published, by image.
pub fn references(printed: &Printed) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in printed.stderr.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["Found" | "Published", "image", name, reference, ..] = words[..] {
            found.insert(name.to_owned(), reference.to_owned());
        }
    }
    found
}

/// An image that is published already.
pub fn published(app: &App, image: &str) -> Published {
    let found = references(&app.werf_with(&["build"], &[NOBODY]));
    Published::read(found.get(image).unwrap_or_else(|| panic!("{image} is not published: {found:?}")))
}

/// What the image adds to the busybox base image.
pub fn added(app: &App, image: &str) -> String {
    published(app, image).beyond(&Published::read(&app.base()))
}

/// A base that a Dockerfile makes, in which `$BASE` stands for the busybox base image, for `linux/amd64`; gives its reference.
pub fn base(app: &App, name: &str, dockerfile: &str) -> String {
    base_for(app, name, dockerfile, "linux/amd64")
}

/// A base for other platforms.
pub fn base_for(app: &App, name: &str, dockerfile: &str, platforms: &str) -> String {
    let dir = app.sandbox.root().join(format!("base-{name}"));
    std::fs::create_dir_all(&dir).expect("a directory");
    std::fs::write(dir.join("Dockerfile"), dockerfile.replace("$BASE", &app.base())).expect("a file");
    let reference = format!("{}-{name}:1", app.repo);
    buildctl(app, &dir, &[&format!("--opt=platform={platforms}")], &reference);
    reference
}

/// What BuildKit makes of the commit's files and a Dockerfile, in which `$BASE` stands for the busybox base image.
pub fn peer(app: &App, name: &str, dockerfile: &str) -> Published {
    let dir = app.sandbox.root().join(format!("peer-{name}"));
    std::fs::create_dir_all(&dir).expect("a directory");
    let work_tree = app.sandbox.app().to_string_lossy().into_owned();
    let into = dir.to_string_lossy();
    app.sandbox.git(&["clone", "-q", &work_tree, &into]);
    std::fs::write(dir.join("Dockerfile"), dockerfile.replace("$BASE", &app.base())).expect("a file");
    let reference = format!("{}-{name}-peer:1", app.repo);
    buildctl(app, &dir, &[], &reference);
    Published::read(&reference)
}

/// Builds a directory by `buildctl` and pushes the image.
pub fn buildctl(app: &App, dir: &Path, options: &[&str], reference: &str) {
    let dir = dir.to_string_lossy();
    let (context, file) = (format!("--local=context={dir}"), format!("--local=dockerfile={dir}"));
    let output = format!("--output=type=image,name={reference},push=true,oci-mediatypes=true");
    let args = ["--addr", &app.testbed.buildkit, "build", "--frontend=dockerfile.v0", &context, &file, &output];
    let built = app.program("buildctl", &[&args[..], options].concat());
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}
