//! `werf logs`: what the containers of the release print.

use miette::Diagnostic;
use serde_json::Value;
use thiserror::Error as ThisError;

use super::{KubeOptions, ProjectOptions, ReleaseOptions, Run, release, status};
use crate::deploy::cluster::{self, Origin, Standee};
use crate::deploy::resource::{LogOptions, Resource};
use crate::error::{Error, Result};
use crate::event::{Event, Events, Facts};
use crate::kinds;

/// What `logs` is asked.
#[derive(Clone)]
pub struct Options {
    /// Images of werf.yaml and resources as `Kind/name`; all where empty.
    pub of: Vec<String>,
    /// Go on with what is written.
    pub follow: bool,
    /// How many of the lines that are there are shown of each container; all with [`u64::MAX`].
    pub tail: u64,
    /// Which project and commit.
    pub project: ProjectOptions,
    /// Which release.
    pub release: ReleaseOptions,
    /// Which cluster.
    pub kube: KubeOptions,
}

/// Prints the lines, each with its pod and container before it.
pub async fn run(options: Options, print: impl Fn(&str), run: Run) -> Result<()> {
    let (owner, _) = release::owner_alone(&options.project, &options.release, &run)?;
    let client = release::connect(&options.kube, &run).await?;
    let standing = status::read(&client, &owner, &run).await?;
    let chosen = choose(standing.objects, &standing.record.origin, &options.of, &owner.release)?;
    let (events, facts) = Events::channel();
    let read = async {
        match options.follow {
            false => cluster::last_logs(&client, &chosen, options.tail, &events).await,
            true => {
                let resources: Vec<Resource> = chosen.into_iter().map(|object| object.resource).collect();
                cluster::follow_logs(&client, &resources, options.tail, &events).await.map_err(|error| Error::new(error.kind(), error))?;
            }
        }
        drop(events);
        Ok(())
    };
    let (read, ()) = futures::future::join(read, pass_on(facts, print, &run.events)).await;
    read
}

/// Lines of containers are data; what else is told goes where all of it goes.
async fn pass_on(mut facts: Facts, print: impl Fn(&str), events: &Events) {
    while let Some(event) = facts.recv().await {
        match event {
            Event::PodPrinted { pod, container, line, .. } => print(&format!("{pod}/{container} │ {line}\n")),
            event => events.emit(event),
        }
    }
}

/// The objects that are asked for, each with the containers that are.
fn choose(objects: Vec<Standee>, origin: &Origin, of: &[String], release: &str) -> Result<Vec<Standee>> {
    let all: Vec<Standee> = objects.into_iter().filter(|object| cluster::has_pods(&object.resource)).collect();
    for name in of {
        if !all.iter().any(|object| containers(&object.resource, origin, name).is_some()) {
            let resources = all.iter().map(|object| format!("`{}`", object.resource.id)).collect();
            let images = origin.images.keys().filter(|name| !name.is_empty()).map(|name| format!("`{name}`")).collect();
            return Err(NoContainers { name: name.clone(), release: release.into(), known: known(images, resources) }.into());
        }
    }
    let chosen = all.into_iter().filter_map(|mut object| {
        let mut only = Vec::new();
        let mut is_whole = of.is_empty();
        for name in of {
            match containers(&object.resource, origin, name) {
                Some(some) if some.is_empty() => is_whole = true,
                Some(some) => only.extend(some),
                None => {}
            }
        }
        if !is_whole && only.is_empty() {
            return None;
        }
        let only_containers = if is_whole { Vec::new() } else { only };
        object.resource.steering.logs = LogOptions { only_containers, replicas: usize::MAX, ..LogOptions::default() };
        Some(object)
    });
    Ok(chosen.collect())
}

/// The containers of a resource that a name of the command line means; an empty list stands for all of them. `Kind/name` is a resource.
/// Any other name is that of an image, else that of a container.
fn containers(resource: &Resource, origin: &Origin, name: &str) -> Option<Vec<String>> {
    if let Some((kind, name)) = name.split_once('/') {
        let row = resource.id.row();
        let is_kind = [&*resource.id.gvk.kind, row.plural].iter().any(|known| known.eq_ignore_ascii_case(kind));
        return (is_kind && resource.id.name == name).then(Vec::new);
    }
    let spec = kinds::pod_spec(&resource.object)?;
    let lists = ["initContainers", "containers"].into_iter().flat_map(|list| spec[list].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let wanted = origin.images.get(name);
    let fits = |container: &&Value| match wanted {
        Some(reference) => {
            let image = text(&container["image"]);
            image == *reference || image.strip_prefix(reference.as_str()).is_some_and(|rest| rest.starts_with('@'))
        }
        None => text(&container["name"]) == name,
    };
    let found: Vec<String> = lists.filter(fits).map(|container| text(&container["name"])).collect();
    (!found.is_empty()).then_some(found)
}

fn known(images: Vec<String>, resources: Vec<String>) -> String {
    let part = |what: &str, names: Vec<String>| if names.is_empty() { None } else { Some(format!("{what}: {}", names.join(", "))) };
    let parts: Vec<String> = [part("images", images), part("resources", resources)].into_iter().flatten().collect();
    if parts.is_empty() { "no resource of it has pods".into() } else { parts.join("; ") }
}

#[derive(Debug, ThisError, Diagnostic)]
#[error("release `{release}` has no containers of `{name}`")]
#[diagnostic(help("{known}"))]
struct NoContainers {
    name: String,
    release: String,
    known: String,
}
