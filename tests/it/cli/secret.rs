//! `werf helm secret`: keys, files and values, from and to the disk and pipes.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Output, Stdio};

use super::super::sandbox::Sandbox;
use super::{told, told_with};

/// The key and blobs of werf 2's own end-to-end tests.
const KEY: &str = "82a0f04a09e034421a8978c60bffac87";
const VALUES: &str = "\
a: 100052fc795671551b9bf0aa996e7c00997d0343a8f8e770bb94050e533119c43d39
b:
  - 10009bab61e443b9550b1d024788f03f40789bbcfc1135cdfc951bd1445680d590d3
";
const PLAIN: &str = "a: \"1\"\nb:\n  - \"1\"\n";
const OTHER_KEY: &str = "00112233445566778899aabbccddeeff";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(&[(".werf_secret_key", &format!("{KEY}\n")), ("encrypted.yaml", VALUES), ("plain.yaml", PLAIN)]);
    sandbox
}

/// Runs `werf helm secret …` with something on its standard input.
fn piped(sandbox: &Sandbox, args: &[&str], input: &[u8]) -> Output {
    let mut command = sandbox.command(&[&["helm", "secret"], args].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn well(output: Output) -> Vec<u8> {
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), ""));
    output.stdout
}

fn read(sandbox: &Sandbox, path: &str) -> Vec<u8> {
    fs::read(sandbox.app().join(path)).unwrap()
}

#[test]
fn a_new_key_each_time() {
    let sandbox = Sandbox::empty();
    let keys = [0, 1].map(|_| sandbox.werf(&["helm", "secret", "generate-secret-key", "-n", "any"]).stdout);
    assert_ne!(keys[0], keys[1]);
    assert!(keys.iter().all(|key| regex::Regex::new("^[0-9a-f]{32}\n$").unwrap().is_match(key)), "{keys:?}");
    sandbox.write(&[(".werf_secret_key", &keys[0])]);
    let blob = well(piped(&sandbox, &["encrypt"], b"text"));
    assert_eq!(well(piped(&sandbox, &["decrypt"], &blob)), b"text");
}

#[test]
fn what_is_piped_in_goes_through_as_bytes() {
    let sandbox = sandbox();
    let werf_2 = b"1000ceeb30457f57eb67a2dfecd65c563417f4ae06167fb21be60549d247bf388165\n";
    assert_eq!(well(piped(&sandbox, &["decrypt"], werf_2)), b"test\n");
    let binary: Vec<u8> = (0..=255).chain(*b"\n\r\n").collect();
    for form in [&["encrypt"][..], &["file", "encrypt"]] {
        let blob = well(piped(&sandbox, form, &binary));
        assert!(blob.starts_with(b"1000") && blob.ends_with(b"\n") && blob.len() == 36 + 2 * 272 + 1, "{form:?}");
        assert_eq!(well(piped(&sandbox, &["decrypt"], &blob)), binary);
        assert_eq!(well(piped(&sandbox, &["file", "decrypt"], &blob)), binary);
    }
    for form in [&["encrypt"][..], &["decrypt"], &["values", "encrypt"], &["file", "decrypt", "-o", "none"]] {
        assert_eq!(well(piped(&sandbox, form, b"")), b"", "{form:?}");
    }
    assert!(!sandbox.app().join("none").exists());
    assert_eq!(well(piped(&sandbox, &["values", "decrypt"], VALUES.as_bytes())), PLAIN.as_bytes());
}

#[test]
fn files_and_values_to_files() {
    let sandbox = sandbox();
    fs::set_permissions(sandbox.app().join("plain.yaml"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("plain.yaml", sandbox.app().join("link.yaml")).unwrap();
    let flags = ["--dev", "--dev-branch=x", "--dev-ignore=y", "--loose-giterminism", "--kube-context", "z", "--tmp-dir", "/nowhere"];
    let to_file = [&["helm", "secret", "values", "decrypt", "encrypted.yaml", "-o", "new/plain.yaml"][..], &flags].concat();
    assert_eq!(told(&sandbox, &to_file), "exit 0\n");
    assert_eq!(read(&sandbox, "new/plain.yaml"), PLAIN.as_bytes());
    // what is there keeps its mode, and links stay
    assert_eq!(told(&sandbox, &["helm", "secret", "values", "encrypt", "plain.yaml", "--output-file-path", "link.yaml"]), "exit 0\n");
    assert!(sandbox.app().join("link.yaml").is_symlink());
    assert_eq!(fs::metadata(sandbox.app().join("plain.yaml")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(told(&sandbox, &["helm", "secret", "values", "decrypt", "plain.yaml"]), format!("exit 0\n{PLAIN}"));
    assert_eq!(told(&sandbox, &["helm", "secret", "file", "encrypt", "new/plain.yaml", "-o", "blob"]), "exit 0\n");
    // the variable of ci-env's flag must not take a secret
    let told = told_with(&sandbox, &["helm", "secret", "file", "decrypt", "blob"], &[("WERF_OUTPUT_FILE_PATH", "taken")]);
    assert_eq!((told, sandbox.app().join("taken").exists()), (format!("exit 0\n{PLAIN}"), false));
    assert_eq!(fs::read_dir(sandbox.app()).unwrap().count(), 6, "no temporary files stay");
}

#[test]
fn places_of_the_key_in_their_order() {
    let sandbox = Sandbox::empty();
    insta::assert_snapshot!(told_with(&sandbox, &["helm", "secret", "encrypt"], &[("WERF_SECRET_KEY", "")]), @r"
    exit 1
    error: there is no secret key: it is neither in WERF_SECRET_KEY nor in `.werf_secret_key` nor in `[SANDBOX]/home/.werf/global_secret_key`
    help: `werf helm secret generate-secret-key` makes a key; do not commit the file that has it
    ");
    let decrypt = |args: &[&str], env: &[(&str, &str)]| {
        sandbox.write(&[("encrypted.yaml", VALUES)]);
        told_with(&sandbox, &[&["helm", "secret", "values", "decrypt", "../app/encrypted.yaml"], args].concat(), env)
    };
    let good = format!("exit 0\n{PLAIN}");
    assert_eq!(decrypt(&[], &[("WERF_SECRET_KEY", KEY)]), good);
    sandbox.write(&[
        ("../home/.werf/global_secret_key", KEY),
        ("../own/global_secret_key", OTHER_KEY),
        ("project/.werf_secret_key", OTHER_KEY),
    ]);
    assert_eq!(decrypt(&[], &[]), good);
    for (args, env) in [
        (&["--home-dir", "../own"][..], &[][..]),
        (&[], &[("WERF_HOME", "../own")]),
        (&["--dir", "project"], &[]),
        (&[], &[("WERF_DIR", "project")]),
        (&[], &[("WERF_SECRET_KEY", OTHER_KEY)]),
    ] {
        let told = decrypt(args, env);
        assert!(told.contains("another key"), "{args:?} {env:?}: {told}");
    }
    let broken = |key: &str| {
        sandbox.write(&[(".werf_secret_key", key)]);
        decrypt(&[], &[])
    };
    insta::assert_snapshot!(broken(" \n"), @r"
    exit 1
    error: cannot use the secret key of `.werf_secret_key`
      because: the secret key must have 32, 48 or 64 hexadecimal digits, this one has 0 characters
    help: WERF_SECRET_KEY is used as it is, a file's content without white space around it
    ");
    insta::assert_snapshot!(broken(&format!("{}x\n", &KEY[1..])), @r"
    exit 1
    error: cannot use the secret key of `.werf_secret_key`
      because: the secret key must have 32, 48 or 64 hexadecimal digits, this one has something else at character 32
    help: WERF_SECRET_KEY is used as it is, a file's content without white space around it
    ");
    insta::assert_snapshot!(decrypt(&[], &[("WERF_SECRET_KEY", &format!("{KEY}\n"))]), @r"
    exit 1
    error: the secret key must have 32, 48 or 64 hexadecimal digits, this one has 33 characters
    help: WERF_SECRET_KEY is used as it is, a file's content without white space around it
    ");
}

#[test]
fn what_cannot_be_decrypted() {
    let sandbox = sandbox();
    let blob = "1000ceeb30457f57eb67a2dfecd65c563417f4ae06167fb21be60549d247bf388165";
    let decrypt = |text: &str, env: &[(&str, &str)]| {
        sandbox.write(&[("blob", text)]);
        told_with(&sandbox, &["helm", "secret", "file", "decrypt", "blob"], env)
    };
    insta::assert_snapshot!(decrypt(blob, &[("WERF_SECRET_KEY", OTHER_KEY)]), @r"
    exit 1
    error: cannot decrypt `blob`
      because: the value was encrypted with another key, or is damaged
    help: check WERF_SECRET_KEY; after a change of the key, `werf helm secret rotate-secret-key` re-encrypts what is stored
    ");
    insta::assert_snapshot!(decrypt(&blob[..67], &[]), @r"
    exit 1
    error: cannot decrypt `blob`
      because: this is no encrypted value: it has 67 hexadecimal digits, and their number must be even
    help: only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history
    ");
    insta::assert_snapshot!(decrypt(&blob[..66], &[]), @r"
    exit 1
    error: cannot decrypt `blob`
      because: this is no encrypted value: it is too short, 66 digits where 68 are the least
    help: only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history
    ");
    insta::assert_snapshot!(decrypt(&format!("{blob}00"), &[]), @r"
    exit 1
    error: cannot decrypt `blob`
      because: this is no encrypted value: it has 70 digits, which are no whole number of blocks: a part is missing
    help: only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history
    ");
    insta::assert_snapshot!(decrypt("hush, a secret that nobody encrypted", &[]), @r"
    exit 1
    error: cannot decrypt `blob`
      because: this is no encrypted value: it is not hexadecimal (character 1)
    help: only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "secret", "file", "decrypt", "none"]), @r"
    exit 1
    error: cannot read none
      because: No such file or directory (os error 2)
    help: check the path and its permissions
    ");
    insta::assert_snapshot!(String::from_utf8_lossy(&piped(&sandbox, &["decrypt"], b"hush").stderr), @r"
    error: cannot decrypt the standard input
      because: this is no encrypted value: it is not hexadecimal (character 1)
    help: only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history
    ");
}

#[test]
fn values_that_are_no_values() {
    let sandbox = sandbox();
    let values = |verb: &str, text: &[u8]| {
        fs::write(sandbox.app().join("values.yaml"), text).unwrap();
        let told = told(&sandbox, &["helm", "secret", "values", verb, "values.yaml"]);
        assert!(!told.contains("hush"), "{told}");
        told
    };
    insta::assert_snapshot!(values("encrypt", b"a: hush\n b: hush\n"), @r"
    exit 1
    error: cannot encrypt `values.yaml`
      because: this is no YAML: mapping values are not allowed in this context (line 2, column 3)
    help: a `: ` inside a value needs quotes, and a nested key its own line
    ");
    insta::assert_snapshot!(values("encrypt", b"a: *hush\n"), @r"
    exit 1
    error: cannot encrypt `values.yaml`
      because: this is no YAML: an alias has no anchor above it (line 1, column 4)
    help: text that begins with `*` needs quotes
    ");
    insta::assert_snapshot!(values("encrypt", b"a: !!int hush\n"), @r"
    exit 1
    error: cannot encrypt `values.yaml`
      because: this is no YAML: cannot decode !!str as a !!int (line 1, column 4)
    help: leave the tag out: what is encrypted comes back as text
    ");
    insta::assert_snapshot!(values("encrypt", b"a: hush\nb: \xff\n"), @r"
    exit 1
    error: cannot encrypt `values.yaml`
      because: this is no text in UTF-8 (line 2)
    help: values are YAML in UTF-8; a binary file belongs into `secret/`, by `werf helm secret file encrypt`
    ");
    insta::assert_snapshot!(values("decrypt", b"a:\n- b: hush\n"), @r"
    exit 1
    error: cannot decrypt `values.yaml`
      because: value `a[0].b`, line 2: this is no encrypted value: it is not hexadecimal (character 1)
    help: only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history
    ");
    insta::assert_snapshot!(values("decrypt", b"a: 12\n"), @r"
    exit 1
    error: cannot decrypt `values.yaml`
      because: value `a`, line 1: this is no encrypted value: it is no string
    help: only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history
    ");
    assert_eq!(fs::read_dir(sandbox.app()).unwrap().count(), 4, "nothing is written");
}

/// Runs `werf helm secret …` on a terminal, which `script` makes, and types something when it asks.
fn typed(sandbox: &Sandbox, args: &str, answer: Option<&str>) -> String {
    let line = format!("{} helm secret {args}", env!("CARGO_BIN_EXE_werf"));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(sandbox.app()).env("TERM", "dumb").env_remove("WERF_SECRET_KEY");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    if let Some(answer) = answer {
        let mut byte = [0];
        while !shown.ends_with(b": ") && stdout.read(&mut byte).unwrap() == 1 {
            shown.extend(byte);
        }
        stdin.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }
    stdout.read_to_end(&mut shown).unwrap();
    let code = child.wait().unwrap().code().unwrap();
    format!("exit {code}\n{}", String::from_utf8_lossy(&shown).replace('\r', ""))
}

#[test]
fn a_terminal_is_asked_and_shows_nothing() {
    let sandbox = sandbox();
    assert_eq!(typed(&sandbox, "encrypt -o blob", Some("hush, typed")), "exit 0\nEnter secret: \n");
    assert_eq!(told(&sandbox, &["helm", "secret", "file", "decrypt", "blob"]), "exit 0\nhush, typed");
    // what is shown on a terminal ends with a line break
    let blob = String::from_utf8(read(&sandbox, "blob")).unwrap();
    assert_eq!(typed(&sandbox, "decrypt", Some(blob.trim())), "exit 0\nEnter secret: \nhush, typed\n");
    assert_eq!(typed(&sandbox, "encrypt -o none", Some("")), "exit 0\nEnter secret: \n");
    assert!(!sandbox.app().join("none").exists());
    insta::assert_snapshot!(typed(&sandbox, "file decrypt", None), @r"
    exit 2
    error: there is nothing to read: no file is named, and standard input is a terminal
    help: name a FILE, or pipe the text into the command
    ");
}
