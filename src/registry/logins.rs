//! Logins that are kept: in Docker's `config.json`, or with the helper program that it names for the registry.
//!
//! The file is changed as Docker changes it, except that two who change it wait for one another, that nobody but its owner may read it
//! afterwards, and that what we know nothing of stays in it. Where a helper keeps the login, an empty entry stays in the file.

use std::path::Path;

use base64::Engine as _;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::credentials::{CredentialsError, RawConfig, Secret, docker_key, normal_key};
use super::helper;
use crate::private_file;

/// Keeps a login to a registry's host. `path` is that of a `config.json`, which need not be there.
pub async fn keep(path: &Path, host: &str, username: &str, password: &Secret) -> Result<(), CredentialsError> {
    let entry = match RawConfig::load(path)?.helper_for(host) {
        Some(helper) => {
            helper::store(helper, host, username, password).await?;
            json!({})
        }
        None => json!({"auth": base64::engine::general_purpose::STANDARD.encode(format!("{username}:{}", password.reveal()))}),
    };
    change(path, |config| with_entry(config, host, entry.clone()))
}

/// Forgets the login to a registry's host; that there is none is fine.
pub async fn forget(path: &Path, host: &str) -> Result<(), CredentialsError> {
    if let Some(helper) = RawConfig::load(path)?.helper_for(host) {
        helper::erase(helper, host).await?;
    }
    change(path, |config| without_entries(config, host))
}

/// Changes the file while nobody else does; does not touch it where nothing is to be changed.
fn change(path: &Path, edit: impl Fn(&mut Map<String, Value>)) -> Result<(), CredentialsError> {
    let path = &private_file::place(path);
    let changed = || -> Result<Option<String>, CredentialsError> {
        let before = RawConfig::load_whole(path)?;
        let mut after = before.clone();
        edit(&mut after);
        Ok((after != before || !private_file::is_private(path)).then(|| with_tabs(&after)))
    };
    if changed()?.is_none() {
        return Ok(());
    }
    let unwritable = |source| CredentialsError::Unwritable { path: path.clone(), source };
    let _lock = private_file::lock_directory(path.parent().unwrap_or(Path::new("."))).map_err(unwritable)?;
    match changed()? {
        Some(text) => private_file::write(path, text.as_bytes()).map_err(unwritable),
        None => Ok(()),
    }
}

/// One entry for a host, in place of all spellings of it.
fn with_entry(config: &mut Map<String, Value>, host: &str, entry: Value) {
    without_entries(config, host);
    let auths = config.entry("auths").or_insert(Value::Null);
    if !auths.is_object() {
        *auths = json!({});
    }
    auths[docker_key(host)] = entry;
}

fn without_entries(config: &mut Map<String, Value>, host: &str) {
    if let Some(Value::Object(auths)) = config.get_mut("auths") {
        auths.retain(|key, _| normal_key(key) != normal_key(host));
    }
}

/// JSON as Docker writes it.
fn with_tabs(config: &Map<String, Value>) -> String {
    let mut text = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut text, serde_json::ser::PrettyFormatter::with_indent(b"\t"));
    // a map of JSON values always has a JSON text
    let _ = config.serialize(&mut writer);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::registry::{Credentials, DockerConfig};

    async fn kept(before: Option<&str>, host: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("docker/config.json");
        if let Some(before) = before {
            fs::create_dir(dir.path().join("docker")).unwrap();
            fs::write(&path, before).unwrap();
        }
        keep(&path, host, "u", &Secret::new("p")).await.unwrap();
        (dir, path)
    }

    async fn found(path: &Path, host: &str) -> Credentials {
        DockerConfig::load(path).unwrap().credentials_for(host, false).await.unwrap()
    }

    fn basic(username: &str, password: &str) -> Credentials {
        Credentials::Basic { username: username.into(), password: Secret::new(password) }
    }

    #[tokio::test]
    async fn logins_come_and_go_and_leave_the_rest() {
        let before = r#"{"credsStore": "", "auths": {"a": {"auth": "YTpi"}}, "proxies": {"x": [1, 2.5, 18446744073709551615]}}"#;
        let (_dir, path) = kept(Some(before), "r.io:5000").await;
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\n\t\"auths\": {\n\t\t\"a\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t},\n\t\t\"r.io:5000\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t}\n\t},\n\t\"credsStore\": \"\",\n\t\"proxies\": {\n\t\t\"x\": [\n\t\t\t1,\n\t\t\t2.5,\n\t\t\t18446744073709551615\n\t\t]\n\t}\n}"
        );
        assert_eq!(found(&path, "r.io:5000").await, basic("u", "p"));
        forget(&path, "r.io:5000").await.unwrap();
        assert_eq!((found(&path, "r.io:5000").await, found(&path, "a").await), (Credentials::Anonymous, basic("a", "b")));
    }

    #[tokio::test]
    async fn there_is_one_login_for_all_spellings_of_a_host() {
        let before =
            r#"{"auths": {"https://a.io": {"auth": "broken"}, "http://a.io/v2/": {"auth": "eDp5"}, "a.io/team": {"auth": "eDp5"}}}"#;
        let (_dir, path) = kept(Some(before), "a.io").await;
        let config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(config, json!({"auths": {"a.io": {"auth": "dTpw"}, "a.io/team": {"auth": "eDp5"}}}));
        let (_dir, hub) = kept(None, "docker.io").await;
        assert_eq!(
            fs::read_to_string(&hub).unwrap(),
            "{\n\t\"auths\": {\n\t\t\"https://index.docker.io/v1/\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t}\n\t}\n}"
        );
        forget(&hub, "index.docker.io").await.unwrap();
        assert_eq!(fs::read_to_string(&hub).unwrap(), "{\n\t\"auths\": {}\n}");
    }

    #[tokio::test]
    async fn files_that_say_nothing_are_none() {
        for nothing in ["", " \n", "{}", r#"{"auths": null, "credHelpers": null, "credsStore": null}"#] {
            let (_dir, path) = kept(Some(nothing), "a.io").await;
            assert_eq!(found(&path, "a.io").await, basic("u", "p"), "{nothing}");
        }
    }

    #[tokio::test]
    async fn what_is_no_configuration_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        for wrong in ["[]", "{", r#"{"auths": 1}"#] {
            fs::write(&path, wrong).unwrap();
            let error = keep(&path, "a.io", "u", &Secret::new("p")).await.unwrap_err();
            assert!(matches!(error, CredentialsError::Malformed { .. }), "{wrong}");
            assert_eq!(fs::read_to_string(&path).unwrap(), wrong);
        }
    }

    #[tokio::test]
    async fn a_file_is_touched_only_where_something_changes() {
        let (_dir, path) = kept(None, "a.io").await;
        let as_it_was = path.with_file_name("as-it-was");
        fs::hard_link(&path, &as_it_was).unwrap();
        forget(&path, "b.io").await.unwrap();
        keep(&path, "a.io", "u", &Secret::new("p")).await.unwrap();
        fs::write(&as_it_was, "the same file").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "the same file");
    }

    #[test]
    fn logins_at_once_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        std::thread::scope(|scope| {
            for n in 0..16 {
                let path = &path;
                scope.spawn(move || change(path, |config| with_entry(config, &format!("{n}.io"), json!({}))).unwrap());
            }
        });
        let config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(config["auths"].as_object().map(Map::len), Some(16));
    }
}
