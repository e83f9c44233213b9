//! `werf helm secret … edit`: what an editor may do, and what is left when it is over.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::super::sandbox::Sandbox;

const KEY: &str = "82a0f04a09e034421a8978c60bffac87";

/// A sandbox with a key, a directory for temporary files, and an editor that is this script; `$1` is the file.
fn sandbox(editor: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    fs::create_dir(sandbox.root().join("tmp")).unwrap();
    sandbox.write(&[(".werf_secret_key", KEY), ("../editor", &format!("#!/bin/sh\n{editor}\n"))]);
    fs::set_permissions(sandbox.root().join("editor"), fs::Permissions::from_mode(0o755)).unwrap();
    sandbox
}

/// Edits; gives what is printed, with the random name of the temporary directory called `TMP`.
fn edit(sandbox: &Sandbox, form: &str, file: &str, input: &str) -> String {
    let mut command = sandbox.command(&["helm", "secret", form, "edit", file]);
    command.env("TMPDIR", sandbox.root().join("tmp")).env("EDITOR", sandbox.root().join("editor"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // an editor that fails at once leaves nobody to read
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = format!("exit {}\n", output.status.code().unwrap())
        + &String::from_utf8_lossy(&output.stdout)
        + &String::from_utf8_lossy(&output.stderr);
    let text = text.replace(&*sandbox.root().to_string_lossy(), "[SANDBOX]").replace(" \n", "\n");
    regex::Regex::new("werf-edit-secret-[0-9a-f-]+").unwrap().replace_all(&text, "TMP").into_owned()
}

fn left(sandbox: &Sandbox) -> usize {
    fs::read_dir(sandbox.root().join("tmp")).unwrap().count()
}

fn read(sandbox: &Sandbox, path: &str) -> String {
    fs::read_to_string(sandbox.app().join(path)).unwrap()
}

fn decrypted(sandbox: &Sandbox, form: &str, file: &str) -> String {
    sandbox.werf(&["helm", "secret", form, "decrypt", file]).stdout
}

#[test]
fn a_new_file_then_one_value_of_it() {
    let sandbox = sandbox("printf '# head\\na: one\\nb: two # why\\n' > \"$1\"; stat -c %a \"$1\" \"$(dirname \"$1\")\"");
    assert_eq!(edit(&sandbox, "values", "new/secret-values.yaml", ""), "exit 0\n600\n700\n");
    assert_eq!(decrypted(&sandbox, "values", "new/secret-values.yaml"), "# head\na: one\nb: two # why\n");
    let before = read(&sandbox, "new/secret-values.yaml");
    fs::set_permissions(sandbox.app().join("new/secret-values.yaml"), fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.write(&[("../editor", "#!/bin/sh\nsed -i 's/two/three/' \"$1\"\n")]);
    assert_eq!(edit(&sandbox, "values", "new/secret-values.yaml", ""), "exit 0\n");
    let after = read(&sandbox, "new/secret-values.yaml");
    let changed: Vec<usize> = before.lines().zip(after.lines()).enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect();
    assert_eq!(changed, [2], "{before}{after}");
    assert_eq!(fs::metadata(sandbox.app().join("new/secret-values.yaml")).unwrap().permissions().mode() & 0o777, 0o600);
    // nothing to change: not even the file's time
    sandbox.write(&[("../editor", "#!/bin/sh\ntouch \"$1\"\n")]);
    let written = || fs::metadata(sandbox.app().join("new/secret-values.yaml")).unwrap().modified().unwrap();
    let time = written();
    assert_eq!(edit(&sandbox, "values", "new/secret-values.yaml", ""), "exit 0\n");
    assert_eq!((read(&sandbox, "new/secret-values.yaml"), written()), (after, time));
    assert_eq!(left(&sandbox), 0);
}

#[test]
fn binary_files() {
    let sandbox = sandbox("printf 'one\\000\\377' > \"$1\"; basename \"$1\"");
    assert_eq!(edit(&sandbox, "file", "tls.key", ""), "exit 0\ntls.key\n");
    assert_eq!(sandbox.command(&["helm", "secret", "file", "decrypt", "tls.key"]).output().unwrap().stdout, b"one\0\xff");
    sandbox.write(&[("../editor", "#!/bin/sh\n: > \"$1\"\n")]);
    assert_eq!(edit(&sandbox, "file", "tls.key", ""), "exit 0\n");
    assert_eq!((decrypted(&sandbox, "file", "tls.key"), left(&sandbox)), (String::new(), 0));
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let sandbox = sandbox("echo 'a: hush' > \"$1\"; exit 3");
    insta::assert_snapshot!(edit(&sandbox, "values", "values.yaml", ""), @r"
    exit 1
    error: the editor [SANDBOX]/editor failed: exit status: 3
    help: nothing was changed
    ");
    sandbox.write(&[("../editor", "#!/bin/sh\necho 'a: hush' > \"$1\"; kill -KILL $$\n")]);
    insta::assert_snapshot!(edit(&sandbox, "values", "values.yaml", ""), @r"
    exit 1
    error: the editor [SANDBOX]/editor failed: signal: 9 (SIGKILL)
    help: nothing was changed
    ");
    sandbox.write(&[("../editor", "#!/bin/sh\nrm \"$1\"\n")]);
    insta::assert_snapshot!(edit(&sandbox, "values", "values.yaml", ""), @r"
    exit 1
    error: cannot read [SANDBOX]/tmp/TMP/secret-values.yaml
      because: No such file or directory (os error 2)
    help: check the path and its permissions
    ");
    fs::remove_file(sandbox.root().join("editor")).unwrap();
    insta::assert_snapshot!(edit(&sandbox, "values", "values.yaml", ""), @r#"
    exit 1
    error: cannot run the editor [SANDBOX]/editor
      because: No such file or directory (os error 2)
    help: EDITOR must be a program that can be run, with its arguments: `EDITOR="code --wait"`
    "#);
    let without = |env: &[(&str, &str)]| sandbox.werf_with(&["helm", "secret", "values", "edit", "values.yaml"], env).stderr;
    insta::assert_snapshot!(without(&[("PATH", "/nowhere"), ("EDITOR", " ")]), @r"
    error: there is no editor: EDITOR is not set, and none of vim, vi, nano is in the directories of PATH
    help: name one, as in `EDITOR=nano`
    ");
    sandbox.write(&[("encrypted.yaml", "a: hush\n")]);
    insta::assert_snapshot!(edit(&sandbox, "values", "encrypted.yaml", ""), @r"
    exit 1
    error: cannot decrypt `encrypted.yaml`
      because: value `a`, line 1: this is no encrypted value: it is not hexadecimal (character 1)
    help: only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history
    ");
    assert_eq!((left(&sandbox), sandbox.app().join("values.yaml").exists()), (0, false));
}

#[test]
fn an_editor_is_looked_for_as_in_werf_2() {
    let sandbox = sandbox("echo \"a: ${0##*/} $1\" | sed 's, /.*,,' > \"$1\"");
    let bin = sandbox.root().join("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["nano", "vi"] {
        fs::copy(sandbox.root().join("editor"), bin.join(name)).unwrap();
    }
    let path = format!("{}:/bin:/usr/bin", bin.display());
    if ["/bin/vim", "/usr/bin/vim"].iter().any(|vim| fs::exists(vim).unwrap_or(false)) {
        fs::copy(sandbox.root().join("editor"), bin.join("vim")).unwrap();
    }
    assert_eq!(sandbox.werf_with(&["helm", "secret", "values", "edit", "a.yaml"], &[("PATH", &path)]).code, 0);
    assert!(decrypted(&sandbox, "values", "a.yaml").starts_with("a: vi"), "{}", decrypted(&sandbox, "values", "a.yaml"));
    // EDITOR has arguments
    let editor = "sed -i -e s/^a/b/";
    let edited = sandbox.werf_with(&["helm", "secret", "values", "edit", "a.yaml"], &[("EDITOR", editor)]);
    assert_eq!((edited.code, edited.stderr), (0, String::new()));
    assert!(decrypted(&sandbox, "values", "a.yaml").starts_with("b: vi"));
}

#[test]
fn a_text_that_is_no_yaml_is_offered_again() {
    // broken at the first time, corrected at the second
    let sandbox = sandbox("if grep -q : \"$1\"; then echo 'a: good' > \"$1\"; else printf 'a: hush\\n b: [hush\\n' > \"$1\"; fi");
    insta::assert_snapshot!(edit(&sandbox, "values", "values.yaml", "y\n"), @r"
    exit 0
    error: the edited text cannot be encrypted, and `values.yaml` is as it was
      because: this is no YAML: mapping values are not allowed in this context (line 2, column 3)
    help: a `: ` inside a value needs quotes, and a nested key its own line
    Edit the text again? `n` gives it up (Y/n)
    ");
    assert_eq!((decrypted(&sandbox, "values", "values.yaml"), left(&sandbox)), ("a: good\n".to_owned(), 0));
}

#[test]
fn a_text_that_is_no_yaml_is_given_up_or_kept() {
    let sandbox = sandbox("printf 'a: hush\\n b: [hush\\n' > \"$1\"");
    insta::assert_snapshot!(edit(&sandbox, "values", "values.yaml", "n\n"), @r"
    exit 1
    error: the edited text cannot be encrypted, and `values.yaml` is as it was
      because: this is no YAML: mapping values are not allowed in this context (line 2, column 3)
    help: a `: ` inside a value needs quotes, and a nested key its own line
    Edit the text again? `n` gives it up (Y/n)
    error: the edited text was given up, and `values.yaml` is as it was
    ");
    assert_eq!(left(&sandbox), 0);
    // nobody answers
    insta::assert_snapshot!(edit(&sandbox, "values", "values.yaml", ""), @r"
    exit 1
    error: the edited text cannot be encrypted, and `values.yaml` is as it was
      because: this is no YAML: mapping values are not allowed in this context (line 2, column 3)
    help: a `: ` inside a value needs quotes, and a nested key its own line
    Edit the text again? `n` gives it up (Y/n)
    error: the edited text is kept in [SANDBOX]/tmp/TMP/secret-values.yaml, where it is not encrypted
    help: correct it, encrypt it with `werf helm secret values encrypt [SANDBOX]/tmp/TMP/secret-values.yaml -o values.yaml`, and delete it
    ");
    assert!(!sandbox.app().join("values.yaml").exists());
    let folder = fs::read_dir(sandbox.root().join("tmp")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read_to_string(folder.join("secret-values.yaml")).unwrap(), "a: hush\n b: [hush\n");
    // so is a text that cannot be written
    sandbox.write(&[("../editor", "#!/bin/sh\necho 'a: hush' > \"$1\"; : > file\n")]);
    insta::assert_snapshot!(edit(&sandbox, "values", "file/values.yaml", ""), @r"
    exit 1
    error: cannot write to file/values.yaml
      because: File exists (os error 17)
    help: check the path and its permissions
    Edit the text again? `n` gives it up (Y/n)
    error: the edited text is kept in [SANDBOX]/tmp/TMP/secret-values.yaml, where it is not encrypted
    help: correct it, encrypt it with `werf helm secret values encrypt [SANDBOX]/tmp/TMP/secret-values.yaml -o file/values.yaml`, and delete it
    ");
    assert_eq!(left(&sandbox), 2);
}

#[test]
fn signals_leave_nothing_behind() {
    let sandbox = sandbox("echo 'a: hush' > \"$1\"; echo ready; exec sleep 60");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let mut command = sandbox.command(&["helm", "secret", "values", "edit", "values.yaml"]);
        command.env("TMPDIR", sandbox.root().join("tmp")).env("EDITOR", sandbox.root().join("editor"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!((line.as_str(), left(&sandbox)), ("ready\n", 1));
        kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), left(&sandbox)), (Some(130), 0), "{signal:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: interrupted\n"));
    }
    assert!(!sandbox.app().join("values.yaml").exists());
}
