//! What a failed command says of files that its stage does not see.

use crate::images::{app, refused};
use crate::testbed::assert_says;

/// Each a command of `install` that misses a file, with the path that the mapping to `/app` should declare.
const MISSES: [(&str, &str); 8] = [
    ("cat /app/a.txt /app/conf/b.txt > /all", "conf/b.txt"),
    ("cd /app && cat conf/b.txt", "conf/b.txt"),
    ("cd /app/conf", "conf"),
    ("cp -r /app/conf /copied", "conf"),
    ("/app/run.sh", "run.sh"),
    ("cd /app; ./run.sh", "run.sh"),
    ("test -e /app/conf/b.txt", "conf/b.txt"),
    ("cat /app/conf/*.txt", "conf/*.txt"),
];

const FILES: [(&str, &str); 4] =
    [("src/a.txt", "a\n"), ("src/conf/b.txt", "b\n"), ("src/run.sh", "#!/bin/sh\n"), ("etc/other.conf", "other\n")];

#[test]
fn a_command_that_misses_a_file_of_a_mapping_is_told_which_line_to_write() {
    let image = |at: usize, command: &str| {
        format!(
            "\
image: i{at}
from: $BASE
git:
  - {{add: /src, to: /app, stageDependencies: {{install: [a.txt]}}}}
  - {{add: /etc, to: /etc/other, stageDependencies: {{install: [none]}}}}
shell: {{install: [\"true\", \"{command}\"]}}
"
        )
    };
    let text: Vec<String> = MISSES.iter().enumerate().map(|(at, (command, _))| image(at, command)).collect();
    let app = app(&text.join("---\n"), &FILES);
    for (at, (command, path)) in MISSES.iter().enumerate() {
        let said = refused(&app, &[&format!("i{at}")]);
        let line = 4 + at * 7 + 3;
        assert_says(
            &said,
            &[
                &format!("error: image `i{at}`: a command of `install` failed with exit code "),
                &format!(
                    "help: `/app/{path}` comes in after this stage: `stageDependencies.install` of the mapping to `/app` (line {line}) does \
                     not name it. Add `{path}` there: `stageDependencies: {{install: [{path}]}}`\n"
                ),
            ],
        );
        assert!(said.contains("can't open") || !command.starts_with("cat"), "{said}");
    }
}

#[test]
fn of_several_mappings_and_stages_that_which_has_the_file_is_named() {
    let yaml = "\
image: second
from: $BASE
git:
  - {add: /src, to: /app, stageDependencies: {install: [a.txt], setup: [a.txt, run.sh]}}
  - {add: /etc, to: /etc/other, stageDependencies: {install: [none], setup: [none]}}
shell: {install: [cat /app/a.txt], setup: [cat /app/run.sh /etc/other/other.conf]}
---
image: one-file
from: $BASE
git:
  - {add: /etc/other.conf, to: /etc/one, stageDependencies: {install: [none]}}
shell: {install: [cat /etc/one]}
---
image: early
from: $BASE
git:
  - {add: /src, to: /app}
shell: {beforeInstall: [cat /app/a.txt]}
---
image: own
from: $BASE
git:
  - {add: /src, to: /app, stageDependencies: {install: [a.txt]}}
shell: {install: [cat /app/none.txt]}
";
    let app = app(yaml, &FILES);
    for (image, help) in [
        (
            "second",
            "`/etc/other/other.conf` comes in after this stage: `stageDependencies.setup` of the mapping to `/etc/other` (line 8) does not \
             name it. Add `other.conf` there: `stageDependencies: {setup: [other.conf]}`",
        ),
        (
            "one-file",
            "`/etc/one` comes in after this stage: `stageDependencies.install` of the mapping to `/etc/one` (line 14) does not name it. \
             Take `install` out there: the mapping is of one file",
        ),
        ("early", "`/app/a.txt` comes in after this stage: `beforeInstall` sees no files of `git`. Move the command to `install`"),
        ("own", "the command is at line 27 of the rendered werf.yaml; it ran as root in `/`, after those before it in the same shell"),
    ] {
        let said = refused(&app, &[image]);
        assert_says(&said, &[&format!("help: {help}\n"), "│ cat: can't open "]);
    }
}
