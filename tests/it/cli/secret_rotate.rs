//! `werf helm secret rotate-secret-key`: all files or none.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::super::sandbox::Sandbox;
use super::told_with;

const OLD: &str = "82a0f04a09e034421a8978c60bffac87";
const NEW: &str = "00112233445566778899aabbccddeeff";

fn keys<'a>() -> [(&'a str, &'a str); 2] {
    [("WERF_OLD_SECRET_KEY", OLD), ("WERF_SECRET_KEY", NEW)]
}

/// Values, secret files in directories and behind links, and values beside the chart, all with the old key.
fn project() -> Sandbox {
    let sandbox = Sandbox::commit(&[
        ("werf.yaml", "project: app\nconfigVersion: 1\n"),
        (".helm/secret-values.yaml", "# head\na: 100052fc795671551b9bf0aa996e7c00997d0343a8f8e770bb94050e533119c43d39 # side\nb: null\n"),
        (".helm/secret/file", "1000ceeb30457f57eb67a2dfecd65c563417f4ae06167fb21be60549d247bf388165\n"),
        (".helm/secret/dir/.gitkeep", ""),
        ("shared/other", "1000ceeb30457f57eb67a2dfecd65c563417f4ae06167fb21be60549d247bf388165"),
        ("production.yaml", "c: [1000039faf2e22843f41c10d317c86df760e273daedfab601b0dc03dbae398f249ad]\n"),
    ]);
    symlink("../../shared", sandbox.app().join(".helm/secret/linked")).unwrap();
    symlink("file", sandbox.app().join(".helm/secret/same")).unwrap();
    sandbox
}

fn rotate(sandbox: &Sandbox, files: &[&str]) -> String {
    told_with(sandbox, &[&["helm", "secret", "rotate-secret-key"], files].concat(), &keys())
}

fn contents(sandbox: &Sandbox) -> Vec<String> {
    [".helm/secret-values.yaml", ".helm/secret/file", "shared/other", "production.yaml"]
        .map(|path| fs::read_to_string(sandbox.app().join(path)).unwrap())
        .into()
}

fn decrypted(sandbox: &Sandbox, form: &str, file: &str) -> String {
    told_with(sandbox, &["helm", "secret", form, "decrypt", file], &[("WERF_SECRET_KEY", NEW)])
}

#[test]
fn everything_gets_the_new_key_once() {
    let sandbox = project();
    fs::set_permissions(sandbox.app().join("production.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    insta::assert_snapshot!(rotate(&sandbox, &["production.yaml", "./.helm/secret-values.yaml"]), @r#"
    exit 0
    Regenerating file ".helm/secret/file"
    Regenerating file ".helm/secret/linked/other"
    Regenerating file ".helm/secret-values.yaml"
    Regenerating file "production.yaml"
    4 files encrypted with the new key
    "#);
    assert_eq!(decrypted(&sandbox, "values", ".helm/secret-values.yaml"), "exit 0\n# head\na: \"1\" # side\nb: null\n");
    assert_eq!(decrypted(&sandbox, "values", "production.yaml"), "exit 0\nc: [\"4\"]\n");
    assert_eq!(decrypted(&sandbox, "file", ".helm/secret/file"), "exit 0\ntest\n");
    assert_eq!(decrypted(&sandbox, "file", "shared/other"), "exit 0\ntest\n");
    assert!(sandbox.app().join(".helm/secret/same").is_symlink());
    assert_eq!(fs::metadata(sandbox.app().join("production.yaml")).unwrap().permissions().mode() & 0o777, 0o640);
    let after = contents(&sandbox);
    insta::assert_snapshot!(rotate(&sandbox, &["production.yaml"]), @r"
    exit 0
    0 files encrypted with the new key, 4 files had it before
    ");
    assert_eq!(contents(&sandbox), after);
    // as after an interruption, and as after a merge of both keys in one file
    let both = format!("{}d: 100052fc795671551b9bf0aa996e7c00997d0343a8f8e770bb94050e533119c43d39\n", after[3]);
    sandbox.write(&[("shared/other", "1000ceeb30457f57eb67a2dfecd65c563417f4ae06167fb21be60549d247bf388165"), ("production.yaml", &both)]);
    insta::assert_snapshot!(rotate(&sandbox, &["production.yaml"]), @r#"
    exit 0
    Regenerating file ".helm/secret/linked/other"
    Regenerating file "production.yaml"
    2 files encrypted with the new key, 2 files had it before
    "#);
    assert_eq!(decrypted(&sandbox, "values", "production.yaml"), "exit 0\nc: [\"4\"]\nd: \"1\"\n");
    assert!(contents(&sandbox)[3].starts_with(&after[3]), "what had the new key is as it was");
}

#[test]
fn one_bad_file_changes_nothing() {
    let sandbox = project();
    sandbox.write(&[(".helm/secret/plain", "hush, nobody encrypted this"), ("production.yaml", "c: 1000\nd: {e: hush}\n")]);
    let other_key = "1000a0a1a2a3a4a5a6a7a8a9aaabacadaeaf00000000000000000000000000000000";
    sandbox.write(&[(".helm/secret/third", other_key)]);
    let before = contents(&sandbox);
    let told = rotate(&sandbox, &["production.yaml"]);
    assert!(!told.contains("hush"), "{told}");
    insta::assert_snapshot!(told, @r"
    exit 1
    error: the key cannot be rotated, and no file was changed

    error: cannot decrypt `.helm/secret/plain`
      because: this is no encrypted value: it is not hexadecimal (character 1)
    help: only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history

    error: cannot decrypt `.helm/secret/third`
      because: the value was encrypted with neither the old key nor the new one, or is damaged
    help: check WERF_OLD_SECRET_KEY, which must be the key that the files are encrypted with

    error: cannot decrypt `production.yaml`
      because: value `c`, line 1: this is no encrypted value: it is no string
    help: only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history
    ");
    assert_eq!(contents(&sandbox), before);
    assert_eq!(fs::read_dir(sandbox.app().join(".helm/secret")).unwrap().count(), 6, "no temporary file stays");
}

#[test]
fn keys_and_projects_that_are_missing() {
    let sandbox = project();
    let told = |env: &[(&str, &str)]| told_with(&sandbox, &["helm", "secret", "rotate-secret-key"], env);
    insta::assert_snapshot!(told(&[("WERF_OLD_SECRET_KEY", OLD)]), @r"
    exit 1
    error: there is no secret key: it is neither in WERF_SECRET_KEY nor in `[SANDBOX]/app/.werf_secret_key` nor in `[SANDBOX]/home/.werf/global_secret_key`
    help: `werf helm secret generate-secret-key` makes a key; do not commit the file that has it
    ");
    insta::assert_snapshot!(told(&[("WERF_SECRET_KEY", NEW)]), @r"
    exit 1
    error: the key that is to be replaced is not known: WERF_OLD_SECRET_KEY is not set
    help: set WERF_OLD_SECRET_KEY to the key that the files are encrypted with, and WERF_SECRET_KEY to the new one
    ");
    insta::assert_snapshot!(told(&[("WERF_SECRET_KEY", NEW), ("WERF_OLD_SECRET_KEY", "abc")]), @r"
    exit 1
    error: cannot use the secret key of WERF_OLD_SECRET_KEY
      because: the secret key must have 32, 48 or 64 hexadecimal digits, this one has 3 characters
    help: WERF_SECRET_KEY is used as it is, a file's content without white space around it
    ");
    insta::assert_snapshot!(rotate(&sandbox, &["none.yaml"]), @r"
    exit 1
    error: cannot read none.yaml
      because: No such file or directory (os error 2)
    help: check the path and its permissions
    ");
    let elsewhere = Sandbox::commit(&[("werf.yaml", "project: app\nconfigVersion: 1\n")]);
    assert_eq!(rotate(&elsewhere, &[]), "exit 0\n0 files encrypted with the new key\n");
}
