//! Files of the disk that cannot be read or written, or may not be.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

/// A file or directory that cannot be read.
#[derive(Debug, Error, Diagnostic)]
#[error("cannot read {}", .path.display())]
#[diagnostic(help("check the path and its permissions"))]
pub struct Unreadable {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: std::io::Error,
}

/// A file or directory that cannot be written.
#[derive(Debug, Error, Diagnostic)]
#[error("cannot write to {}", .path.display())]
#[diagnostic(help("check the path and its permissions"))]
pub struct Unwritable {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: std::io::Error,
}

/// Refuses what is no plain name of a file: what others say must not lead out of the directory that it is for.
pub fn checked_name(name: &str) -> Result<(), OutsideName> {
    let is_plain = !matches!(name, "" | "." | "..") && !name.contains(|letter: char| matches!(letter, '/' | '\\') || letter.is_control());
    if is_plain { Ok(()) } else { Err(OutsideName { name: name.to_owned() }) }
}

/// A name from elsewhere that is none of a file.
#[derive(Debug, PartialEq, Eq, Error, Diagnostic)]
#[error("`{}` is no name of a file: it would not lie where it belongs", .name.escape_debug())]
#[diagnostic(help(
    "it is made of the name and the version that an index or Chart.yaml gives: neither holds slashes or control characters"
))]
pub struct OutsideName {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_elsewhere_lead_nowhere() {
        for name in ["web-1.0.0.tgz", "..web", "a b", "ä.tgz", "-x"] {
            assert_eq!(checked_name(name), Ok(()), "{name}");
        }
        for name in ["", ".", "..", "../up", "/etc/x", "a/b", "a\\b", "a\nb", "a\0"] {
            assert!(checked_name(name).is_err(), "{name}");
        }
        let error = checked_name("/../../up-1.0.0.tgz").unwrap_err();
        assert_eq!(error.to_string(), "`/../../up-1.0.0.tgz` is no name of a file: it would not lie where it belongs");
    }
}
