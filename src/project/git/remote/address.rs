//! Addresses of repositories, as Git reads them (gitglossary, `git help urls`): URLs, `host:path` of ssh, and paths.
//!
//! Pure. Who may be asked with which credentials is decided elsewhere; here a login of the URL is only taken out of it.

use std::path::PathBuf;

use super::error::RemoteError;
use crate::net::redact;
use crate::words::percent::percent_decoded;

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// On this machine.
    Local(PathBuf),
    /// `git://`.
    Git {
        /// Host without brackets.
        host: String,
        /// 9418 by default.
        port: u16,
        /// What the server is asked for.
        path: String,
    },
    /// `ssh://` or `host:path`.
    Ssh {
        /// `[user@]host`, as the program `ssh` takes it.
        destination: String,
        /// As written.
        port: Option<u16>,
        /// What the server is asked for.
        path: String,
    },
    /// `http://` or `https://`.
    Http {
        /// The URL without login and without a slash at its end.
        base: String,
        /// The login of the URL.
        login: Option<Login>,
    },
}

/// A user's name and, if it is known, the password. Prints without it.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Name.
    pub username: String,
    /// Password or token.
    pub password: Option<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({:?}, ***)", self.username)
    }
}

/// A URL as messages show it: without its login and query. `user@host:path` has no password and stays.
pub fn shown(url: &str) -> String {
    let url: String = url.chars().filter(|c| !c.is_control()).collect();
    if url.contains("://") { redact(&url) } else { url }
}

/// What clones of a URL are kept under: the URL without passwords, and for HTTP without the login, which may be a token that changes.
pub(super) fn cache_key(address: &Address) -> String {
    let text = match address {
        Address::Local(path) => format!("file://{}", path.display()),
        Address::Git { host, port, path } => format!("git://{host}:{port}/{}", path.trim_start_matches('/')),
        Address::Ssh { destination, port, path } => format!("ssh://{destination}:{}/{path}", port.unwrap_or(22)),
        Address::Http { base, .. } => base.clone(),
    };
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

/// Reads an address. `base` is what a relative path is relative to.
pub(super) fn parse(url: &str, base: &std::path::Path) -> Result<Address, RemoteError> {
    let wrong = |problem: &str| RemoteError::Address { url: shown(url), problem: problem.to_owned() };
    if url.contains(|c: char| c.is_control()) {
        return Err(wrong("it has a control character"));
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        if let Some((transport, _)) = url.split_once("::")
            && transport.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(wrong(&format!("`{transport}::` would run a program of its own")));
        }
        return match scp(url) {
            Some((destination, path)) => {
                ssh(destination.to_owned(), None, path.to_owned()).ok_or_else(|| wrong("it has no host or no path"))
            }
            None if url.is_empty() => Err(wrong("it is empty")),
            None => Ok(Address::Local(base.join(url))),
        };
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (login, host) = authority.rsplit_once('@').map_or((None, authority), |(login, host)| (Some(login), host));
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "file" => Ok(Address::Local(PathBuf::from(percent_decoded(path)))),
        "http" | "https" if host.is_empty() => Err(wrong("it has no host")),
        "http" | "https" => {
            let login = login.map(|login| {
                let (username, password) = login.split_once(':').map_or((login, None), |(name, password)| (name, Some(password)));
                Login { username: percent_decoded(username), password: password.map(percent_decoded) }
            });
            Ok(Address::Http { base: format!("{scheme}://{host}{}", path.trim_end_matches('/')), login })
        }
        "git" => {
            let (host, port) = split_port(host).ok_or_else(|| wrong("its port is no number"))?;
            match percent_decoded(path) {
                path if host.is_empty() || path.is_empty() => Err(wrong("it has no host or no path")),
                path => Ok(Address::Git { host, port: port.unwrap_or(9418), path: home(path) }),
            }
        }
        "ssh" | "git+ssh" | "ssh+git" => {
            let (host, port) = split_port(host).ok_or_else(|| wrong("its port is no number"))?;
            let user = login.map(|login| login.split(':').next().unwrap_or_default()).filter(|user| !user.is_empty());
            let destination =
                if host.is_empty() { host } else { user.map_or(host.clone(), |user| format!("{}@{host}", percent_decoded(user))) };
            ssh(destination, port, home(percent_decoded(path))).ok_or_else(|| wrong("it has no host or no path"))
        }
        other => Err(wrong(&format!("`{other}://` is not spoken"))),
    }
}

/// `None` where something is missing or would be taken for an option.
fn ssh(destination: String, port: Option<u16>, path: String) -> Option<Address> {
    let is_option = |text: &str| text.is_empty() || text.starts_with('-');
    let host = destination.rsplit('@').next().unwrap_or_default();
    (!is_option(&destination) && !is_option(host) && !is_option(&path)).then_some(Address::Ssh { destination, port, path })
}

/// `/~user/x` names a home directory of the server.
fn home(path: String) -> String {
    if path.starts_with("/~") { path[1..].to_owned() } else { path }
}

/// `[user@]host:path`: a colon before any slash, and brackets around the addresses of IPv6.
fn scp(url: &str) -> Option<(String, &str)> {
    let (user, rest) = match url.find(['@', '/', '[']) {
        Some(at) if url[at..].starts_with('@') => (&url[..=at], &url[at + 1..]),
        _ => ("", url),
    };
    if let Some((host, path)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        return Some((format!("{user}{host}"), path));
    }
    let (host, path) = rest.split_once(':')?;
    (!host.contains('/')).then(|| (format!("{user}{host}"), path))
}

/// A host and its port; `None` where the port is no number.
fn split_port(host: &str) -> Option<(String, Option<u16>)> {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => Some(port.parse().ok()?),
        None => None,
    };
    Some((percent_decoded(name), port))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn addresses_are_read_as_git_reads_them() {
        let git = |host: &str, port, path: &str| Address::Git { host: host.into(), port, path: path.into() };
        let ssh = |destination: &str, port, path: &str| Address::Ssh { destination: destination.into(), port, path: path.into() };
        let http = |base: &str, login: Option<(&str, Option<&str>)>| Address::Http {
            base: base.into(),
            login: login.map(|(name, password)| Login { username: name.into(), password: password.map(Into::into) }),
        };
        for (url, expect) in [
            ("git://host/a.git", git("host", 9418, "/a.git")),
            ("git://[::1]:77/~u/a", git("::1", 77, "~u/a")),
            ("ssh://git@host/a%20b", ssh("git@host", None, "/a b")),
            ("ssh://host:22/~/a", ssh("host", Some(22), "~/a")),
            ("git+ssh://u:secret@host/a", ssh("u@host", None, "/a")),
            ("git@host:group/a.git", ssh("git@host", None, "group/a.git")),
            ("host:/a", ssh("host", None, "/a")),
            ("u@[::1]:a", ssh("u@::1", None, "a")),
            ("https://host/a.git/", http("https://host/a.git", None)),
            ("HTTPS://t@host:8443/a", http("https://host:8443/a", Some(("t", None)))),
            ("http://u:p%40:q@host/a", http("http://host/a", Some(("u", Some("p@:q"))))),
            ("file:///a%20b", Address::Local("/a b".into())),
            ("/a/b", Address::Local("/a/b".into())),
            ("../b:c", Address::Local("/base/../b:c".into())),
        ] {
            assert_eq!(parse(url, Path::new("/base")).unwrap(), expect, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (url, problem) in [
            ("", "it is empty"),
            ("ext::sh -c x", "`ext::` would run a program of its own"),
            ("ftp://host/a", "`ftp://` is not spoken"),
            ("https:///a", "it has no host"),
            ("git://host", "it has no host or no path"),
            ("git://host:x/a", "its port is no number"),
            ("ssh://-oProxyCommand=x/a", "it has no host or no path"),
            ("ssh://u@-oProxyCommand=x/a", "it has no host or no path"),
            ("-oProxyCommand=x:a", "it has no host or no path"),
            ("host:-a", "it has no host or no path"),
            ("git://host/a\nhost=b", "it has a control character"),
        ] {
            let error = parse(url, Path::new("/base")).unwrap_err();
            assert!(matches!(&error, RemoteError::Address { problem: told, .. } if told == problem), "{url}: {error}");
        }
    }

    #[test]
    fn tokens_are_no_part_of_what_is_shown_or_kept() {
        let key = |url: &str| cache_key(&parse(url, Path::new("/")).unwrap());
        assert_eq!(key("https://ci:one@host/a"), key("https://other:two@host/a/"));
        assert_ne!(key("ssh://one@host/a"), key("ssh://other@host/a"));
        assert_eq!(shown("https://gitlab-ci-token:s3cret@host/a?t=s3cret"), "https://host/a");
        assert_eq!(shown("git@host:a"), "git@host:a");
    }
}
