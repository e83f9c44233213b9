//! The user's credential helpers, asked by the program `git` (git-credential(1)).
//!
//! Only the configuration of the user counts: the program is pointed at the clone in the cache, whose own configuration names no helper.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::address::Login;
use crate::child_process;

/// How long a helper may take; some ask a server of their own.
const PATIENCE: Duration = Duration::from_secs(40);

/// How to ask.
#[derive(Clone, Debug)]
pub(super) struct Helpers {
    /// A Git directory without configuration of anyone.
    pub git_dir: PathBuf,
}

impl Helpers {
    /// A login for a URL; `None` where no helper has one, or there is no `git`.
    pub async fn fill(&self, base: &str, username: Option<&str>) -> Option<Login> {
        let output = self.run("fill", &description(base, username, None)?).await?;
        let value = |key: &str| output.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_owned()));
        Some(Login { username: value("username")?, password: Some(value("password")?) })
    }

    /// Tells the helpers that a login was right or wrong: they keep or forget it.
    pub async fn tell(&self, base: &str, login: &Login, was_right: bool) {
        if let Some(text) = description(base, Some(&login.username), login.password.as_deref()) {
            self.run(if was_right { "approve" } else { "reject" }, &text).await;
        }
    }

    async fn run(&self, action: &str, input: &str) -> Option<String> {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&self.git_dir).args(["-c", "credential.interactive=false", "credential", action]);
        command.env("GIT_TERMINAL_PROMPT", "0").kill_on_drop(true);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let output = child_process::asked(child, input.as_bytes(), PATIENCE).await.ok()??;
        if output.status.success() { String::from_utf8(output.stdout).ok() } else { None }
    }
}

/// The login that `~/.netrc` has for a URL's host, as curl reads it for Git. Definitions of macros end the reading. With `is_named` only an
/// entry that names the host counts.
pub(super) fn netrc(base: &str, text: &str, is_named: bool) -> Option<Login> {
    let rest = base.split_once("://")?.1;
    let host = rest.split(['/', ':']).next()?;
    let mut words =
        text.lines().map(|line| line.split_once('#').map_or(line, |(before, _)| if before.trim().is_empty() { "" } else { line }));
    let words: Vec<&str> = words.by_ref().flat_map(str::split_whitespace).take_while(|word| *word != "macdef").collect();
    let (mut is_meant, mut username, mut password) = (false, None, None);
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let value = words.get(at + 1).map(|value| (*value).to_owned());
        match *word {
            "machine" | "default" if is_meant => break,
            "machine" => is_meant = value.as_deref() == Some(host),
            "default" if is_named => break,
            "default" => is_meant = true,
            "login" if is_meant => username = value,
            "password" if is_meant => password = value,
            _ => {}
        }
        at += if *word == "default" { 1 } else { 2 };
    }
    Some(Login { username: username?, password: Some(password?) })
}

/// What the protocol of helpers calls a description; `None` for what would break its lines.
fn description(base: &str, username: Option<&str>, password: Option<&str>) -> Option<String> {
    let (protocol, rest) = base.split_once("://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let fields = [("protocol", Some(protocol)), ("host", Some(host)), ("path", Some(path)), ("username", username), ("password", password)];
    let mut text = String::new();
    for (key, value) in fields.into_iter().filter_map(|(key, value)| Some((key, value?))).filter(|(_, value)| !value.is_empty()) {
        if value.contains(['\n', '\r', '\0']) {
            return None;
        }
        text += &format!("{key}={value}\n");
    }
    Some(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_of_the_host_is_found_in_netrc() {
        const TEXT: &str = "# machine host login no password no\nmachine other login o password p\nmachine host\n  login ci\n  password t#ken\ndefault login d password e\n";
        let check = |url: &str, expect: (&str, &str)| {
            let login = netrc(url, TEXT, false).unwrap();
            assert_eq!((login.username.as_str(), login.password.as_deref()), (expect.0, Some(expect.1)), "{url}");
        };
        check("https://host:8443/a", ("ci", "t#ken"));
        check("http://other", ("o", "p"));
        check("https://third/a", ("d", "e"));
        assert_eq!(netrc("https://third/a", TEXT, true), None);
        assert!(netrc("https://host/a", TEXT, true).is_some());
        assert_eq!(netrc("https://host/a", "machine host login x", false), None);
        assert_eq!(netrc("https://host/a", "", false), None);
    }

    #[test]
    fn descriptions_cannot_be_broken() {
        let text = description("https://host:1/a/b", Some("u"), None);
        assert_eq!(text.as_deref(), Some("protocol=https\nhost=host:1\npath=a/b\nusername=u\n\n"));
        assert_eq!(description("https://host/a", Some("u\nhost=other"), None), None);
    }
}
