//! Mirrors of Docker Hub: base images are looked for there first.
//!
//! An image keeps its name: what it is called, and what is made of it, does not depend on where its bytes come from.

use std::fmt;

use super::client::Client;
use super::error::RegistryError;
use super::manifest::{Descriptor, ImageConfig};
use super::reference::{DEFAULT_REGISTRY, Reason, Reference, ReferenceError, Repository};
use crate::platform::Platform;

/// A registry, or a path in one, that has what docker.io has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror(String);

impl Mirror {
    /// Reads `HOST[:PORT][/PATH]`; `https://` before it says nothing new.
    ///
    /// # Errors
    /// Among others where no host is named.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let bare = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
        let mirror = Mirror(bare.to_owned());
        match mirror.repository("library/any")?.registry() == DEFAULT_REGISTRY {
            true => Err(ReferenceError::new(text, Reason::Host(bare.to_owned()))),
            false => Ok(mirror),
        }
    }

    /// The registry's host with its port.
    pub fn registry(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    fn repository(&self, path: &str) -> Result<Repository, ReferenceError> {
        Repository::parse(&format!("{}/{path}", self.0))
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Client {
    /// What the reference of a base image points to, and where that is: in the first mirror that has it, else where its name says.
    pub async fn base(&self, reference: &Reference) -> Result<Option<(Reference, Descriptor)>, RegistryError> {
        for place in self.mirrored(reference) {
            if let Ok(Some(found)) = self.head(&place).await {
                return Ok(Some((place, found)));
            }
        }
        Ok(self.head(reference).await?.map(|found| (reference.clone(), found)))
    }

    /// The configuration of a base image, in the same way.
    pub async fn base_config(&self, reference: &Reference, platform: &Platform) -> Result<(Reference, ImageConfig), RegistryError> {
        for place in self.mirrored(reference) {
            match self.config(&place, platform).await {
                // It is the same image there.
                Err(error @ RegistryError::NoPlatform { .. }) => return Err(error),
                Ok(config) => return Ok((place, config)),
                Err(_) => {}
            }
        }
        Ok((reference.clone(), self.config(reference, platform).await?))
    }

    /// The places of an image in mirrors.
    fn mirrored(&self, reference: &Reference) -> Vec<Reference> {
        let repository = &reference.repository;
        let mirrors = self.mirrors().iter().filter(|_| repository.registry() == DEFAULT_REGISTRY);
        let places = mirrors.filter_map(|mirror| mirror.repository(repository.path()).ok());
        places.map(|repository| Reference { repository, ..reference.clone() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_a_host_with_or_without_a_path() {
        let client = |mirrors: &[&str]| {
            let mirrors = mirrors.iter().map(|text| Mirror::parse(text).unwrap()).collect();
            Client::new(super::super::Options { mirrors, ..Default::default() })
        };
        let places = |mirrors: &[&str], text: &str| {
            let places = client(mirrors).mirrored(&Reference::parse(text).unwrap());
            places.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let two = ["https://m.io/", "127.0.0.1:5000/hub"];
        assert_eq!(places(&two, "busybox:1"), "m.io/library/busybox:1 127.0.0.1:5000/hub/library/busybox:1");
        assert_eq!(places(&two, "r.io/busybox:1"), "", "only Docker Hub has mirrors");
        assert_eq!(Mirror::parse("127.0.0.1:5000/hub").unwrap().registry(), "127.0.0.1:5000");
        for bad in ["", "mirror", "http://m.io", "m.io/A", "docker.io"] {
            assert!(Mirror::parse(bad).is_err(), "{bad}");
        }
    }
}
