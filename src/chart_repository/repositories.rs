//! `repositories.yaml`: the repositories that a user has added, under their names. PURE.

use serde::{Deserialize, Serialize, Serializer};

use super::fetch::{Access, Login, TlsFiles};
use super::url;
use crate::registry::Secret;
use crate::yaml;

/// The file. Its first two fields are kept as they are.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Repositories {
    api_version: String,
    generated: String,
    /// In the order of their adding.
    pub repositories: Vec<Entry>,
}

impl Default for Repositories {
    fn default() -> Self {
        // what Helm writes into a file that it makes
        Repositories { api_version: String::new(), generated: "0001-01-01T00:00:00Z".into(), repositories: Vec::new() }
    }
}

/// One repository.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entry {
    /// What it is called here.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// User name; empty for none.
    pub username: String,
    /// Password.
    #[serde(deserialize_with = "hidden", serialize_with = "revealed")]
    pub password: Secret,
    /// Client certificate.
    pub cert_file: String,
    /// Its key.
    pub key_file: String,
    /// Authorities.
    #[serde(rename = "caFile")]
    pub ca_file: String,
    /// Any certificate of the server is fine.
    #[serde(rename = "insecure_skip_tls_verify")]
    pub skip_tls_verify: bool,
    /// Other hosts see the password too.
    #[serde(rename = "pass_credentials_all")]
    pub pass_credentials: bool,
}

fn hidden<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    Ok(Secret::new(Option::<String>::deserialize(from)?.unwrap_or_default()))
}

fn revealed<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.reveal())
}

impl Repositories {
    /// Reads the file's text. The error is the text of a problem.
    pub fn parse(text: &str) -> Result<Repositories, String> {
        let value = yaml::parse_json(text).map_err(|error| error.to_string())?;
        match value {
            serde_json::Value::Null => Ok(Repositories::default()),
            value => serde_json::from_value(value).map_err(|error| error.to_string()),
        }
    }

    /// The file's text.
    pub fn text(&self) -> String {
        yaml::emit(&serde_json::to_value(self).unwrap_or_default())
    }

    /// The repository of a name.
    pub fn by_name(&self, name: &str) -> Option<&Entry> {
        self.repositories.iter().find(|entry| entry.name == name)
    }

    /// The repository of a URL.
    pub fn by_url(&self, place: &str) -> Option<&Entry> {
        self.repositories.iter().find(|entry| url::same(&entry.url, place))
    }

    /// The repository below whose URL something stands.
    pub fn above(&self, place: &str) -> Option<&Entry> {
        self.repositories.iter().find(|entry| {
            let rest = place.strip_prefix(entry.url.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// The repository that a dependency names by `@name` or `alias:name`; the error is the name.
    pub fn by_alias<'a>(&self, repository: &'a str) -> Result<Option<&Entry>, &'a str> {
        match repository.strip_prefix('@').or_else(|| repository.strip_prefix("alias:")) {
            None => Ok(None),
            Some(name) => self.by_name(name).map(Some).ok_or(name),
        }
    }

    /// The names, for messages.
    pub fn names(&self) -> Vec<&str> {
        self.repositories.iter().map(|entry| entry.name.as_str()).collect()
    }

    /// Adds a repository or replaces that of the same name.
    pub fn put(&mut self, entry: Entry) {
        match self.repositories.iter_mut().find(|known| known.name == entry.name) {
            Some(known) => *known = entry,
            None => self.repositories.push(entry),
        }
    }
}

impl Entry {
    /// How it is spoken to.
    pub fn access(&self) -> Access {
        let file = |path: &str| Some(path).filter(|path| !path.is_empty()).map(Into::into);
        Access {
            login: (!self.username.is_empty()).then(|| Login { username: self.username.clone(), password: self.password.clone() }),
            everywhere: self.pass_credentials,
            tls: TlsFiles {
                authorities: file(&self.ca_file),
                certificate: file(&self.cert_file),
                key: file(&self.key_file),
                skip_verify: self.skip_tls_verify,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
apiVersion: \"\"
generated: \"0001-01-01T00:00:00Z\"
repositories:
- caFile: ca.pem
  certFile: \"\"
  insecure_skip_tls_verify: false
  keyFile: \"\"
  name: local
  pass_credentials_all: true
  password: secret
  url: http://127.0.0.1:1/charts
  username: me
";

    #[test]
    fn the_file_is_helms() {
        let file = Repositories::parse(TEXT).unwrap();
        assert_eq!(file.text(), TEXT);
        let mut made = Repositories::default();
        made.put(file.repositories[0].clone());
        made.put(file.repositories[0].clone());
        assert_eq!(made.text(), TEXT);
        assert!(!format!("{made:?}").contains("secret"));
        let old = "apiVersion: v1\nrepositories:\n- {name: a, url: https://a, password: ~}\n- {name: b, url: https://b/, extra: 1}\n";
        assert_eq!(Repositories::parse(old).unwrap().names(), ["a", "b"]);
        assert!(Repositories::parse("").unwrap().repositories.is_empty());
        assert!(Repositories::parse("repositories: 1").is_err());
    }

    #[test]
    fn repositories_are_found() {
        let file = Repositories::parse(TEXT).unwrap();
        let name = |entry: Option<&Entry>| entry.map(|entry| entry.name.clone());
        assert_eq!(name(file.by_url("http://127.0.0.1:1/charts/")).as_deref(), Some("local"));
        assert_eq!(name(file.above("http://127.0.0.1:1/charts/a-1.tgz")).as_deref(), Some("local"));
        assert_eq!(name(file.above("http://127.0.0.1:1/charts-of-others/a-1.tgz")), None);
        assert_eq!(file.by_alias("@local").map(name), Ok(Some("local".into())));
        assert_eq!(file.by_alias("alias:other").map(name), Err("other"));
        assert_eq!(file.by_alias("https://x").map(name), Ok(None));
    }
}
