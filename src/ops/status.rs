//! `werf status`: the release as it stands, and how each of its resources fares.

use std::fmt::Write;

use jiff::{RoundMode, SpanRound, Timestamp, Unit};
use serde_json::{Value, json};

use super::{KubeOptions, ProjectOptions, ReleaseOptions, Run, release, standing};
use crate::deploy::cluster::{self, ClusterError, DeployError, Standing};
use crate::deploy::resource::Owner;
use crate::error::{Error, Result};
use crate::event::Event;

/// What `status` is asked.
#[derive(Clone)]
pub struct Options {
    /// Print JSON.
    pub json: bool,
    /// Which project and commit.
    pub project: ProjectOptions,
    /// Which release.
    pub release: ReleaseOptions,
    /// Which cluster.
    pub kube: KubeOptions,
}

/// Reads the release and prints it.
pub async fn run(options: Options, run: Run) -> Result<String> {
    let (owner, _) = release::owner_alone(&options.project, &options.release, &run)?;
    let client = release::connect(&options.kube, &run).await?;
    let standing = read(&client, &owner, &run).await?;
    let resources: Vec<_> = standing.objects.iter().map(|object| object.resource.clone()).collect();
    let places = standing::places(&client, &standing::doors(&resources), &owner.namespace).await;
    Ok(match options.json {
        true => format!("{:#}\n", to_json(&standing, &places)),
        false => to_text(&standing, &places, Timestamp::now()),
    })
}

/// The release with its objects. Rights that are missing are told, and what they would show is not.
pub async fn read(client: &cluster::Client, owner: &Owner, run: &Run) -> Result<Standing> {
    let standing = cluster::standing(client, owner).await.map_err(|error| match error {
        DeployError::NoRelease { release, namespace } => Error::from(NotDeployed { release, namespace }),
        error => Error::new(error.kind(), error),
    })?;
    for error in &standing.refused {
        let help = match error {
            ClusterError::Forbidden { help, .. } => Some(help.clone()),
            _ => None,
        };
        run.events.emit(Event::Warned { message: format!("not all is seen: {error}"), help });
    }
    Ok(standing)
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("there is no release `{release}` in namespace `{namespace}`")]
#[diagnostic(help("`werf converge` deploys it; if it has another name, say which with `--env`, or with `--release` and `--namespace`"))]
struct NotDeployed {
    release: String,
    namespace: String,
}

fn to_text(standing: &Standing, places: &[String], now: Timestamp) -> String {
    let record = &standing.record;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<10} {value}\n"));
    line("Release", &record.name);
    line("Namespace", &record.namespace);
    line("Revision", &format!("{}, {}", record.revision, record.status.as_str()));
    if !record.description.is_empty() {
        line("", &record.description);
    }
    line("Deployed", &when(&record.last_deployed, now));
    line("Chart", &chart(standing));
    if !record.origin.commit.is_empty() {
        line("Commit", &record.origin.commit);
    }
    for (at, place) in places.iter().enumerate() {
        line(if at == 0 { "Reachable" } else { "" }, place);
    }
    if !standing.objects.is_empty() {
        text.push('\n');
    }
    let name = standing.objects.iter().map(|object| object.resource.id.to_string().chars().count()).max().unwrap_or_default();
    for object in &standing.objects {
        let (state, id) = (object.status.state.to_string(), object.resource.id.to_string());
        // writing to a text cannot fail
        let _ = writeln!(text, "{state:<11}  {id:<name$}  {}", object.status.message);
    }
    text
}

fn chart(standing: &Standing) -> String {
    let metadata = &standing.record.chart["metadata"];
    let part = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
    format!("{} {}", part("name"), part("version")).trim().to_owned()
}

/// A time of a record to the second, and how long ago it was.
fn when(time: &str, now: Timestamp) -> String {
    let Ok(at) = time.parse::<Timestamp>() else { return time.to_owned() };
    let largest = SpanRound::new().largest(Unit::Day).smallest(Unit::Second).mode(RoundMode::Trunc).days_are_24_hours();
    let Ok(ago) = (now - at).round(largest) else { return time.to_owned() };
    let parts = [(i64::from(ago.get_days()), "d"), (i64::from(ago.get_hours()), "h"), (ago.get_minutes(), "min"), (ago.get_seconds(), "s")];
    let from = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let told: Vec<String> = parts[from..].iter().take(2).map(|(count, unit)| format!("{} {unit}", (*count).max(0))).collect();
    format!("{}, {} ago", at.strftime("%Y-%m-%d %H:%M:%S UTC"), told.join(" "))
}

fn to_json(standing: &Standing, places: &[String]) -> Value {
    let record = &standing.record;
    let objects = standing.objects.iter().map(|object| {
        let id = &object.resource.id;
        json!({
            "apiVersion": id.gvk.api_version(),
            "kind": id.gvk.kind,
            "namespace": id.namespace,
            "name": id.name,
            "state": object.status.state.to_string(),
            "message": object.status.message,
        })
    });
    json!({
        "release": record.name,
        "namespace": record.namespace,
        "revision": record.revision,
        "status": record.status.as_str(),
        "description": record.description,
        "deployed": record.last_deployed,
        "chart": {"name": record.chart["metadata"]["name"], "version": record.chart["metadata"]["version"]},
        "commit": Some(&record.origin.commit).filter(|commit| !commit.is_empty()),
        "images": record.origin.images,
        "reachable": places,
        "resources": objects.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_with_their_distance() {
        let now: Timestamp = "2026-11-28T00:10:05Z".parse().unwrap();
        for (time, expect) in [
            ("2026-11-28T00:10:04.123Z", "2026-11-28 00:10:04 UTC, 0 s ago"),
            ("2026-11-28T01:09:00.5+01:00", "2026-11-28 00:09:00 UTC, 1 min 4 s ago"),
            ("2026-11-25T20:10:05Z", "2026-11-25 20:10:05 UTC, 2 d 4 h ago"),
            ("2026-11-28T00:20:05Z", "2026-11-28 00:20:05 UTC, 0 s ago"),
            ("not a time", "not a time"),
        ] {
            assert_eq!(when(time, now), expect);
        }
    }
}
