//! Which images clusters use.

use std::collections::BTreeMap;

use miette::Diagnostic;
use thiserror::Error;

use super::Work;
use crate::cleanup::Use;
use crate::deploy::cluster;
use crate::error::Result;
use crate::event::Event;
use crate::ops::{KubeOptions, release};
use crate::registry::Reference;

/// How many kinds a warning names.
const NAMED: usize = 5;

/// What workloads use, of the cluster that is named or else of those of all contexts; `None` where no cluster is to be asked.
pub async fn of_clusters(work: &Work<'_>) -> Result<Option<Use>> {
    let (options, config) = (work.options, &work.config);
    if options.without_kube || config.disable_kubernetes_based_policy || config.disable {
        return Ok(None);
    }
    let contexts = match (&options.kube.context, &options.kube.api_server) {
        (None, None) => release::contexts(&options.kube, options.context_namespace_only).await?,
        _ => Vec::new(),
    };
    let clusters: Vec<KubeOptions> = match contexts.is_empty() {
        true => vec![options.kube.clone()],
        false => contexts.into_iter().map(|context| KubeOptions { context: Some(context), ..options.kube.clone() }).collect(),
    };
    let mut used: BTreeMap<String, String> = BTreeMap::new();
    for kube in clusters {
        let client = release::connect(&kube, work.run).await?;
        let mut namespaces = options.namespaces.clone();
        if options.context_namespace_only {
            namespaces = vec![client.default_namespace().to_owned()];
        }
        let which = match &kube.context {
            Some(context) => format!("the cluster of context `{context}`"),
            None => "the cluster".to_owned(),
        };
        let found = cluster::images_in_use(&client, &namespaces).await.map_err(|cause| NoCluster { which: which.clone(), cause })?;
        if !found.unseen.is_empty() {
            let mut kinds: Vec<String> = found.unseen.iter().take(NAMED).cloned().collect();
            if found.unseen.len() > NAMED {
                kinds.push(format!("{} more", found.unseen.len() - NAMED));
            }
            work.run.events.emit(Event::Warned {
                message: format!("{which} does not show {}: what only they use is not known to be used", kinds.join(", ")),
                help: Some("give the account the right to list them".into()),
            });
        }
        used.extend(found.images);
        for (digits, by) in found.digits {
            for repository in [&work.repository].into_iter().chain(&work.others.last) {
                used.entry(format!("{repository}:{digits}")).or_insert_with(|| by.clone());
                used.entry(format!("{repository}@sha256:{digits}")).or_insert_with(|| by.clone());
            }
        }
    }
    for (image, by) in used.clone() {
        // who uses a copy wants it made again where it is lost
        if let Ok(reference) = Reference::parse(&image)
            && Some(&reference.repository) == work.others.last.as_ref()
        {
            used.entry(Reference { repository: work.repository.clone(), ..reference }.to_string()).or_insert(by);
        }
    }
    Ok(Some(Use::new(used)))
}

#[derive(Debug, Error, Diagnostic)]
#[error("{which} does not tell which images it uses, so nothing was deleted")]
#[diagnostic(help(
    "give an account that may list workloads in all namespaces; `--scan-context-only` names the one context to ask; pass `--without-kube` if no cluster runs images of this repository"
))]
struct NoCluster {
    which: String,
    #[source]
    cause: cluster::ClusterError,
}
