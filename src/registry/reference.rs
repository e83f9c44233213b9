//! Names of images: repository, tag, digest and the reference that joins them. PURE.
//!
//! Follows the grammar of the OCI distribution specification and the field's habits for short names: without a host, a name belongs
//! to `docker.io`, and there a name of one part belongs to `library`. A string is parsed once and never re-parsed.

use std::fmt;
use std::str::FromStr;

use crate::words::hex;
use sha2::Digest as _;

/// The registry that a name without a host means.
pub const DEFAULT_REGISTRY: &str = "docker.io";

/// The longest repository name that registries accept, host included, in bytes.
const MAX_REPOSITORY: usize = 255;

/// A place for images: a registry's host with an optional port, and a path. Prints as `host/path`, the host always there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: String,
    path: String,
}

impl Repository {
    /// Parses `[HOST[:PORT]/]PATH`; a tag or a digest is an error.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let reference = Reference::parse(text)?;
        match (&reference.tag, &reference.digest) {
            (None, None) => Ok(reference.repository),
            _ => Err(ReferenceError::new(text, Reason::NotARepository)),
        }
    }

    /// A registry itself, for requests that are about none of its repositories.
    pub(super) fn root(registry: &str) -> Self {
        Repository { registry: registry.to_owned(), path: String::new() }
    }

    /// The registry's host with its port, such as `docker.io` or `127.0.0.1:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path inside the registry, such as `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the registry is on this machine, by its name: `localhost`, `127.*` or `::1`.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.registry)
    }

    /// The repository below this one.
    pub fn join(&self, below: &str) -> Result<Self, ReferenceError> {
        Repository::parse(&format!("{self}/{below}"))
    }

    /// This repository with a tag.
    pub fn with_tag(&self, tag: Tag) -> Reference {
        Reference { repository: self.clone(), tag: Some(tag), digest: None }
    }

    /// This repository with a digest.
    pub fn with_digest(&self, digest: Digest) -> Reference {
        Reference { repository: self.clone(), tag: None, digest: Some(digest) }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Repository::parse(text)
    }
}

/// An image of a repository, by tag, by digest, by both (the digest decides) or by neither (`latest` is meant).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Where the image is.
    pub repository: Repository,
    /// Its tag, if named.
    pub tag: Option<Tag>,
    /// Its manifest's digest, if named.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Parses `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let fail = |reason| ReferenceError::new(text, reason);
        if text.is_empty() {
            return Err(fail(Reason::Empty));
        }
        if text.contains("://") {
            return Err(fail(Reason::Scheme));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest).map_err(|_| fail(Reason::Digest(digest.into())))?)),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(Tag::parse(tag).map_err(|_| fail(Reason::Tag(tag.into())))?)),
            _ => (rest, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if is_host(host) => (host, path),
            _ => (DEFAULT_REGISTRY, name),
        };
        check_host(registry).map_err(fail)?;
        check_path(path).map_err(fail)?;
        let registry = if registry == "index.docker.io" { DEFAULT_REGISTRY } else { registry };
        let path = if registry == DEFAULT_REGISTRY && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        if registry.len() + 1 + path.len() > MAX_REPOSITORY {
            return Err(fail(Reason::TooLong));
        }
        Ok(Reference { repository: Repository { registry: registry.to_owned(), path }, tag, digest })
    }

    /// What a registry is asked for: the digest if there is one, else the tag, else `latest`.
    pub fn identifier(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag.as_str(),
            (None, None) => "latest",
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.repository.fmt(f)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Reference::parse(text)
    }
}

/// A tag: `[A-Za-z0-9_][A-Za-z0-9._-]*`, at most 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

impl Tag {
    /// Checks a tag.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let valid = text.len() <= 128
            && text.bytes().next().is_some_and(word)
            && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-');
        if valid { Ok(Tag(text.to_owned())) } else { Err(ReferenceError::new(text, Reason::Tag(text.into()))) }
    }

    /// The tag's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a content digest's tag: 64 lower-case hexadecimal digits.
    pub fn is_content_digest(&self) -> bool {
        self.0.len() == 64 && is_lower_hex(&self.0)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address of some bytes by what they are: `sha256:…` or `sha512:…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// Checks a digest's form.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let valid = match text.split_once(':') {
            Some(("sha256", hex)) => hex.len() == 64 && is_lower_hex(hex),
            Some(("sha512", hex)) => hex.len() == 128 && is_lower_hex(hex),
            _ => false,
        };
        if valid { Ok(Digest(text.to_owned())) } else { Err(ReferenceError::new(text, Reason::Digest(text.into()))) }
    }

    /// The SHA-256 digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Digest(format!("sha256:{}", hex::lower(sha2::Sha256::digest(bytes))))
    }

    /// Whether some bytes have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        match self.0.split_once(':') {
            Some(("sha512", wanted)) => hex::lower(sha2::Sha512::digest(bytes)) == wanted,
            _ => Digest::of(bytes) == *self,
        }
    }

    /// The digest's text, algorithm included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name is not what registries accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("`{text}` is not an image reference: {reason}")]
pub struct ReferenceError {
    /// The text as it came.
    pub text: String,
    /// What is wrong.
    pub reason: Reason,
    #[help]
    help: &'static str,
}

impl ReferenceError {
    pub(super) fn new(text: &str, reason: Reason) -> Self {
        let help = match reason {
            Reason::NotARepository => "write the repository alone, such as `registry.example.com/team/app`; tags are made by content",
            Reason::Scheme => "leave the scheme out; `--insecure-registry` asks for plain HTTP",
            _ => "the form is `[HOST[:PORT]/]PATH[:TAG][@sha256:DIGEST]`, such as `registry.example.com/team/app:1.0`",
        };
        ReferenceError { text: text.to_owned(), reason, help }
    }
}

/// Why a name is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// There is no text.
    #[error("it is empty")]
    Empty,
    /// It begins with `https://` or the like.
    #[error("it has a scheme")]
    Scheme,
    /// A repository was asked for.
    #[error("it has a tag or a digest")]
    NotARepository,
    /// The host is not a DNS name or an address, or the port is no number.
    #[error("`{0}` is not a host with an optional port")]
    Host(String),
    /// The path is missing.
    #[error("the path is missing")]
    NoPath,
    /// A part of the path breaks the grammar.
    #[error("its path has `{0}`, and a part of a path is lower-case letters and digits, joined by `.`, `_`, `__` or dashes")]
    Path(String),
    /// The tag breaks the grammar.
    #[error("`{0}` is not a tag: up to 128 letters, digits, `_`, `.` and `-`, the first of them none of `.` and `-`")]
    Tag(String),
    /// The digest breaks the grammar.
    #[error("`{0}` is not a digest: `sha256:` and 64 lower-case hexadecimal digits")]
    Digest(String),
    /// Host and path are longer than registries accept.
    #[error("it is longer than {MAX_REPOSITORY} bytes")]
    TooLong,
}

/// Whether a registry's host means this machine.
pub fn is_loopback(registry: &str) -> bool {
    let host = match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => registry.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Tells a host from the first part of a path, as every client of registries does.
fn is_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':']) || part.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn check_host(registry: &str) -> Result<(), Reason> {
    let fail = || Reason::Host(registry.to_owned());
    let (host, port) = if let Some(inner) = registry.strip_prefix('[') {
        let (address, rest) = inner.split_once(']').ok_or_else(fail)?;
        address.parse::<std::net::Ipv6Addr>().map_err(|_| fail())?;
        (None, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(fail)?) })
    } else {
        match registry.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(registry), None),
        }
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let host_valid = host.is_none_or(|host| host.split('.').all(label));
    let port_valid = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if host_valid && port_valid { Ok(()) } else { Err(fail()) }
}

fn check_path(path: &str) -> Result<(), Reason> {
    if path.is_empty() {
        return Err(Reason::NoPath);
    }
    match path.split('/').find(|part| !is_path_part(part)) {
        Some(part) => Err(Reason::Path(part.to_owned())),
        None => Ok(()),
    }
}

/// Runs of lower-case letters and digits, joined by one dot, one or two underscores, or any number of dashes.
fn is_path_part(part: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separators = part.split(|c: char| c.is_ascii() && word(c as u8)).filter(|separator| !separator.is_empty());
    let joined = |separator: &str| matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-');
    part.bytes().next().is_some_and(word) && part.bytes().last().is_some_and(word) && separators.into_iter().all(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn references_print_in_full() {
        let digest = format!("sha256:{HEX}");
        let cases = [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("team/app", "docker.io/team/app"),
            ("index.docker.io/team/app", "docker.io/team/app"),
            ("docker.io/nginx", "docker.io/library/nginx"),
            ("localhost/app", "localhost/app"),
            ("localhost:5000/app:v1", "localhost:5000/app:v1"),
            ("127.0.0.1:5000/a/b_c/d__e/f-g/h---i/j.k", "127.0.0.1:5000/a/b_c/d__e/f-g/h---i/j.k"),
            ("[::1]:5000/app", "[::1]:5000/app"),
            ("Registry.Example.com/app:_x.y-Z", "Registry.Example.com/app:_x.y-Z"),
            (&format!("app@{digest}"), &format!("docker.io/library/app@{digest}")),
            (&format!("r.io/app:1@{digest}"), &format!("r.io/app:1@{digest}")),
        ];
        for (text, expect) in cases {
            let reference = Reference::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(reference.to_string(), expect);
            assert_eq!(Reference::parse(expect).unwrap(), reference, "{expect} is stable");
        }
    }

    #[test]
    fn identifiers_prefer_the_digest() {
        let digest = format!("sha256:{HEX}");
        for (text, expect) in [("a", "latest"), ("a:1", "1"), (&format!("a:1@{digest}"), digest.as_str())] {
            assert_eq!(Reference::parse(text).unwrap().identifier(), expect);
        }
    }

    #[test]
    fn wrong_references_say_why() {
        let long = format!("r.io/{}", "a".repeat(252));
        let cases = [
            ("", "it is empty"),
            ("https://r.io/app", "it has a scheme"),
            ("r.io/", "the path is missing"),
            ("r.io:port/app", "`r.io:port` is not a host with an optional port"),
            ("r.io:0/app", "`r.io:0` is not a host with an optional port"),
            ("r.io:70000/app", "`r.io:70000` is not a host with an optional port"),
            ("-r.io/app", "`-r.io` is not a host with an optional port"),
            ("r..io/app", "`r..io` is not a host with an optional port"),
            ("[::1/app", "`[::1` is not a host with an optional port"),
            ("r.io/App", "its path has `App`, and a part of a path is lower-case letters and digits, joined by `.`, `_`, `__` or dashes"),
            ("r.io/a//b", "its path has ``, and a part of a path is lower-case letters and digits, joined by `.`, `_`, `__` or dashes"),
            (
                "r.io/a___b",
                "its path has `a___b`, and a part of a path is lower-case letters and digits, joined by `.`, `_`, `__` or dashes",
            ),
            ("r.io/a..b", "its path has `a..b`, and a part of a path is lower-case letters and digits, joined by `.`, `_`, `__` or dashes"),
            ("r.io/.a", "its path has `.a`, and a part of a path is lower-case letters and digits, joined by `.`, `_`, `__` or dashes"),
            ("r.io/ä", "its path has `ä`, and a part of a path is lower-case letters and digits, joined by `.`, `_`, `__` or dashes"),
            ("app:", "`` is not a tag: up to 128 letters, digits, `_`, `.` and `-`, the first of them none of `.` and `-`"),
            ("app:-x", "`-x` is not a tag: up to 128 letters, digits, `_`, `.` and `-`, the first of them none of `.` and `-`"),
            ("app@sha256:12", "`sha256:12` is not a digest: `sha256:` and 64 lower-case hexadecimal digits"),
            (&long, "it is longer than 255 bytes"),
        ];
        for (text, expect) in cases {
            assert_eq!(Reference::parse(text).unwrap_err().reason.to_string(), expect, "{text}");
        }
    }

    #[test]
    fn repositories_have_no_tag() {
        assert_eq!(Repository::parse("r.io/a/b").unwrap().path(), "a/b");
        assert_eq!(Repository::parse("r.io/a").unwrap().join("cache").unwrap().to_string(), "r.io/a/cache");
        let error = Repository::parse("r.io/a:1").unwrap_err();
        assert_eq!(error.to_string(), "`r.io/a:1` is not an image reference: it has a tag or a digest");
    }

    #[test]
    fn loopback_by_name() {
        for (registry, expect) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.8.0.1:5000", true),
            ("[::1]:5000", true),
            ("10.0.0.1:5000", false),
            ("localhost.example.com", false),
            ("r.io", false),
        ] {
            assert_eq!(is_loopback(registry), expect, "{registry}");
        }
    }

    #[test]
    fn digests_know_their_bytes() {
        let empty = Digest::of(b"");
        assert_eq!(empty.as_str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(empty.matches(b"") && !empty.matches(b"x"));
        assert!(Tag::parse(HEX).unwrap().is_content_digest());
        assert!(!Tag::parse("latest").unwrap().is_content_digest());
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics_and_printing_is_stable(text in "[a-zA-Z0-9./:@_\\[\\]-]{0,40}") {
            if let Ok(reference) = Reference::parse(&text) {
                let printed = reference.to_string();
                proptest::prop_assert_eq!(Reference::parse(&printed).unwrap(), reference);
            }
        }
    }
}
