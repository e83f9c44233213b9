//! The embedded daemon where there is none, or one that does not start.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use miette::Diagnostic;
use werf::event::Events;
use werf::images::buildkit::{EmbeddedError, EmbeddedOptions, embedded};

/// An executable script.
fn script(path: PathBuf, text: &str) -> Result<PathBuf> {
    fs::write(&path, format!("#!/bin/sh\n{text}\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

fn options(dir: &Path, daemon: PathBuf) -> EmbeddedOptions {
    EmbeddedOptions {
        daemon: Some(daemon),
        own_binary: env!("CARGO_BIN_EXE_werf").into(),
        path: dir.into(),
        cache_dir: dir.join("cache"),
        runtime_dir: Some(dir.to_owned()),
        insecure_registries: Vec::new(),
        environment: Vec::new(),
    }
}

#[tokio::test]
async fn a_daemon_that_cannot_start_says_why() -> Result<()> {
    let dir = tempfile::tempdir()?;
    script(dir.path().join("runc"), "exit 0")?;
    let words = r#"echo 'level=info msg=begin' >&2; echo 'level=fatal msg="no space left on device"' >&2; exit 1"#;
    let daemon = script(dir.path().join("buildkitd"), words)?;
    let began = embedded::start(&options(dir.path(), daemon), &Events::none()).await;
    let error = began.map(|_| ()).expect_err("it ends at once");
    let expect = "the embedded buildkitd did not start\n  │ level=fatal msg=\"no space left on device\"";
    assert_eq!(error.to_string(), expect);
    let help = error.help().map(|help| help.to_string()).unwrap_or_default();
    assert!(help.ends_with(&format!("its whole log is {}", dir.path().join("cache/buildkit.log").display())), "{help}");
    Ok(())
}

#[tokio::test]
async fn what_is_asked_for_must_be_a_program() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let missing = dir.path().join("nowhere/buildkitd");
    let began = embedded::start(&options(dir.path(), missing.clone()), &Events::none()).await;
    let error = began.map(|_| ()).expect_err("there is no such file");
    assert!(matches!(&error, EmbeddedError::NotExecutable { path } if *path == missing), "{error:?}");
    assert_eq!(error.to_string(), format!("`{}` cannot be run as buildkitd", missing.display()));
    Ok(())
}
