//! What imports take of their images, and what they leave of the images that they go into.

use crate::images::{app, build, on, published};
use crate::published::Published;

/// A distribution whose `/bin` and `/lib` are links.
const MERGED: &str = "\
FROM $BASE AS made
RUN mkdir -p /r/usr/bin /r/usr/lib /r/etc /r/tmp && cp -a /bin/. /r/usr/bin/ && ln -s usr/bin /r/bin && ln -s usr/lib /r/lib && chmod 700 /r/etc
FROM scratch
COPY --from=made /r/ /
ENV PATH=/usr/bin
";

const TOOLS: &str = "\
---
image: tools
final: false
from: $BASE
shell:
  install:
    - mkdir -p /out/bin /out/lib/deep /out/etc/conf && echo tool > /out/bin/tool && echo conf > /out/etc/conf/tool && echo lib > /out/lib/deep/so
    - ln -s tool /out/bin/alias && ln -s bin/tool /out/link && ln -s etc /out/link-dir && ln -s /nowhere /out/lost
    - chown -hR 5:6 /out && chmod 2750 /out/etc/conf && chmod 711 /out/lib/deep
";

#[test]
fn an_import_of_everything_leaves_the_links_of_a_distribution() {
    let import = |name: &str, more: &str| {
        format!("---\nimage: {name}\nfrom: $THERE\nimport: [{{image: tools, add: /out, to: /, after: install{more}}}]\n")
    };
    let yaml = [
        &TOOLS[4..],
        &import("all", ""),
        &import("owned", ", owner: 33, group: 34"),
        &import("included", ", includePaths: [bin]"),
        &import("without-links", ", includePaths: [etc]"),
        &import("excluded", ", excludePaths: [bin, lost, link*]"),
        &import("globs", ", includePaths: ['**/tool'], excludePaths: ['etc/**']"),
    ]
    .concat();
    let (app, base) = on(MERGED, &yaml, &[]);
    build(&app);
    let all = [
        "etc: 755 5:6 dir/",
        "etc/conf: 2750 5:6 dir/",
        "etc/conf/tool: 644 5:6 \"conf\\n\"",
        "link: 777 5:6 -> bin/tool",
        "link-dir: 777 5:6 -> etc",
        "lost: 777 5:6 -> /nowhere",
        "usr/bin/alias: 777 5:6 -> tool",
        "usr/bin/tool: 644 5:6 \"tool\\n\"",
        "usr/lib/deep: 711 5:6 dir/",
        "usr/lib/deep/so: 644 5:6 \"lib\\n\"",
    ];
    let lines = |chosen: &[usize]| chosen.iter().map(|at| format!("{}\n", all[*at])).collect::<String>();
    for (image, expect) in [
        ("all", lines(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])),
        ("owned", lines(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).replace(" 5:6 ", " 33:34 ")),
        ("included", lines(&[6, 7])),
        ("without-links", lines(&[0, 1, 2])),
        ("excluded", lines(&[0, 1, 2, 8, 9])),
        ("globs", lines(&[7])),
    ] {
        assert_eq!(published(&app, image).beyond(&base), expect, "{image}");
    }
}

#[test]
fn one_file_or_one_link_is_imported_as_it_is() {
    let import = |name: &str, add: &str, to: &str, more: &str| {
        format!("---\nimage: {name}\nfrom: $BASE\nimport: [{{image: tools, add: {add}, to: {to}, after: install{more}}}]\n")
    };
    let yaml = [
        &TOOLS[4..],
        &import("renamed", "/out/bin/tool", "/opt/other", ""),
        &import("inside", "/out/bin/tool", "/etc", ", owner: 33"),
        &import("replaced", "/out/bin/tool", "/etc/passwd", ""),
        &import("link", "/out/link", "/opt/link", ""),
        &import("link-inside", "/out/bin/alias", "/etc", ""),
        &import("dangling", "/out/lost", "/opt/lost", ""),
        &import("behind", "/out/link-dir/conf/tool", "/opt/tool", ""),
        &import("directory-behind", "/out/link-dir", "/opt/all", ""),
    ]
    .concat();
    let app = app(&yaml, &[]);
    build(&app);
    let base = Published::read(&app.base());
    for (image, expect) in [
        ("renamed", "opt: 755 0:0 dir/\nopt/other: 644 5:6 \"tool\\n\"\n"),
        ("inside", "etc/tool: 644 33:6 \"tool\\n\"\n"),
        ("replaced", "etc/passwd: 644 5:6 \"tool\\n\"\n"),
        ("link", "opt: 755 0:0 dir/\nopt/link: 777 5:6 -> bin/tool\n"),
        ("link-inside", "etc/alias: 777 5:6 -> tool\n"),
        ("dangling", "opt: 755 0:0 dir/\nopt/lost: 777 5:6 -> /nowhere\n"),
        ("behind", "opt: 755 0:0 dir/\nopt/tool: 644 5:6 \"conf\\n\"\n"),
        (
            "directory-behind",
            "opt: 755 0:0 dir/\nopt/all: 755 5:6 dir/\nopt/all/conf: 2750 5:6 dir/\nopt/all/conf/tool: 644 5:6 \"conf\\n\"\n",
        ),
    ] {
        let expect: Vec<&str> = expect.lines().collect();
        let found = published(&app, image).beyond(&base);
        let mut found: Vec<&str> = found.lines().collect();
        found.sort_by_key(|line| expect.iter().position(|known| known == line));
        assert_eq!(found, expect, "{image}");
    }
}

#[test]
fn an_import_inside_a_mapping_is_the_imports() {
    let yaml = "\
image: assets
final: false
from: $BASE
shell: {install: [\"mkdir -p /out/deep && echo built > /out/app.js && echo built > /out/deep/map && chmod 700 /out/deep\"]}
---
image: before
from: $BASE
git: [{add: /web, to: /app, owner: 33, group: 34}]
import: [{image: assets, add: /out, to: /app/static, before: install}]
shell: {install: [cat /app/static/app.js > /seen]}
---
image: after
from: $BASE
git: [{add: /web, to: /app, owner: 33, group: 34}]
import: [{image: assets, add: /out, to: /app/static, after: setup}]
shell: {install: [ls /app > /seen]}
---
image: one
from: $BASE
git: [{add: /web, to: /app, owner: 33, group: 34}]
import: [{image: assets, add: /out/app.js, to: /app/static/app.js, before: setup}]
shell: {setup: [cat /app/static/app.js /app/static/more.js > /seen]}
---
image: chosen
from: $BASE
git: [{add: /web, to: /app, owner: 33, group: 34}]
import: [{image: assets, add: /out, to: /app, includePaths: [deep], before: setup}]
shell: {setup: [ls /app > /seen]}
";
    let files =
        [("web/static/app.js", "source\n"), ("web/static/more.js", "source\n"), ("web/src/x", "x\n"), ("web/deep/source", "source\n")];
    let app = app(yaml, &files);
    build(&app);
    let base = Published::read(&app.base());
    let common = "app: 755 33:34 dir/\n";
    let sources = |name: &str| format!("app/{name}: 755 33:34 dir/\n");
    let deep = "app/deep: 755 33:34 dir/\napp/deep/source: 644 33:34 \"source\\n\"\n";
    let src = format!("{}app/src/x: 644 33:34 \"x\\n\"\n", sources("src"));
    let built = "app/static/app.js: 644 0:0 \"built\\n\"\n";
    let whole = format!("app/static: 755 0:0 dir/\n{built}app/static/deep: 700 0:0 dir/\napp/static/deep/map: 644 0:0 \"built\\n\"\n");
    let more = "app/static/more.js: 644 33:34 \"source\\n\"\n";
    for (image, expect) in [
        ("before", format!("{common}{deep}{src}{whole}seen: 644 0:0 \"built\\n\"\n")),
        ("after", format!("{common}{deep}{src}{whole}seen: 644 0:0 \"deep\\nsrc\\n\"\n")),
        ("one", format!("{common}{deep}{src}{}{built}{more}seen: 644 0:0 \"built\\nsource\\n\"\n", sources("static"))),
        (
            "chosen",
            format!(
                "app: 755 0:0 dir/\napp/deep: 700 0:0 dir/\napp/deep/map: 644 0:0 \"built\\n\"\n{src}{}app/static/app.js: 644 33:34 \"source\\n\"\n{more}\
                 seen: 644 0:0 \"deep\\nsrc\\nstatic\\n\"\n",
                sources("static")
            ),
        ),
    ] {
        assert_eq!(published(&app, image).beyond(&base), expect, "{image}");
    }
}
