//! What werf tells a chart about the project, the commit and the images: `.Values.werf`, `.Values.global.werf`, `.Values.global.env`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::chart::files::model::Values;

/// Everything that werf knows before anything is built.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceValues {
    /// `project` of werf.yaml.
    pub project: String,
    /// Version of this binary.
    pub version: String,
    /// `--repo`; empty without one.
    pub repo: String,
    /// The release's namespace.
    pub namespace: String,
    /// `--env`; empty without one.
    pub env: String,
    /// The commit that is deployed.
    pub commit: Option<Commit>,
    /// Final images by name.
    pub images: BTreeMap<String, ImageReference>,
    /// Whether the references are placeholders (`--stub-tags`, lint).
    pub is_stub: bool,
    /// Base64 of the Docker configuration (`--set-docker-config-json-value`).
    pub docker_config_json: Option<String>,
}

/// A commit for templates.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// Full hash.
    pub hash: String,
    /// The author's date in Go's notation, such as `2026-11-23 03:44:00 +0000 UTC`.
    pub date_human: String,
    /// The author's date in seconds.
    pub date_unix: i64,
}

/// Where an image is, or will be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageReference {
    /// `registry.example.org:5000/group/app`.
    pub repo: String,
    /// Tag.
    pub tag: String,
    /// `sha256:…`, where the image is published already. References of templates leave it out where it is absent.
    pub digest: Option<String>,
}

impl ImageReference {
    /// An image that is not known to be published: its digest is a stand-in, made of the tag, until [`ServiceValues::with_digests`] has it.
    pub fn to_be_published(repo: &str, tag: &str) -> Self {
        ImageReference { repo: repo.to_owned(), tag: tag.to_owned(), digest: Some(stand_in(tag)) }
    }

    /// The stand-in for an image that is not to be named.
    pub fn stub(repo: &str) -> Self {
        let repo = if repo.is_empty() { "REPO" } else { repo };
        ImageReference { repo: repo.to_owned(), tag: "TAG".into(), digest: None }
    }

    /// `repo:tag`.
    pub fn reference(&self) -> String {
        format!("{}:{}", self.repo, self.tag)
    }

    /// Registry, path without the last part, last part.
    fn parts(&self) -> (&str, &str, &str) {
        let (registry, path) = match self.repo.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => ("", self.repo.as_str()),
        };
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        (registry, namespace, name)
    }

    fn values(&self) -> Value {
        let (registry, namespace, name) = self.parts();
        let repository = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
        let digest = self.digest.clone().unwrap_or_default();
        let tag_digest = if digest.is_empty() { self.tag.clone() } else { format!("{}@{digest}", self.tag) };
        json!({
            "registry": registry,
            "namespace": namespace,
            "name": name,
            "tag": self.tag,
            "digest": digest,
            "tag_digest": tag_digest,
            "image": self.repo,
            "repository": repository,
            "ref": format!("{}:{tag_digest}", self.repo),
            "ref_tag": self.reference(),
            "repository_ref": format!("{repository}:{tag_digest}"),
            "repository_tag": format!("{repository}:{}", self.tag),
            "name_ref": format!("{name}:{tag_digest}"),
            "name_tag": format!("{name}:{}", self.tag),
        })
    }
}

/// What stands for the digest of an image that is not published yet.
pub(in crate::chart) fn stand_in(tag: &str) -> String {
    format!("sha256:{tag}")
}

impl ServiceValues {
    /// The same with the digests of published images, by name. An image that is not among them has none.
    pub fn with_digests(&self, digests: &BTreeMap<String, String>) -> Self {
        let images = self.images.iter().map(|(name, image)| {
            let digest = digests.get(name).cloned();
            (name.clone(), ImageReference { digest, ..image.clone() })
        });
        ServiceValues { images: images.collect(), ..self.clone() }
    }
}

/// The tables that go over the user's values.
pub fn tables(service: &ServiceValues) -> Values {
    let mut common = Map::from_iter([
        ("name".to_owned(), json!(service.project)),
        ("version".to_owned(), json!(service.version)),
        ("repo".to_owned(), json!(service.repo)),
    ]);
    if !service.namespace.is_empty() {
        common.insert("namespace".into(), json!(service.namespace));
    }
    if !service.env.is_empty() || service.is_stub {
        common.insert("env".into(), json!(service.env));
    }
    if let Some(commit) = &service.commit {
        let date = json!({ "human": commit.date_human, "unix": commit.date_unix });
        common.insert("commit".into(), json!({ "hash": commit.hash, "date": date }));
    }
    let of = |value: &dyn Fn(&ImageReference) -> Value| {
        Value::Object(
            service.images.iter().filter(|(name, _)| !name.is_empty()).map(|(name, image)| (name.clone(), value(image))).collect(),
        )
    };
    let mut werf = common.clone();
    werf.insert("image".into(), of(&|image| json!(image.reference())));
    werf.insert("tag".into(), of(&|image| json!(image.tag)));
    if let Some(nameless) = service.images.get("") {
        werf.insert("is_nameless_image".into(), json!(true));
        werf.insert("nameless_image".into(), json!(nameless.reference()));
    }
    if service.is_stub {
        werf.insert("is_stub".into(), json!(true));
        werf.insert("stub_image".into(), json!(ImageReference::stub(&service.repo).reference()));
    }
    let mut global_werf = common;
    global_werf.insert("images".into(), of(&ImageReference::values));
    let mut tables = Values::new();
    if let Some(config) = &service.docker_config_json {
        global_werf.insert("dockerconfigjson".into(), json!(config));
        tables.insert("dockerconfigjson".into(), json!(config));
    }
    let mut global = Map::from_iter([("werf".to_owned(), Value::Object(global_werf))]);
    if let Some(env) = werf.get("env") {
        global.insert("env".into(), env.clone());
    }
    tables.insert("werf".into(), Value::Object(werf));
    tables.insert("global".into(), Value::Object(global));
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_sees_the_project_and_its_images() {
        let image =
            ImageReference { repo: "registry.example.org:5000/group/app".into(), tag: "t1".into(), digest: Some("sha256:ab".into()) };
        let service = ServiceValues {
            project: "shop".into(),
            version: "0.1.0".into(),
            repo: image.repo.clone(),
            namespace: "shop-prod".into(),
            env: "prod".into(),
            commit: Some(Commit { hash: "abc".into(), date_human: "2026-11-23 03:44:00 +0000 UTC".into(), date_unix: 1_795_405_440 }),
            images: BTreeMap::from([("backend".to_owned(), image), (String::new(), ImageReference::stub(""))]),
            ..ServiceValues::default()
        };
        insta::assert_snapshot!(crate::yaml::emit(&Value::Object(tables(&service))), @r"
        global:
          env: prod
          werf:
            commit:
              date:
                human: 2026-11-23 03:44:00 +0000 UTC
                unix: 1795405440
              hash: abc
            env: prod
            images:
              backend:
                digest: sha256:ab
                image: registry.example.org:5000/group/app
                name: app
                name_ref: app:t1@sha256:ab
                name_tag: app:t1
                namespace: group
                ref: registry.example.org:5000/group/app:t1@sha256:ab
                ref_tag: registry.example.org:5000/group/app:t1
                registry: registry.example.org:5000
                repository: group/app
                repository_ref: group/app:t1@sha256:ab
                repository_tag: group/app:t1
                tag: t1
                tag_digest: t1@sha256:ab
            name: shop
            namespace: shop-prod
            repo: registry.example.org:5000/group/app
            version: 0.1.0
        werf:
          commit:
            date:
              human: 2026-11-23 03:44:00 +0000 UTC
              unix: 1795405440
            hash: abc
          env: prod
          image:
            backend: registry.example.org:5000/group/app:t1
          is_nameless_image: true
          name: shop
          nameless_image: REPO:TAG
          namespace: shop-prod
          repo: registry.example.org:5000/group/app
          tag:
            backend: t1
          version: 0.1.0
        ");
    }

    #[test]
    fn references_are_cut_into_parts() {
        for (repo, expected) in [
            ("app", ("", "", "app")),
            ("group/app", ("", "group", "app")),
            ("localhost/app", ("localhost", "", "app")),
            ("127.0.0.1:5000/a/b/c", ("127.0.0.1:5000", "a/b", "c")),
        ] {
            let image = ImageReference { repo: repo.into(), ..ImageReference::default() };
            assert_eq!(image.parts(), expected, "{repo}");
        }
    }
}
