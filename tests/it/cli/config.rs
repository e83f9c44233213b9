//! What a repository of werf 2 means: old spellings, names, projects below the root, and what giterminism lets in.

use super::super::sandbox::Sandbox;
use super::{told, told_with};

const META: &str = "project: app\nconfigVersion: 1\n";
const CHART: (&str, &str) = (".helm/templates/a.yaml", "kind: A\n");

/// A commit with this werf.yaml and these files.
fn with(config: &str, files: &[(&str, &str)]) -> Sandbox {
    Sandbox::commit(&[&[("werf.yaml", config), ("Dockerfile", "FROM scratch\n"), CHART], files].concat())
}

#[test]
fn old_spellings_are_taken_and_told_once() {
    let config = format!(
        "{META}---
artifact: builder
from: scratch
git: [{{add: /src, to: /src}}]
---
artifact: second
fromArtifact: builder
---
image: ~
fromImage: base
import:
- {{artifact: builder, add: /src, to: /a, after: install}}
- {{image: base, add: /b, after: install}}
disableGitAfterPatch: true
docker: {{ENV: {{A: b}}, CMD: run}}
---
image: base
final: false
from: scratch
"
    );
    let sandbox = with(
        &config,
        &[
            ("src/a", "1"),
            (
                ".helm/templates/a.yaml",
                "image: {{ .Values.werf.nameless_image }}\nsame: {{ eq werf_image (werf_image .) .Values.werf.nameless_image }}\nis: {{ .Values.werf.is_nameless_image }}\nnamed: {{ .Values.werf.image | toJson }}\n",
            ),
        ],
    );
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 0
    builder
    second
    ~
    base
    ");
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 0
    ---
    # Source: app/templates/a.yaml
    image: REPO:TAG
    same: true
    is: true
    named: {}
         Warning werf.yaml is written in ways that later versions of werf do not take
                 help: werf.yaml:4: instead of `artifact: builder` write `image: builder` and `final: false`
                       werf.yaml:8: instead of `artifact: second` write `image: second` and `final: false`
                       werf.yaml:9: instead of `fromArtifact: builder` write `from: builder`
                       werf.yaml:11: give the image a name (`image: app`), which charts use as `.Values.werf.image.app`
                       werf.yaml:12: instead of `fromImage: base` write `from: base`
                       werf.yaml:14: instead of `artifact: builder` write `from: builder`
                       werf.yaml:15: instead of `image: base` write `from: base`
                       werf.yaml:16: remove `disableGitAfterPatch`: there are no patches, files are always those of the commit
                       werf.yaml:17: instead of `docker` write `imageSpec: {config: {env: …, cmd: …}}`
    ");
}

#[test]
fn old_spellings_are_told_with_the_line_that_wrote_them() {
    let part = "artifact: {{ . }}\nfrom: scratch\n";
    let sandbox = with(&format!("{META}---\n{{{{ include \"part.tmpl\" \"one\" }}}}"), &[(".werf/part.tmpl", part)]);
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 0
    ---
    # Source: app/templates/a.yaml
    kind: A
         Warning werf.yaml is written in ways that later versions of werf do not take
                 help: werf.yaml:4: instead of `artifact: one` write `image: one` and `final: false`
    ");
}

#[test]
fn what_changes_from_run_to_run_is_told() {
    let text = "# {{ now | date \"2006\" | len }} {{ randAlphaNum 8 | len }} {{ uuidv4 | len }} {{ getHostByName \"127.0.0.1\" }}\n";
    let sandbox = with(&format!("{META}{text}"), &[]);
    insta::assert_snapshot!(told(&sandbox, &["config", "render"]), @r"
    exit 0
    project: app
    configVersion: 1
    # 4 8 36 127.0.0.1
         Warning werf.yaml asks for the present time, random values and addresses of hosts: names of images that depend on that change from run to run
                 help: such images are built anew each time that the value is another one; a fixed value, or one of `.Commit`, keeps the names of a commit
    ");
    let sandbox = with(&format!("{META}# {{{{ now | date \"2006\" | len }}}}\n"), &[]);
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 0
    ---
    # Source: app/templates/a.yaml
    kind: A
         Warning werf.yaml asks for the present time: names of images that depend on that change from run to run
                 help: such images are built anew each time that the value is another one; a fixed value, or one of `.Commit`, keeps the names of a commit
    ");
    let sandbox = with(&format!("{META}# {{{{ getHostByName \"no.such.host.invalid\" }}}}\n"), &[]);
    let text = told(&sandbox, &["config", "render"]);
    assert!(text.contains("error calling getHostByName: cannot find an address of the host `no.such.host.invalid`: "), "{text}");
}

#[test]
fn the_time_is_that_of_the_run() {
    let sandbox = with(&format!("{META}# {{{{ now | unixEpoch }}}} {{{{ uuidv4 }}}}\n"), &[]);
    let now = || jiff::Timestamp::now().as_second();
    let before = now();
    let (first, second) = (sandbox.werf(&["config", "render"]).stdout, sandbox.werf(&["config", "render"]).stdout);
    let words = |text: &str| text.lines().last().unwrap().split(' ').map(str::to_owned).collect::<Vec<_>>();
    let time: i64 = words(&first)[1].parse().unwrap();
    assert!((before..=now()).contains(&time), "{first}");
    assert_ne!(words(&first)[2], words(&second)[2]);
}

#[test]
fn names_of_images_are_any_text() {
    let config = format!("{META}---\nimage: libstdc++-15.2.0\nfrom: scratch\n---\nimage: [web_, a b/c]\nfrom: libstdc++-15.2.0\n");
    let chart = "{{ range $name, $image := .Values.werf.image }}{{ $name }}: {{ eq $image (werf_image $name) }}\n{{ end }}";
    let sandbox = with(&config, &[(".helm/templates/a.yaml", chart)]);
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 0
    libstdc++-15.2.0
    web_
    a b/c
    ");
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 0
    ---
    # Source: app/templates/a.yaml
    a b/c: true
    libstdc++-15.2.0: true
    web_: true
    ");
}

#[test]
fn unknown_keys_of_the_rules_are_told_and_count_for_nothing() {
    let rules = "\
giterminismConfigVersion: 1.0
giterminism: strict
config:
  allowUncommited: true
  goTemplateRendering: {allowEnvVariables: [NAME]}
";
    let sandbox = with(&format!("{META}# {{{{ env \"NAME\" }}}}\n"), &[("werf-giterminism.yaml", rules)]);
    insta::assert_snapshot!(told_with(&sandbox, &["config", "render"], &[("NAME", "known")]), @r"
    exit 0
    project: app
    configVersion: 1
    # known
         Warning werf-giterminism.yaml has keys that werf does not know and that allow nothing: `giterminism`, `allowUncommited`
                 help: line 2: remove `giterminism` of `werf-giterminism.yaml`
                       line 4: did you mean `allowUncommitted` instead of `allowUncommited` of `config` of `werf-giterminism.yaml`?
    ");
}

#[test]
fn patterns_of_variables_are_for_whole_names() {
    let rules = "giterminismConfigVersion: 1\nconfig: {goTemplateRendering: {allowEnvVariables: [/CI_.+|GO/]}}\n";
    let text = |name: &str| format!("{META}# {{{{ env \"{name}\" }}}}\n");
    for (name, is_open) in
        [("CI_NAME", true), ("GO", true), ("SECRET_CI_TOKEN", false), ("CI_", false), ("GOPATH", false), ("NO_GO", false)]
    {
        let sandbox = with(&text(name), &[("werf-giterminism.yaml", rules)]);
        let printed = sandbox.werf_with(&["config", "render"], &[(name, "leaked")]);
        assert_eq!((printed.code == 0, printed.stdout.contains("leaked")), (is_open, is_open), "{name}: {}", printed.stderr);
        assert!(!printed.stderr.contains("leaked"), "{name}");
    }
}

#[test]
fn a_project_below_the_root_maps_files_of_the_whole_repository() {
    let config = format!(
        "{META}---\nimage: app\nfrom: scratch\ngit:\n- {{add: /svc/web/src, to: /src}}\n- {{add: /shared, to: /shared}}\n---\nimage: web\ndockerfile: Dockerfile\n"
    );
    let sandbox = Sandbox::commit(&[
        ("svc/web/werf.yaml", &config),
        ("svc/web/Dockerfile", "FROM scratch\nCOPY src/a /a\n"),
        ("svc/web/.helm/templates/a.yaml", "kind: A\n"),
        ("svc/web/src/a", "1"),
        ("shared/version", "7"),
        ("other/file", "1"),
    ]);
    let run = || told(&sandbox, &["render", "--dir", "svc/web"]);
    insta::assert_snapshot!(run(), @r"
    exit 0
    ---
    # Source: app/templates/a.yaml
    kind: A
    ");
    sandbox.write(&[("other/file", "2"), ("svc/web/unseen", "2")]);
    // Only a run that names images looks at what they see; no registry answers here.
    let named = |flag: &[&str]| told(&sandbox, &[&["render", "--dir", "svc/web", "--repo", "127.0.0.1:1/app"], flag].concat());
    let differs = |text: String| text.contains("the work tree differs");
    assert!(!differs(named(&[])), "what nothing sees may differ");
    sandbox.write(&[("shared/version", "8"), ("shared/new", "8"), ("svc/web/src/a", "2"), ("svc/web/Dockerfile", "FROM scratch\n")]);
    insta::assert_snapshot!(named(&[]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 4 files that this run reads:
      ../../shared/new: untracked, not in the commit
      ../../shared/version: changed, but not committed
      Dockerfile: changed, but not committed
      src/a: changed, but not committed
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
    assert!(!differs(named(&["--dev"])));
    assert!(!differs(named(&["--loose-giterminism"])));
    sandbox.commit_all("second");
    assert!(!differs(named(&[])));
}

#[test]
fn a_mapping_of_a_project_below_the_root_that_is_not_there() {
    let config = format!("{META}---\nimage: app\nfrom: scratch\ngit:\n- {{add: /src, to: /src}}\n");
    let files = [("svc/werf.yaml", config.as_str()), ("svc/src/a", "1"), ("svc/.helm/templates/a.yaml", "kind: A\n")];
    insta::assert_snapshot!(told(&Sandbox::commit(&files), &["render", "--dir", "svc", "--repo", "127.0.0.1:1/app"]), @r"
    exit 1
    error: image `app`: there is no `src` in the commit
      ╭─[werf.yaml:7:3]
    7 │ - {add: /src, to: /src}
      ·   ──────────┬────────── this mapping
    help: `add` is a file or directory of the repository; what is not committed is not there
    ");
}

#[test]
fn charts_have_the_date_of_the_author() {
    let chart = "unix: {{ .Values.werf.commit.date.unix }}\nhuman: {{ .Values.global.werf.commit.date.human }}\n";
    let sandbox = with(&format!("{META}# {{{{ .Commit.Date.Unix }}}}\n"), &[(".helm/templates/a.yaml", chart)]);
    let date = "2024-05-06T07:08:09 +0300";
    sandbox.git(&["commit", "-q", "--amend", "--date", date, "-m", "amended"]);
    assert!(told(&sandbox, &["config", "render"]).contains("# 1714968489"));
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r"
    exit 0
    ---
    # Source: app/templates/a.yaml
    unix: 1714968489
    human: 2024-05-06 07:08:09 +0300 +0300
    ");
}

#[test]
fn debug_functions_work_in_silence() {
    let text = "# {{ tpl_debug \"{{ .a }}\" (dict \"a\" \"T\") }}{{ include_debug \"part.tmpl\" . }}{{ printf_debug \"%s\" \"seen\" }}{{ dump_debug .Env }}.\n";
    let sandbox = with(&format!("{META}{text}"), &[(".werf/part.tmpl", "P")]);
    insta::assert_snapshot!(told(&sandbox, &["config", "render"]), @r"
    exit 0
    project: app
    configVersion: 1
    # TP.
    ");
}

#[test]
fn globs_that_cannot_be_read() {
    let sandbox = with(&format!("{META}# {{{{ .Files.Glob \"a/{{b\" }}}}\n"), &[]);
    insta::assert_snapshot!(told(&sandbox, &["config", "render"]), @r#"
    exit 1
    error: cannot render werf.yaml: error calling Glob: `a/{b` is not a glob: a `{` has no `}`; write `\\{` for the character itself
      ╭─[werf.yaml:3:6]
    3 │ # {{ .Files.Glob "a/{b" }}
      ·      ─────┬───── in `.Files.Glob`
    "#);
    let rules = "giterminismConfigVersion: 1\nhelm: {allowUncommittedFiles: ['a[', 'b{c', 'd[]', 'e\\']}\n";
    let sandbox = with(META, &[("werf-giterminism.yaml", rules)]);
    insta::assert_snapshot!(told(&sandbox, &["config", "render"]), @r"
    exit 1
    error: werf-giterminism.yaml has 4 problems

    error: `a[` of `allowUncommittedFiles` is not a glob: a `[` has no `]`; write `\\[` for the character itself
      ╭─[werf-giterminism.yaml:2:32]
    2 │ helm: {allowUncommittedFiles: ['a[', 'b{c', 'd[]', 'e\']}
      ·                                ──┬─ cannot be read

    error: `b{c` of `allowUncommittedFiles` is not a glob: a `{` has no `}`; write `\\{` for the character itself
      ╭─[werf-giterminism.yaml:2:38]
    2 │ helm: {allowUncommittedFiles: ['a[', 'b{c', 'd[]', 'e\']}
      ·                                      ──┬── cannot be read

    error: `d[]` of `allowUncommittedFiles` is not a glob: a class `[]` has no characters
      ╭─[werf-giterminism.yaml:2:45]
    2 │ helm: {allowUncommittedFiles: ['a[', 'b{c', 'd[]', 'e\']}
      ·                                             ──┬── cannot be read

    error: `e\` of `allowUncommittedFiles` is not a glob: a `\` at its end escapes nothing
      ╭─[werf-giterminism.yaml:2:52]
    2 │ helm: {allowUncommittedFiles: ['a[', 'b{c', 'd[]', 'e\']}
      ·                                                    ──┬─ cannot be read
    ");
}

#[test]
fn globs_follow_links_and_name_what_differs() {
    let text = "# {{ .Files.Glob \"conf/*\" | keys | sortAlpha | join \" \" }}\n# {{ .Files.Glob \"*.txt\" | keys | join \" \" }}\n";
    let sandbox = with(&format!("{META}{text}"), &[("conf/a", "1"), ("real/b", "1"), ("top.txt", "1")]);
    std::os::unix::fs::symlink("../real", sandbox.app().join("conf/link")).unwrap();
    sandbox.commit_all("link");
    insta::assert_snapshot!(told(&sandbox, &["config", "render"]), @r"
    exit 0
    project: app
    configVersion: 1
    # conf/a conf/link/b
    # top.txt
    ");
    sandbox.write(&[("conf/a", "2"), ("conf/new", "2"), ("real/b", "2"), ("new.md", "2")]);
    insta::assert_snapshot!(told(&sandbox, &["config", "render"]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 3 files that this run reads:
      conf/a: changed, but not committed
      conf/link/b: changed, but not committed
      conf/new: untracked, not in the commit
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
}

#[test]
fn file_names_that_are_no_text_are_files_like_any_other() {
    use std::os::unix::ffi::OsStrExt;
    let text = "# {{ range $path, $text := .Files.Glob \"old/*\" }}{{ $text }}{{ $.Files.Get $path }}{{ end }} {{ .Files.Get \"old/caf\\xe9\" }} {{ .Files.Exists \"old/caf\\xe8\" }}\n";
    let sandbox = with(&format!("{META}{text}"), &[("old/a", "1")]);
    std::fs::write(sandbox.app().join(std::ffi::OsStr::from_bytes(b"old/caf\xe9")), "2").unwrap();
    sandbox.commit_all("bytes");
    insta::assert_snapshot!(told(&sandbox, &["config", "render"]), @r"
    exit 0
    project: app
    configVersion: 1
    # 1122 2 false
    ");
}
