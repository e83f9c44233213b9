//! `werf helm secret file edit` and `values edit`.

use std::path::PathBuf;
use std::{fs, io};

use miette::Diagnostic;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::decrypt::Undecryptable;
use super::editor::{Editor, PrivateFolder};
use super::{EditorOptions, Form, KeyOptions, decrypted, encrypted, key};
use crate::error::{Error, Result};
use crate::ops::files::{Unreadable, Unwritable};
use crate::ops::{Run, whole_file};
use crate::secret::{SecretError, SecretKey};

/// What is edited, and with what.
pub struct Options {
    /// Where the key is looked for.
    pub key: KeyOptions,
    /// What is encrypted.
    pub form: Form,
    /// The encrypted file; it is made where it is not there.
    pub file: PathBuf,
    /// The editor.
    pub editor: EditorOptions,
    /// Where the decrypted text is while it is edited.
    pub temporary: PathBuf,
}

/// What the user says when the text could not be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is to be edited again.
    Again,
    /// It is given up.
    GiveUp,
    /// Nobody answers.
    Nobody,
}

/// Lets the user edit. A text that cannot be saved is offered again: `ask` shows why, and what it costs to give up. A text that is the
/// same in the end changes nothing.
pub async fn run(options: Options, run: Run, ask: impl AsyncFn(&Error) -> Answer) -> Result<()> {
    let key = key::required(&options.key)?;
    let editor = Editor::find(&options.editor)?;
    let before = before(&options, &key)?;
    let unwritable = |cause| Unwritable { path: options.temporary.clone(), cause };
    let folder = PrivateFolder::make(&options.temporary).map_err(unwritable)?;
    let path = folder.write(name(&options), &before.plain).map_err(unwritable)?;
    stop_at_quit(run.cancel.clone());
    let _held = run.held.hold("");
    loop {
        editor.edit(&path, &run.cancel).await?;
        let plain = fs::read(&path).map_err(|cause| Unreadable { path: path.clone(), cause })?;
        if plain == before.plain {
            return Ok(());
        }
        let Err(error) = save(&options, &key, &before, &plain) else { return Ok(()) };
        match run.cancel.run_until_cancelled(ask(&error)).await {
            Some(Answer::Again) => {}
            Some(Answer::GiveUp) | None => return Err(NotSaved::GivenUp { file: options.file }.into()),
            Some(Answer::Nobody) => {
                folder.keep();
                return Err(NotSaved::kept(&options, path).into());
            }
        }
    }
}

/// Ctrl-\ asks the command to stop like other signals do: it must leave nothing behind either.
fn stop_at_quit(cancel: CancellationToken) {
    let Ok(mut quit) = signal(SignalKind::quit()) else { return };
    tokio::spawn(async move {
        quit.recv().await;
        cancel.cancel();
    });
}

/// The file as it is; both are empty where it is not there.
#[derive(Default)]
struct Before {
    encrypted: Option<String>,
    plain: Vec<u8>,
}

fn before(options: &Options, key: &SecretKey) -> Result<Before> {
    let bytes = match fs::read(&options.file) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Before::default()),
        read => read.map_err(|cause| Unreadable { path: options.file.clone(), cause })?,
    };
    let name = || format!("`{}`", options.file.display());
    let plain = decrypted(options.form, key, &bytes).map_err(|cause| Undecryptable { name: name(), cause })?;
    Ok(Before { encrypted: String::from_utf8(bytes).ok(), plain })
}

fn save(options: &Options, key: &SecretKey, before: &Before, plain: &[u8]) -> Result<()> {
    let encrypted = encrypted(options.form, key, plain, before.encrypted.as_deref());
    let encrypted = encrypted.map_err(|cause| Unsaved { path: options.file.clone(), cause })?;
    whole_file::write(&options.file, &encrypted).map_err(|cause| Unwritable { path: options.file.clone(), cause }.into())
}

/// The name that the editor sees, which tells it the language.
fn name(options: &Options) -> &str {
    match options.form {
        Form::Values => "secret-values.yaml",
        Form::Bytes => options.file.file_name().and_then(|name| name.to_str()).unwrap_or("secret"),
    }
}

/// Why the edited text cannot be saved.
#[derive(Debug, Error, Diagnostic)]
#[error("the edited text cannot be encrypted, and `{}` is as it was", .path.display())]
struct Unsaved {
    path: PathBuf,
    #[source]
    #[diagnostic_source]
    cause: SecretError,
}

/// What became of a text that cannot be saved.
#[derive(Debug, Error, Diagnostic)]
enum NotSaved {
    #[error("the edited text was given up, and `{}` is as it was", .file.display())]
    GivenUp { file: PathBuf },
    #[error("the edited text is kept in {}, where it is not encrypted", .text.display())]
    #[diagnostic(help(
        "correct it, encrypt it with `werf helm secret {form} encrypt {} -o {}`, and delete it",
        .text.display(), .file.display()
    ))]
    Kept { form: &'static str, text: PathBuf, file: PathBuf },
}

impl NotSaved {
    fn kept(options: &Options, text: PathBuf) -> Self {
        let form = match options.form {
            Form::Values => "values",
            Form::Bytes => "file",
        };
        NotSaved::Kept { form, text, file: options.file.clone() }
    }
}
