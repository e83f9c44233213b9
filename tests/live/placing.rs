//! Where files of Git and of imports go in images that have something there already: BuildKit's `COPY` says what is right, and where
//! werf 2 has rules of its own, these.

use crate::images::{app, base, build, images, on, peer, published, references, refused};
use crate::published::Published;
use crate::testbed::{App, Needs, assert_says};

/// Directories of all sorts.
const DIRECTORIES: &str = "\
FROM $BASE
RUN mkdir -p /srv/app/data/deep/er && chmod 711 /srv && chown 1000:1001 /srv/app /srv/app/data && chmod 2770 /srv/app \\
    && chmod 1777 /srv/app/data && chown 7:8 /srv/app/data/deep && chmod 500 /srv/app/data/deep && mkdir -m 700 /closed
";

#[test]
fn directories_of_the_base_keep_their_owner_and_mode() {
    let yaml = "\
image: roots
from: $THERE
git: [{add: /src, to: /srv/app/data}]
---
image: owned
from: $THERE
git: [{add: /src, to: /srv/app/data, owner: 33, group: 34}]
---
image: whole
from: $THERE
git: [{add: /whole, to: /}]
---
image: file
from: $THERE
git: [{add: /src/top, to: /closed/file, owner: 33, group: 34}]
---
image: stages
from: $THERE
git: [{add: /src, to: /srv/app/data, owner: 33, group: 34, stageDependencies: {install: [deep], setup: [top]}}]
shell: {install: [\"true\"], setup: [\"true\"]}
---
image: import
from: $THERE
import: [{image: made, add: /made, to: /srv/app/data, before: install}]
---
image: import-owned
from: $THERE
import: [{image: made, add: /made, to: /srv/app/data, owner: 33, group: 34, before: install}]
---
image: made
final: false
from: $BASE
git: [{add: /src, to: /made}]
";
    let files =
        [("src/top", "top\n"), ("src/new/file", "new\n"), ("src/deep/er/est/file", "deep\n"), ("whole/srv/app/data/new/file", "x\n")];
    let (app, base) = on(DIRECTORIES, yaml, &files);
    build(&app);
    for (image, copy) in [
        ("roots", "COPY src /srv/app/data"),
        ("owned", "COPY --chown=33:34 src /srv/app/data"),
        ("whole", "COPY whole /"),
        ("file", "COPY --chown=33:34 src/top /closed/file"),
        ("stages", "COPY --chown=33:34 src /srv/app/data"),
        ("import", "COPY src /srv/app/data"),
        ("import-owned", "COPY --chown=33:34 src /srv/app/data"),
    ] {
        let mut theirs = peer(&app, image, &format!("{DIRECTORIES}{copy}\n"));
        if !image.starts_with("import") {
            // `COPY` gives directories inside a copied one its own owner and mode, as imports of werf 2 do. A checkout leaves them.
            theirs.files.extend(base.files.clone().into_iter().filter(|(_, entry)| entry.ends_with("dir/")));
        }
        assert_eq!(published(&app, image).beyond(&base), theirs.beyond(&base), "{image}");
    }
    let files = published(&app, "owned").files;
    for (path, expect) in [
        ("srv", "711 0:0 dir/"),
        ("srv/app", "2770 1000:1001 dir/"),
        ("srv/app/data", "1777 1000:1001 dir/"),
        ("srv/app/data/deep", "500 7:8 dir/"),
        ("srv/app/data/deep/er", "755 0:0 dir/"),
        ("srv/app/data/deep/er/est", "755 33:34 dir/"),
        ("srv/app/data/new", "755 33:34 dir/"),
        ("srv/app/data/new/file", "644 33:34 \"new\\n\""),
    ] {
        assert_eq!(files[path], expect, "{path}");
    }
}

#[test]
fn directories_that_are_missing_above_a_place_are_roots() {
    let yaml = "\
image: git
from: $BASE
git:
  - {add: /src, to: /opt/none/place, owner: 33, group: 34}
  - {add: /src/file, to: /opt/other/one, owner: 35, group: 36}
---
image: import
from: $BASE
import:
  - {image: made, add: /made, to: /opt/none/place, owner: 33, group: 34, before: install}
  - {image: made, add: /made/file, to: /opt/other/one, owner: 35, group: 36, before: install}
---
image: nested
from: $BASE
git:
  - {add: /src, to: /app, owner: 33, group: 34}
  - {add: /conf, to: /app/conf/deep, owner: 35, group: 36}
  - {add: /src/file, to: /app/conf/one}
---
image: nested-turned
from: $BASE
git:
  - {add: /src/file, to: /app/conf/one}
  - {add: /conf, to: /app/conf/deep, owner: 35, group: 36}
  - {add: /src, to: /app, owner: 33, group: 34}
---
image: made
final: false
from: $BASE
git: [{add: /src, to: /made}]
";
    let app = app(yaml, &[("src/file", "file\n"), ("conf/c", "c\n")]);
    build(&app);
    let base = Published::read(&app.base());
    let outer = "\
opt: 755 0:0 dir/
opt/none: 755 0:0 dir/
opt/none/place: 755 33:34 dir/
opt/none/place/file: 644 33:34 \"file\\n\"
opt/other: 755 0:0 dir/
opt/other/one: 644 35:36 \"file\\n\"
";
    for image in ["git", "import"] {
        assert_eq!(published(&app, image).beyond(&base), outer, "{image}");
    }
    let nested = "\
app: 755 33:34 dir/
app/conf: 755 0:0 dir/
app/conf/deep: 755 35:36 dir/
app/conf/deep/c: 644 35:36 \"c\\n\"
app/conf/one: 644 0:0 \"file\\n\"
app/file: 644 33:34 \"file\\n\"
";
    for image in ["nested", "nested-turned"] {
        assert_eq!(published(&app, image).beyond(&base), nested, "{image}");
    }
}

/// Links to directories: relative, absolute, of links, above the root, to nothing, and inside a place.
const LINKS: &str = "\
FROM $BASE
RUN mkdir -p /mnt/disk/site /else/where /deep && echo old > /mnt/disk/site/old && chmod 750 /mnt/disk/site && chown 5:6 /mnt/disk/site \\
    && ln -s mnt/disk /relative && ln -s /mnt/disk /absolute && ln -s relative /chain && ln -s ../mnt/./disk/ /deep/up \\
    && ln -s ../../../mnt/disk /beyond && ln -s /not/there /dangling && ln -s nowhere /mnt/disk/site/lost \\
    && ln -s /else/where /mnt/disk/site/inner && ln -s old /mnt/disk/site/top
";

#[test]
fn files_go_where_links_of_the_base_lead() {
    let places = ["relative", "absolute", "chain", "deep/up", "beyond", "dangling"];
    let mut yaml = String::from("image: made\nfinal: false\nfrom: $BASE\ngit: [{add: /src, to: /made}]\n");
    for place in places {
        let name = place.replace('/', "-");
        yaml += &format!("---\nimage: git-{name}\nfrom: $THERE\ngit: [{{add: /src, to: /{place}/site}}]\n");
        yaml += &format!(
            "---\nimage: import-{name}\nfrom: $THERE\nimport: [{{image: made, add: /made, to: /{place}/site, before: install}}]\n"
        );
    }
    yaml += "---\nimage: git-itself\nfrom: $THERE\ngit: [{add: /src, to: /chain}]\n";
    yaml += "---\nimage: git-one\nfrom: $THERE\ngit: [{add: /src/top, to: /chain/site/one}]\n";
    yaml += "---\nimage: git-inner\nfrom: $THERE\ngit: [{add: /inner, to: /mnt/disk/site, owner: 33}]\n";
    yaml += "---\nimage: import-inner\nfrom: $THERE\nimport: [{image: inner, add: /inner, to: /mnt/disk/site, owner: 33, group: 0, before: install}]\n";
    yaml += "---\nimage: inner\nfinal: false\nfrom: $BASE\ngit: [{add: /inner, to: /inner}]\n";
    let files = [("src/top", "top\n"), ("src/new/file", "new\n"), ("inner/inner/file", "inner\n"), ("inner/lost/file", "lost\n")];
    let (app, base) = on(LINKS, &yaml, &files);
    build(&app);
    let known = "mnt/disk/site/new: 755 0:0 dir/\nmnt/disk/site/new/file: 644 0:0 \"new\\n\"\nmnt/disk/site/top: 644 0:0 \"top\\n\"\n";
    for place in places {
        let copied = peer(&app, &place.replace('/', "-"), &format!("{LINKS}COPY src /{place}/site\n")).beyond(&base);
        for kind in ["git", "import"] {
            let found = published(&app, &format!("{kind}-{}", place.replace('/', "-"))).beyond(&base);
            assert_eq!(found, copied, "{kind} {place}");
            assert!(place == "dangling" || found == known, "{kind} {place}: {found}");
        }
    }
    for (image, copy) in [("git-itself", "COPY src /chain"), ("git-one", "COPY src/top /chain/site/one")] {
        assert_eq!(published(&app, image).beyond(&base), peer(&app, image, &format!("{LINKS}{copy}\n")).beyond(&base), "{image}");
    }
    for image in ["git-inner", "import-inner"] {
        let expect = "\
else/where/file: 644 33:0 \"inner\\n\"
mnt/disk/site/nowhere: 755 33:0 dir/
mnt/disk/site/nowhere/file: 644 33:0 \"lost\\n\"
";
        assert_eq!(published(&app, image).beyond(&base), expect, "{image}");
    }
}

#[test]
fn what_cannot_be_placed_is_told_before_anything_is_published() {
    let git = |name: &str, add: &str, to: &str| format!("---\nimage: {name}\nfrom: $THERE\ngit: [{{add: {add}, to: {to}}}]\n");
    let import = |name: &str, add: &str, to: &str| {
        format!("---\nimage: {name}\nfrom: $THERE\nimport: [{{image: made, add: {add}, to: {to}, before: install}}]\n")
    };
    let yaml = [
        "image: made\nfinal: false\nfrom: $BASE\ngit: [{add: /src, to: /made}]\n",
        &git("on-file", "/src", "/there/file"),
        &git("through-file", "/src", "/there/file/deep"),
        &git("on-directory", "/src/a", "/there/directory"),
        &git("inner-on-file", "/inner", "/there"),
        &git("inner-on-directory", "/turned", "/there"),
        &git("inner-link-on-directory", "/linked", "/there"),
        &git("circle", "/src", "/there/round/deep"),
        &import("import-on-file", "/made", "/there/file"),
        &import("import-through-file", "/made", "/there/file/deep"),
        &import("import-circle", "/made", "/there/round/deep"),
        &import("import-nothing", "/none", "/there"),
    ]
    .concat();
    let dockerfile =
        "FROM $BASE\nRUN mkdir -p /there/directory && echo x | tee /there/file /there/directory/x && ln -s round /there/round\n";
    let files = [("src/a", "a\n"), ("inner/file/x", "x\n"), ("turned/directory", "x\n"), ("linked/a", "x\n")];
    let app = App::new(Needs::Images, &files);
    std::os::unix::fs::symlink("file", app.sandbox.app().join("linked/directory")).expect("a link");
    let there = base(&app, "there", dockerfile);
    images(&app, &yaml, &[("$THERE", &there)]);
    let choose = "choose another `to`, or remove what is there by a command of an earlier stage";
    let is_file = |image: &str, path: &str| format!("image `{image}`: a directory cannot go to `{path}`, for the image has a file there");
    let is_directory =
        |image: &str, path: &str| format!("image `{image}`: a file cannot go to `{path}`, for the image has a directory there");
    let circle = |image: &str| format!("image `{image}`: links of the image lead in a circle on the way to `/there/round/deep`");
    for (image, message, help) in [
        ("on-file", is_file("on-file", "/there/file"), choose),
        ("through-file", is_file("through-file", "/there/file/deep"), choose),
        ("on-directory", is_directory("on-directory", "/there/directory"), choose),
        ("inner-on-file", is_file("inner-on-file", "/there/file"), choose),
        ("inner-on-directory", is_directory("inner-on-directory", "/there/directory"), choose),
        ("inner-link-on-directory", is_directory("inner-link-on-directory", "/there/directory"), choose),
        ("circle", circle("circle"), "choose another `to`"),
        ("import-on-file", is_file("import-on-file", "/there/file"), choose),
        ("import-through-file", is_file("import-through-file", "/there/file/deep"), choose),
        ("import-circle", circle("import-circle"), "choose another `to`"),
        (
            "import-nothing",
            "image `import-nothing`: there is no `/none` in `made`, from which it is imported".into(),
            "correct `add`, or let `made` make it",
        ),
    ] {
        assert_says(&refused(&app, &[image]), &[&format!("error: {message}\n"), &format!("help: {help}\n")]);
    }
}

#[test]
fn owners_are_accounts_of_the_image_that_files_go_into() {
    let account = "echo 'shop:x:70:71::/:/bin/sh' >> /etc/passwd && echo 'keepers:x:72:' >> /etc/group";
    let yaml = "\
image: git-user
from: $BASE
git: [{add: /src, to: /srv/x, owner: nobody-here}]
---
image: git-group
from: $BASE
git: [{add: /src, to: /srv/x, owner: root, group: keepers}]
---
image: import-user
from: $BASE
import: [{image: made, add: /made, to: /made, after: install, owner: shop}]
---
image: import-group
from: $BASE
import: [{image: made, add: /made, to: /made, after: install, group: keepers}]
---
image: empty
from: scratch
git: [{add: /src, to: /srv/x, owner: root}]
---
image: made
final: false
from: $BASE
shell: {install: [\"$ACCOUNT\", \"mkdir /made && echo x > /made/x && chown -R shop:keepers /made\"]}
---
image: known
from: $BASE
git: [{add: /src, to: /srv/git, owner: shop, group: keepers, stageDependencies: {install: [a], beforeSetup: [a]}}]
import:
  - {image: made, add: /made, to: /srv/import, before: setup, owner: shop, group: keepers}
  - {image: made, add: /made, to: /srv/kept, before: setup}
  - {image: made, add: /made, to: /srv/user, before: setup, owner: shop}
shell: {beforeInstall: [\"$ACCOUNT\"], install: [ls -ln /srv/git > /seen], beforeSetup: [sed -i s/:71:/:73:/ /etc/passwd]}
---
image: child
from: known
git: [{add: /src, to: /srv/child, owner: shop}]
";
    let app = app(&yaml.replace("$ACCOUNT", account), &[("src/a", "a\n"), ("src/b", "b\n")]);
    for (image, kind, name, file) in [
        ("git-user", "user", "nobody-here", "/etc/passwd"),
        ("git-group", "group", "keepers", "/etc/group"),
        ("import-user", "user", "shop", "/etc/passwd"),
        ("import-group", "group", "keepers", "/etc/group"),
        ("empty", "user", "root", "/etc/passwd"),
    ] {
        let error = format!("error: image `{image}`: there is no {kind} `{name}` in the image\n");
        let help = format!(
            "help: its `{file}` does not name it: make it by a command of an earlier stage or in the base image, or give a number\n"
        );
        assert_says(&refused(&app, &[image]), &[&error, &help]);
    }
    let printed = app.werf(&["build", "known", "child"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let files = Published::read(&references(&printed)["child"]).files;
    for (path, expect) in [
        ("srv/git/a", "644 70:72 \"a\\n\""),
        ("srv/git/b", "644 70:72 \"b\\n\""),
        ("srv/import", "755 70:72 dir/"),
        ("srv/import/x", "644 70:72 \"x\\n\""),
        ("srv/kept/x", "644 70:72 \"x\\n\""),
        ("srv/user/x", "644 70:72 \"x\\n\""),
        ("srv/child", "755 70:73 dir/"),
        ("srv/child/b", "644 70:73 \"b\\n\""),
    ] {
        assert_eq!(files[path], expect, "{path}");
    }
}
