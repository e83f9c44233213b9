//! Hides what is secret before anything is printed.

use serde_json::Value;

use super::Change;
use crate::deploy::resource::{Resource, Sensitive, Step};

/// A change whose sensitive values are replaced: equal values by `***`, differing ones by marks that say only that they differ.
pub(super) fn masked(change: &Change, resource: &Resource) -> Change {
    let mut change = change.clone();
    let mut places = Vec::new();
    for object in [&change.before, &change.after].into_iter().flatten() {
        match &resource.steering.sensitive {
            Sensitive::Nothing => {}
            Sensitive::Whole if resource.id.row().is_secret => {
                for field in ["data", "stringData"] {
                    let keys = object[field].as_object().into_iter().flat_map(|map| map.keys());
                    places.extend(keys.map(|key| vec![Step::Key(field.into()), Step::Key(key.clone())]));
                }
                places.push(
                    ["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"]
                        .map(|key| Step::Key(key.into()))
                        .to_vec(),
                );
            }
            Sensitive::Whole => {
                let keys = object.as_object().into_iter().flat_map(|map| map.keys());
                let keys = keys.filter(|key| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata"));
                places.extend(keys.map(|key| vec![Step::Key(key.clone())]));
            }
            Sensitive::Paths(paths) => places.extend(paths.iter().flat_map(|path| path.places(object))),
        }
    }
    places.sort();
    places.dedup();
    for place in &places {
        hide(change.before.as_mut().and_then(|object| at(object, place)), change.after.as_mut().and_then(|object| at(object, place)));
    }
    change
}

fn at<'a>(value: &'a mut Value, place: &[Step]) -> Option<&'a mut Value> {
    place.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.as_object_mut()?.get_mut(key),
        Step::Index(index) => value.as_array_mut()?.get_mut(*index),
    })
}

fn hide(before: Option<&mut Value>, after: Option<&mut Value>) {
    match (before, after) {
        (Some(before), Some(after)) if before != after => {
            *before = "*** (before)".into();
            *after = "*** (after)".into();
        }
        (before, after) => before.into_iter().chain(after).for_each(|value| *value = "***".into()),
    }
}
