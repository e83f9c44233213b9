//! What the user's own Git configuration says of remotes: `url.*.insteadOf`, `http.*`, `core.sshCommand` (git-config(1)).
//!
//! The configuration of the machine, of the user and of `GIT_CONFIG_*` counts. That of a repository is never asked: it could run programs.

use gix::config::File;

use super::error::RemoteError;

/// The user's Git configuration.
pub struct Settings(File);

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Settings(***)")
    }
}

impl Settings {
    /// Reads the files and variables that Git reads outside of repositories.
    pub fn load() -> Result<Self, RemoteError> {
        let mut file = File::from_globals().map_err(unreadable)?;
        file.append(File::from_environment_overrides().map_err(unreadable)?).map_err(unreadable)?;
        Ok(Settings(file))
    }

    /// Reads a text instead.
    pub fn parse(text: &str) -> Result<Self, RemoteError> {
        text.parse().map(Settings).map_err(unreadable)
    }

    /// The URL that is used in place of one: of all `insteadOf` that it begins with, the longest is replaced.
    pub(super) fn rewritten(&self, url: &str) -> String {
        let mut best: Option<(String, String)> = None;
        for section in self.0.sections_by_name("url").into_iter().flatten() {
            let Some(base) = section.header().subsection_name() else { continue };
            for prefix in section.values("insteadOf") {
                let prefix = prefix.to_string();
                if url.starts_with(&prefix) && best.as_ref().is_none_or(|(longest, _)| prefix.len() > longest.len()) {
                    best = Some((prefix, base.to_string()));
                }
            }
        }
        best.map_or_else(|| url.to_owned(), |(prefix, base)| format!("{base}{}", &url[prefix.len()..]))
    }

    /// A value outside of `http`, such as `core.sshCommand`.
    pub(super) fn string(&self, key: &str) -> Option<String> {
        self.0.string(key).map(|value| value.to_string()).filter(|value| !value.is_empty())
    }

    /// The last value of `http.<key>` for a URL: of the section whose URL fits best.
    pub(super) fn http(&self, url: &str, key: &str) -> Option<String> {
        self.http_values(url, key).pop()
    }

    /// All values of `http.<key>` for a URL, those of better fitting sections later. An empty one takes back all before it.
    pub(super) fn http_all(&self, url: &str, key: &str) -> Vec<String> {
        let mut values = self.http_values(url, key);
        if let Some(reset) = values.iter().rposition(String::is_empty) {
            values.drain(..=reset);
        }
        values
    }

    fn http_values(&self, url: &str, key: &str) -> Vec<String> {
        let mut found: Vec<(usize, String)> = Vec::new();
        for section in self.0.sections_by_name("http").into_iter().flatten() {
            let fit = match section.header().subsection_name() {
                None => Some(0),
                Some(pattern) => fit(&pattern.to_string(), url),
            };
            if let Some(fit) = fit {
                found.extend(section.values(key).into_iter().map(|value| (fit, value.to_string())));
            }
        }
        found.sort_by_key(|(fit, _)| *fit);
        found.into_iter().map(|(_, value)| value).collect()
    }
}

fn unreadable(error: impl std::error::Error + 'static) -> RemoteError {
    RemoteError::Settings { problem: crate::transport::Cause::of(&error).0 }
}

/// How well the URL of a section fits: scheme, host (`*` is one part of it) and port are equal, and its path is one of whole parts.
/// Longer hosts fit better, then longer paths.
fn fit(pattern: &str, url: &str) -> Option<usize> {
    let (pattern, url) = (split(pattern)?, split(url)?);
    if pattern.scheme != url.scheme || pattern.port != url.port {
        return None;
    }
    let (wanted, host): (Vec<&str>, Vec<&str>) = (pattern.host.split('.').collect(), url.host.split('.').collect());
    let same = |(wanted, part): (&&str, &&str)| *wanted == "*" || wanted.eq_ignore_ascii_case(part);
    if wanted.len() != host.len() || !wanted.iter().zip(&host).all(same) {
        return None;
    }
    let path = pattern.path.trim_end_matches('/');
    let within = url.path == path || url.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
    within.then(|| 1 + pattern.host.len() * 10_000 + path.len())
}

struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    port: &'a str,
    path: &'a str,
}

fn split(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let default = if scheme == "https" { "443" } else { "80" };
    let (host, port) = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).unwrap_or((host, default));
    Some(Parts { scheme, host, port, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::parse(text).unwrap()
    }

    #[test]
    fn the_longest_instead_of_counts() {
        let settings = settings(
            "[url \"https://ci:token@host/\"]\n\tinsteadOf = git@host:\n\tinsteadOf = https://host/\n[url \"https://own/\"]\n\tinsteadOf = git@host:own/\n",
        );
        for (url, expect) in [
            ("git@host:a/b", "https://ci:token@host/a/b"),
            ("git@host:own/b", "https://own/b"),
            ("https://host/x", "https://ci:token@host/x"),
            ("https://other/x", "https://other/x"),
        ] {
            assert_eq!(settings.rewritten(url), expect);
        }
    }

    #[test]
    fn http_values_are_those_of_the_sections_that_fit() {
        let settings = settings(
            "[http]\n\textraHeader = A: 1\n\tsslVerify = true\n[http \"https://host/team\"]\n\textraHeader = B: 2\n[http \"https://host\"]\n\textraHeader = C: 3\n\tsslVerify = false\n[http \"https://*.wild\"]\n\textraHeader =\n",
        );
        for (url, headers, verify) in [
            ("https://host/team/a", &["A: 1", "C: 3", "B: 2"][..], "false"),
            ("https://host:443/teams", &["A: 1", "C: 3"], "false"),
            ("http://host/team", &["A: 1"], "true"),
            ("https://a.wild/x", &[], "true"),
            ("https://a.b.wild/x", &["A: 1"], "true"),
        ] {
            assert_eq!(settings.http_all(url, "extraHeader"), headers, "{url}");
            assert_eq!(settings.http(url, "sslVerify").as_deref(), Some(verify), "{url}");
        }
    }
}
