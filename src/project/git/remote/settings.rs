//! What the user's own Git configuration says of remotes: `url.*.insteadOf`, `http.*`, `core.sshCommand` (git-config(1)).
//!
//! The configuration of the machine, of the user and of `GIT_CONFIG_*` counts. That of a clone counts for the server that it was cloned
//! from, and only what runs no program: CI systems put their tokens and authorities there. What a commit has is never configuration.

use std::path::Path;

use gix::bstr::ByteSlice;
use gix::config::File;
use gix::config::source::Kind;

use super::error::RemoteError;

/// The user's Git configuration.
pub struct Settings(File);

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Settings(***)")
    }
}

/// Keys of `http` in a clone's own configuration that say how its server is reached.
const REACH: [&str; 3] = ["sslVerify", "sslCAInfo", "proxy"];

/// Those that say who asks.
const CREDENTIALS: [&str; 3] = ["extraHeader", "sslCert", "sslKey"];

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

    /// These with what the configuration of a clone itself says of `http` and `url.*.insteadOf`: `config` is all that holds in the clone.
    /// What says who asks is left out unless it `is_own`: the clone's own server is asked for the clone's own repository. A clone at a
    /// `place` that belongs to somebody else counts where `safe.directory` names it.
    pub(super) fn with_clone(&self, config: &File, place: &Path, is_own: bool) -> Result<Self, RemoteError> {
        let is_safe = self.is_safe(place);
        let mut all = self.0.clone();
        let http: Vec<&str> = REACH.into_iter().chain(CREDENTIALS.into_iter().filter(|_| is_own)).collect();
        for section in config.sections() {
            let (header, meta) = (section.header(), section.meta());
            let keys: &[&str] = match header.name().to_string().to_ascii_lowercase().as_str() {
                "http" => &http,
                "url" => &["insteadOf"],
                _ => continue,
            };
            if meta.source.kind() != Kind::Repository || (meta.trust != gix::sec::Trust::Full && !is_safe) {
                continue;
            }
            let mut copy =
                all.new_section(header.name().to_string(), header.subsection_name().map(ToOwned::to_owned)).map_err(unreadable)?;
            for key in keys {
                for value in section.values(key) {
                    copy.push(key, Some(value.as_bstr())).map_err(unreadable)?;
                }
            }
        }
        Ok(Settings(all))
    }

    /// Whether the user trusts a directory of somebody else.
    fn is_safe(&self, place: &Path) -> bool {
        let named = self.0.strings("safe.directory").unwrap_or_default().into_iter().map(|value| value.to_string());
        // An empty one takes back all before it.
        named.fold(false, |is_safe, named| match named.strip_suffix("/*") {
            _ if named.is_empty() => false,
            _ if named == "*" => true,
            Some(above) => is_safe || place.starts_with(above),
            None => is_safe || place == Path::new(&named),
        })
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
        self.http_values(url, key).pop().map(|(_, value)| value)
    }

    /// All values of `http.<key>` for a URL, those of better fitting sections later. An empty one takes back all before it. With `is_named`
    /// only those of sections that name a URL.
    pub(super) fn http_all(&self, url: &str, key: &str, is_named: bool) -> Vec<String> {
        let mut values = self.http_values(url, key);
        if let Some(reset) = values.iter().rposition(|(_, value)| value.is_empty()) {
            values.drain(..=reset);
        }
        values.into_iter().filter(|(fit, _)| !is_named || *fit > 0).map(|(_, value)| value).collect()
    }

    fn http_values(&self, url: &str, key: &str) -> Vec<(usize, String)> {
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
        found
    }
}

fn unreadable(error: impl std::error::Error + 'static) -> RemoteError {
    RemoteError::Settings { problem: crate::net::Cause::of(&error).0 }
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
    use gix::bstr::BString;

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
            assert_eq!(settings.http_all(url, "extraHeader", false), headers, "{url}");
            assert!(!settings.http_all(url, "extraHeader", true).contains(&"A: 1".to_owned()), "{url}");
            assert_eq!(settings.http(url, "sslVerify").as_deref(), Some(verify), "{url}");
        }
    }

    #[test]
    fn of_a_clones_configuration_counts_what_runs_nothing() {
        let user = settings("[http]\n\textraHeader = A: 1\n");
        let meta = |kind| gix::config::file::Metadata::from(kind);
        let mut clone = File::new(meta(gix::config::Source::Local));
        for (name, key, value) in [
            ("http", "extraHeader", "B: 2"),
            ("http", "proxy", "http://proxy"),
            ("core", "sshCommand", "touch ran"),
            ("credential", "helper", "!touch ran"),
        ] {
            clone.new_section(name, None::<BString>).unwrap().push(key, Some(value.as_bytes().as_bstr())).unwrap();
        }
        let section = clone.new_section_with_meta("http", Some(BString::from("https://host")), meta(gix::config::Source::User));
        section.unwrap().push("extraHeader", Some(b"C: 3".as_bstr())).unwrap();
        for (is_own, headers) in [(true, &["A: 1", "B: 2"][..]), (false, &["A: 1"])] {
            let all = user.with_clone(&clone, Path::new("/app"), is_own).unwrap();
            assert_eq!(all.http_all("https://host/a", "extraHeader", false), headers);
            assert_eq!(all.http("https://host/a", "proxy").as_deref(), Some("http://proxy"));
            assert_eq!((all.string("core.sshCommand"), all.string("credential.helper")), (None, None));
        }
    }

    #[test]
    fn a_clone_of_somebody_else_counts_where_the_user_trusts_it() {
        let meta = gix::config::file::Metadata::from(gix::config::Source::Local).with(gix::sec::Trust::Reduced);
        let mut clone = File::new(gix::config::file::Metadata::api());
        let section = clone.new_section_with_meta("http", None::<BString>, meta);
        section.unwrap().push("extraHeader", Some(b"A: 1".as_bstr())).unwrap();
        for (safe, counts) in [
            ("", false),
            ("directory = *", true),
            ("directory = /srv/app", true),
            ("directory = /srv/*", true),
            ("directory = /srv", false),
            ("directory = *\n\tdirectory =", false),
        ] {
            let user = settings(&format!("[safe]\n\t{safe}\n"));
            let all = user.with_clone(&clone, Path::new("/srv/app"), true).unwrap();
            assert_eq!(all.http_all("https://host/a", "extraHeader", false).len(), usize::from(counts), "{safe}");
        }
    }
}
