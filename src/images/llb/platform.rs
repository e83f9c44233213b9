//! The platform that an op is for.

use std::fmt;

use super::pb;

/// A platform in OCI's words: `linux/arm64/v8`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    /// Operating system, `linux`.
    pub os: String,
    /// Architecture as Go names it, `amd64`.
    pub architecture: String,
    /// Variant of the architecture, `v7`; empty for none.
    pub variant: String,
}

impl Platform {
    /// Linux on an architecture.
    pub fn linux(architecture: impl Into<String>) -> Self {
        Platform { os: "linux".into(), architecture: architecture.into(), variant: String::new() }
    }

    /// Reads `os/architecture` or `os/architecture/variant`; `None` where the text has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (os, architecture) = (part()?.to_owned(), part()?.to_owned());
        let variant = part().unwrap_or_default().to_owned();
        (parts.next().is_none() && text.split('/').all(|part| !part.is_empty())).then_some(Platform { os, architecture, variant })
    }

    pub(super) fn message(&self) -> pb::Platform {
        pb::Platform { os: self.os.clone(), architecture: self.architecture.clone(), variant: self.variant.clone(), ..Default::default() }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}
