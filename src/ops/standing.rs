//! What is told of a release that stands: where it is reached, and what may be typed next.

use serde_json::Value;

use super::ReleaseOptions;
use crate::deploy::cluster::{self, Client};
use crate::deploy::resource::Resource;
use crate::event::{Event, Events};
use crate::kinds;

/// How many objects are asked for the addresses that the cluster gave them.
const ASKED: usize = 20;

/// The objects of a release that say where it is reached.
pub fn doors(resources: &[Resource]) -> Vec<Resource> {
    resources.iter().filter(|resource| !resource.is_hook() && kinds::is_place(&resource.object)).cloned().collect()
}

/// Where a release is reached. A cluster that does not say it is no failure: the release stands.
pub async fn places(client: &Client, doors: &[Resource], namespace: &str) -> Vec<String> {
    let ids: Vec<_> = doors.iter().filter(|door| kinds::is_given_address(&door.object)).map(|door| &door.id).take(ASKED).collect();
    let asked = futures::future::join_all(ids.iter().map(|id| async move { (*id, cluster::get(client, id).await.ok().flatten()) })).await;
    let live = |door: &Resource| asked.iter().find(|(id, _)| **id == door.id).and_then(|(_, live)| live.clone());
    let objects: Vec<Value> = doors.iter().map(|door| live(door).unwrap_or_else(|| door.object.clone())).collect();
    kinds::places(&objects, namespace)
}

/// Tells where it is reached, and what may be typed next. `revision` is the one that was made.
pub async fn tell(client: &Client, doors: &[Resource], namespace: &str, next: &Next<'_>, revision: u32, events: &Events) {
    let places = places(client, doors, namespace).await;
    if !places.is_empty() {
        events.emit(Event::ApplicationReachable { places });
    }
    let commands = ["status", "logs", "rollback"].into_iter().filter(|command| *command != "rollback" || revision > 1);
    events.emit(Event::NextSteps { commands: commands.map(|command| next.command(command)).collect() });
}

/// What says to later commands which release it is.
pub struct Next<'a> {
    /// The environment.
    pub env: Option<&'a str>,
    /// Release and namespace, where they were given.
    pub release: &'a ReleaseOptions,
    /// The context of the kubeconfig, where it was given.
    pub context: Option<&'a str>,
}

impl Next<'_> {
    fn command(&self, name: &str) -> String {
        let flags = [
            ("env", self.env),
            ("release", self.release.release.as_deref()),
            ("namespace", self.release.namespace.as_deref()),
            ("kube-context", self.context),
        ];
        let given = flags.into_iter().filter_map(|(flag, value)| Some(format!(" --{flag} {}", in_shell(value?))));
        format!("werf {name}{}", given.collect::<String>())
    }
}

/// A value as a shell takes it for one word.
fn in_shell(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/@:".contains(c);
    match !value.is_empty() && value.chars().all(is_plain) {
        true => value.to_owned(),
        false => format!("'{}'", value.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_the_release_is_said_again() {
        let none = ReleaseOptions::default();
        let next = Next { env: None, release: &none, context: None };
        assert_eq!(next.command("logs"), "werf logs");
        let given = ReleaseOptions { release: Some("shop".into()), namespace: None };
        let next = Next { env: Some("review it's"), release: &given, context: Some("admin@kind") };
        assert_eq!(next.command("logs"), r"werf logs --env 'review it'\''s' --release shop --kube-context admin@kind");
    }
}
