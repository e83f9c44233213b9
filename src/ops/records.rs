//! Records for cleanup: which images were found at a commit whose files alone do not tell.
//!
//! An image has the commit that built it in its labels. A later commit that finds it leaves no trace, and need not: cleanup makes the same names
//! of the same files. Where names depend on more than the commit, a run that finds an image notes so beside it, once for image and commit.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};

use super::Run;
use super::images::Images;
use super::project::Project;
use crate::cleanup::Record;
use crate::event::Event;
use crate::project::giterminism::Mode;
use crate::registry::{self, Client, Reference, RegistryError, Tag};

/// Notes the images of some names, which were found at the project's commit, where the commit's files do not tell. What cannot be noted is no
/// reason to fail: it is told.
pub async fn leave(
    project: &Project,
    images: &Images,
    names: impl Iterator<Item = &str>,
    platform: Option<&str>,
    client: &Client,
    run: &Run,
) {
    if project.giterminism.mode() == Mode::Dev || project.more_than_the_commit(platform).is_none() {
        return;
    }
    let noted = names.filter_map(|name| Some((name, images.reference(name)?)));
    let mut noting: FuturesUnordered<_> = noted.map(|(name, image)| note(project, client, name, image)).collect();
    let mut failure = None;
    while let Some(noted) = noting.next().await {
        failure = noted.err().or(failure);
    }
    if let Some(error) = failure {
        run.events.emit(Event::Warned {
            message: format!("that this commit has these images is not noted for `werf cleanup`: {error}"),
            help: Some("give the account the right to push to the repository, or cleanup may not know who wants the images".into()),
        });
    }
}

async fn note(project: &Project, client: &Client, name: &str, image: Reference) -> Result<(), RegistryError> {
    let Some(record) = image.tag.as_ref().and_then(|tag| Record::new(project.commit.id, tag)) else { return Ok(()) };
    let Ok(tag) = Tag::parse(&record.tag()) else { return Ok(()) };
    let place = image.repository.with_tag(tag);
    if client.head(&place).await?.is_some() {
        return Ok(());
    }
    client.put_new(&place, registry::OCI_INDEX, document(project, name, &image).to_string().as_bytes()).await.map(drop)
}

/// An index without images that says for people and programs what its tag does.
fn document(project: &Project, name: &str, image: &Reference) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": registry::OCI_INDEX,
        "manifests": [],
        "annotations": {
            "werf": project.config.meta.project,
            "werf.io/image": name,
            "werf.io/found": image.tag.as_ref().map(Tag::as_str),
            "werf-project-repo-commit": project.commit.id.to_string(),
        },
    })
}
