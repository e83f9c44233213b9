//! Triggers (`ONBUILD`) of the base images of Dockerfiles.
//!
//! What triggers copy of the context is an input of the image, but which triggers a base has is known to its registry alone. So a name is
//! made without them. Where a build finds that a base has triggers that read the context, an empty index that notes them is published
//! under that name, and the image itself under the name that includes what they see. A run that finds the image asks nothing
//! more; one that finds the note reads it, and projects without such bases never ask.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Run;
use super::images::Images;
use super::project::Project;
use crate::error::Result;
use crate::event::Event;
use crate::images::dockerfile::triggers_read;
use crate::registry::{self, Client, Descriptor, Reference};

/// Triggers by the base's reference as written.
pub type Triggers = BTreeMap<String, Vec<String>>;

/// The annotation that notes triggers, as JSON.
const ANNOTATION: &str = "werf.io/triggers";

/// Does the work with the triggers that are known, none at first, until it finds no more: each time names are made anew.
pub async fn settled<T>(mut work: impl AsyncFnMut(&Triggers) -> Result<Settling<T>>) -> Result<T> {
    let mut known = Triggers::new();
    loop {
        match work(&known).await? {
            Settling::Done(done) => return Ok(done),
            Settling::Found(found) => known.extend(found),
        }
    }
}

/// What work comes to that depends on triggers.
pub enum Settling<T> {
    /// It is done.
    Done(T),
    /// It found triggers that it did not know.
    Found(Triggers),
}

impl<T> Settling<T> {
    /// What was done where no triggers were found.
    pub fn of(done: T, found: Triggers) -> Self {
        if found.is_empty() { Settling::Done(done) } else { Settling::Found(found) }
    }
}

/// The triggers that are noted under an image's name; `None` where the image itself is there.
pub async fn noted(client: &Client, reference: &Reference, found: &Descriptor) -> Result<Option<Triggers>> {
    if found.media_type != registry::OCI_INDEX {
        return Ok(None);
    }
    let manifest = client.manifest(reference).await?;
    let document: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
    Ok(document["annotations"][ANNOTATION].as_str().and_then(of_annotation))
}

/// The triggers that an image's labels or an index's annotations note.
pub fn in_labels(labels: &BTreeMap<String, String>) -> Option<Triggers> {
    labels.get(ANNOTATION).and_then(|text| of_annotation(text))
}

fn of_annotation(text: &str) -> Option<Triggers> {
    serde_json::from_str(text).ok()
}

/// Notes triggers of bases that the names of these images do not know yet, and gives them.
pub async fn note(images: &Images, project: &Project, client: &Client, missing: &BTreeSet<String>, run: &Run) -> Result<Triggers> {
    let built_on = |name: &String| {
        let node = images.tree.node(name)?;
        let bases = node.dockerfile()?.bases.iter().filter(|base| base.built_on).map(|base| base.reference.clone());
        Some((name.clone(), bases.collect::<BTreeSet<String>>()))
    };
    let users: BTreeMap<String, BTreeSet<String>> = missing.iter().filter_map(built_on).collect();
    let references: BTreeSet<(&String, _)> =
        users.iter().flat_map(|(name, bases)| bases.iter().map(|base| (base, images.platform(name)))).collect();
    let mut asking: FuturesUnordered<_> = references
        .into_iter()
        .map(|(written, platform)| async move {
            // What is wrong with a base is told by the build.
            let reference = Reference::parse(written).ok()?;
            let config = client.base_config(&reference, &platform).await;
            Some((written.clone(), config.map(|(_, config)| lines(&config.json)).ok()))
        })
        .collect();
    let mut found = Triggers::new();
    while let Some(answer) = asking.next().await {
        match answer {
            Some((written, Some(lines))) if triggers_read(&lines) && images.tree.looked_up().triggers.get(&written) != Some(&lines) => {
                found.insert(written, lines);
            }
            Some((written, None)) => run.events.emit(Event::Warned {
                message: format!("whether `{written}` has triggers (ONBUILD) is not known: its registry does not tell"),
                help: Some("what triggers copy of the context is then no part of the image's name".into()),
            }),
            _ => {}
        }
    }
    for (name, bases) in &users {
        let mut own = images.tree.looked_up().triggers.clone();
        own.extend(found.iter().map(|(base, lines)| (base.clone(), lines.clone())));
        own.retain(|base, _| bases.contains(base));
        if bases.iter().any(|base| found.contains_key(base))
            && let Some(reference) = images.plain_reference(name)
        {
            client.put_new(&reference, registry::OCI_INDEX, index(project, name, &own).to_string().as_bytes()).await?;
        }
    }
    Ok(found)
}

/// `OnBuild` of an image's configuration.
fn lines(config: &Value) -> Vec<String> {
    let lines = config["config"]["OnBuild"].as_array().into_iter().flatten();
    lines.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// An index without images that notes triggers, with what labels tell of an image.
fn index(project: &Project, image: &str, triggers: &Triggers) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": registry::OCI_INDEX,
        "manifests": [],
        "annotations": {
            ANNOTATION: json!(triggers).to_string(),
            "werf": project.config.meta.project,
            "werf.io/image": image,
            "werf-project-repo-commit": project.commit.id.to_string(),
            registry::CREATED: Timestamp::now().to_string(),
        },
    })
}
