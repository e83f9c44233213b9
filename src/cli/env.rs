//! What the environment says: the variables of list flags, and those that other programs set.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::ui::fold::Folds;

/// What a completion script sets when it asks: the name of its shell.
pub const COMPLETE: &str = "COMPLETE";

/// A variable's text; empty counts as unset, as in werf.
pub fn text(name: &str) -> Option<String> {
    #[allow(clippy::disallowed_methods)] // the one place that reads the environment
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The first variable that is set.
pub fn first(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(name))
}

/// Every variable of the process, for `env` in werf.yaml (gated by giterminism); bytes that are no UTF-8 stand in the text as
/// `text_of_bytes` writes them.
pub fn lookup(name: &str) -> Option<String> {
    #[allow(clippy::disallowed_methods)] // the one place that reads the environment
    std::env::var_os(name).map(|value| crate::ops::text_of_bytes(value.as_bytes()).into_owned())
}

/// The variables whose names begin with `WERF_` and whose values are no UTF-8.
pub fn no_text_of_werf() -> Vec<String> {
    #[allow(clippy::disallowed_methods)] // the one place that reads the environment
    let all = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let mut names: Vec<String> =
        all.filter(|(name, value)| name.starts_with("WERF_") && value.to_str().is_none()).map(|(name, _)| name).collect();
    names.sort();
    names
}

/// All variables of the process; what is no UTF-8 in them is replaced.
pub fn all() -> crate::ops::ci_env::Environment {
    #[allow(clippy::disallowed_methods)] // the one place that reads the environment
    let variables = std::env::vars_os();
    variables.map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())).collect()
}

/// The values of a list flag: every `WERF_<NAME>_*` in the order of the names, then `given` (the flag, or `WERF_<NAME>`).
pub fn list(name: &str, given: Vec<String>) -> Vec<String> {
    let prefix = format!("WERF_{name}_");
    #[allow(clippy::disallowed_methods)] // the one place that reads the environment
    let mut named: Vec<(String, String)> =
        std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))).collect();
    named.retain(|(key, value)| key.starts_with(&prefix) && !value.is_empty() && !longer_flag(name, key));
    named.sort();
    named.into_iter().map(|(_, value)| value).chain(given).collect()
}

/// `WERF_SET_STRING_1` belongs to `--set-string`, not to `--set`.
fn longer_flag(name: &str, key: &str) -> bool {
    const LISTS: &[&str] =
        &["SET_STRING", "SET_FILE", "SET_JSON", "SET_LITERAL", "SET_ROOT_JSON", "SET_RUNTIME_JSON", "SET_DOCKER_CONFIG_JSON_VALUE"];
    LISTS.iter().any(|list| list.len() > name.len() && list.starts_with(name) && key.starts_with(&format!("WERF_{list}")))
}

/// The user's home directory.
pub fn home() -> Option<PathBuf> {
    text("HOME").map(PathBuf::from)
}

/// What `--home-dir` says.
static HOME_DIR: OnceLock<PathBuf> = OnceLock::new();

/// Takes the directory of `--home-dir`, which counts for all that asks later.
pub fn use_home_dir(dir: PathBuf) {
    // a second one does not come: the command line is read once
    let _ = HOME_DIR.set(dir);
}

/// werf 2's own directory, which may have the user's `global_secret_key`: `--home-dir` or `WERF_HOME`, else `~/.werf`.
pub fn werf_home() -> Option<PathBuf> {
    HOME_DIR.get().cloned().or_else(|| text("WERF_HOME").map(PathBuf::from)).or_else(|| home().map(|home| home.join(".werf")))
}

/// Where this user's caches of `werf` are: `--home-dir` or `WERF_HOME` (as in werf), else `$XDG_CACHE_HOME/werf`, else `~/.cache/werf`.
pub fn cache_dir() -> PathBuf {
    HOME_DIR
        .get()
        .cloned()
        .or_else(|| text("WERF_HOME").map(PathBuf::from))
        .or_else(|| text("XDG_CACHE_HOME").map(|dir| PathBuf::from(dir).join("werf")))
        .or_else(|| home().map(|home| home.join(".cache/werf")))
        .unwrap_or_else(|| instead_of_home().join("cache"))
}

/// Where files of this user go where there is no home: a directory of its own among the temporary files. What others may have put there is
/// never read, so that where the usual one is not ours alone it is a new one in each run.
fn instead_of_home() -> PathBuf {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| place_in(&std::env::temp_dir())).clone()
}

fn place_in(temporary: &Path) -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    let usual = temporary.join(format!("werf-{user}"));
    if crate::ops::own_directory(&usual).is_ok_and(|is_own| is_own) {
        return usual;
    }
    let fresh = temporary.join(format!("werf-{user}-{}", uuid::Uuid::new_v4().simple()));
    // where nothing can be made, whoever needs it says so
    let _ = crate::ops::own_directory(&fresh);
    fresh
}

/// Where Helm keeps its files: what `HELM_…_HOME` names, else `helm` below what the XDG variable names, else below a directory of the home.
fn helm_home(own: &str, xdg: &str, in_home: &str) -> PathBuf {
    let named = text(own).map(PathBuf::from);
    let by_xdg = || text(xdg).map(|dir| PathBuf::from(dir).join("helm"));
    named
        .or_else(by_xdg)
        .or_else(|| home().map(|home| home.join(in_home).join("helm")))
        .unwrap_or_else(|| instead_of_home().join(in_home).join("helm"))
}

/// Helm's files as its variables name them.
pub fn helm_files() -> crate::ops::ChartOptions {
    let config = helm_home("HELM_CONFIG_HOME", "XDG_CONFIG_HOME", ".config");
    let cache = helm_home("HELM_CACHE_HOME", "XDG_CACHE_HOME", ".cache");
    let file = |name: &str, default: PathBuf| text(name).map_or(default, PathBuf::from);
    crate::ops::ChartOptions {
        repository_config: file("HELM_REPOSITORY_CONFIG", config.join("repositories.yaml")),
        repository_cache: file("HELM_REPOSITORY_CACHE", cache.join("repository")),
        registry_config: file("HELM_REGISTRY_CONFIG", config.join("registry/config.json")),
        archives: cache_dir().join("charts"),
        skip_refresh: false,
        proxies: proxies(),
        insecure: false,
        skip_tls_verify: false,
    }
}

/// Where Helm's plugins are.
pub fn helm_plugins() -> Vec<PathBuf> {
    let default = || helm_home("HELM_DATA_HOME", "XDG_DATA_HOME", ".local/share").join("plugins");
    text("HELM_PLUGINS").map_or_else(|| vec![default()], |dirs| std::env::split_paths(&dirs).collect())
}

/// The CI system of the job, where its log has parts that fold.
pub fn folds() -> Option<Folds> {
    let is_set = |name: &str| text(name).is_some_and(|value| value == "true");
    match () {
        () if is_set("GITHUB_ACTIONS") => Some(Folds::GitHub),
        () if is_set("GITLAB_CI") => Some(Folds::GitLab),
        () => None,
    }
}

/// Docker's config.json: in `DOCKER_CONFIG`, else in `~/.docker`.
pub fn docker_config() -> Option<PathBuf> {
    let dir = text("DOCKER_CONFIG").map(PathBuf::from).or_else(|| home().map(|home| home.join(".docker")));
    dir.map(|dir| dir.join("config.json"))
}

/// The proxies of the system, as Go's programs read them; `ALL_PROXY` counts where theirs say nothing, as for curl and Git.
pub fn proxies() -> crate::ops::Proxies {
    let all = || first(&["ALL_PROXY", "all_proxy"]);
    // in a CGI program HTTP_PROXY is what a client says
    let http = if text("REQUEST_METHOD").is_some() { None } else { first(&["HTTP_PROXY", "http_proxy"]) };
    crate::ops::Proxies {
        http: http.or_else(all),
        https: first(&["HTTPS_PROXY", "https_proxy"]).or_else(all),
        direct: first(&["NO_PROXY", "no_proxy"]).unwrap_or_default(),
    }
}

/// GnuPG's file of public keys.
pub fn keyring() -> PathBuf {
    let named = text("GNUPGHOME").map(PathBuf::from);
    named.unwrap_or_else(|| home().unwrap_or_else(instead_of_home).join(".gnupg")).join("pubring.gpg")
}

/// Where a text that is a secret may be for a while: in memory where the system has a place for it, else with other temporary files.
pub fn private_dir() -> PathBuf {
    text("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_dir()).unwrap_or_else(std::env::temp_dir)
}

/// The variables that the embedded builder sees: where files are, how the network is reached, who vouches for servers. The command's other
/// variables may be secrets of its job, and the builder may outlive it.
pub fn of_builder() -> Vec<(OsString, OsString)> {
    const NAMES: [&str; 14] = [
        "HOME",
        "USER",
        "LANG",
        "TZ",
        "TMPDIR",
        "XDG_RUNTIME_DIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "GODEBUG",
        "DBUS_SESSION_BUS_ADDRESS",
    ];
    #[allow(clippy::disallowed_methods)] // the one place that reads the environment
    let all = std::env::vars_os();
    all.filter(|(name, _)| name.to_str().is_some_and(|name| NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)))).collect()
}

/// Where programs are looked for.
pub fn path() -> OsString {
    #[allow(clippy::disallowed_methods)] // the one place that reads the environment
    std::env::var_os("PATH").unwrap_or_default()
}

/// The variables whose names begin with `WERF_` and that are not empty, by name.
pub fn of_werf() -> Vec<(String, String)> {
    #[allow(clippy::disallowed_methods)] // the one place that reads the environment
    let all = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    let mut own: Vec<(String, String)> = all.filter(|(name, value)| name.starts_with("WERF_") && !value.is_empty()).collect();
    own.sort();
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_instead_of_the_home_is_nobody_elses() {
        let temporary = tempfile::tempdir().unwrap();
        let usual = place_in(temporary.path());
        assert_eq!(place_in(temporary.path()), usual, "it is found again");
        std::fs::remove_dir(&usual).unwrap();
        std::os::unix::fs::symlink("/", &usual).unwrap();
        let (one, other) = (place_in(temporary.path()), place_in(temporary.path()));
        assert!(one != usual && one != other && one.is_dir() && one.starts_with(temporary.path()), "{}", one.display());
    }
}
