//! `werf helm verify`: an archive is what its owner signed.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use crate::chart_repository::provenance::{self, Keyring, ProvenanceError, Verified};
use crate::chart_repository::sha256;
use crate::error::Result;
use crate::ops::Run;

/// Why a chart of a registry comes without a provenance file.
pub const UNSIGNED: &str = "it was pushed without one";

/// What `verify` is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The archive; its provenance file lies beside it.
    pub archive: PathBuf,
    /// The file of keys.
    pub keyring: PathBuf,
}

/// Verifies an archive of the disk and says who signed it.
pub async fn run(options: Options, _run: Run) -> Result<String> {
    Ok(text(&on_disk(&options.archive, &options.keyring)?))
}

/// Verifies an archive of the disk.
pub fn on_disk(archive: &Path, keyring: &Path) -> Result<Verified> {
    if archive.is_dir() {
        return Err(VerifyError::Directory { path: archive.to_owned() }.into());
    }
    let mut beside = archive.to_owned().into_os_string();
    beside.push(".prov");
    let (bytes, provenance) = (read(archive)?, read(Path::new(&beside))?);
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    Ok(verified(&bytes, &name, &provenance, keyring)?)
}

/// Verifies an archive by its provenance file.
pub fn verified(archive: &[u8], name: &str, provenance: &[u8], keyring: &Path) -> Result<Verified, VerifyError> {
    let keys = read(keyring)?;
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    let provenance = String::from_utf8_lossy(provenance);
    let result = Keyring::parse(&keys).and_then(|keys| provenance::verify(&provenance, name, &sha256(archive), &keys, now));
    result.map_err(|cause| VerifyError::Unverified { name: name.to_owned(), cause })
}

/// What Helm says of a verified archive.
pub fn text(verified: &Verified) -> String {
    let signers: String = verified.signers.iter().map(|signer| format!("Signed by: {signer}\n")).collect();
    format!("{signers}Using Key With Fingerprint: {}\nChart Hash Verified: sha256:{}\n", verified.fingerprint, verified.digest)
}

fn read(path: &Path) -> Result<Vec<u8>, VerifyError> {
    std::fs::read(path).map_err(|cause| VerifyError::Unreadable { path: path.to_owned(), cause })
}

/// An archive cannot be verified.
#[derive(Debug, Error, Diagnostic)]
pub enum VerifyError {
    /// Only archives are signed.
    #[error("{} is a directory: only archives are signed", .path.display())]
    #[diagnostic(help("leave `--verify` out, or name the archive"))]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// It was not signed, or its signature cannot be had.
    #[error("chart {name} comes without a provenance file: {reason}")]
    #[diagnostic(help("leave `--verify` out if you trust it all the same"))]
    NoProvenance {
        /// The archive's name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The signature proves nothing.
    #[error("chart {name} cannot be verified")]
    Unverified {
        /// The archive's name.
        name: String,
        /// Why.
        #[source]
        #[diagnostic_source]
        cause: ProvenanceError,
    },
    /// A file that is needed.
    #[error("cannot read {}", .path.display())]
    #[diagnostic(help("the archive, its file with the ending .prov and the keyring are needed; `--keyring` names another one"))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}
