//! The names of an image document: `image`, or the old `artifact`.

use super::context::Context;
use super::image::{Location, NAMELESS};
use crate::yaml::Node;

/// Reads the names of the images that one document describes, with their places. As in werf 2 a name may be any text.
pub(super) fn read(context: &Context<'_>, document: &Node) -> Vec<(String, Location)> {
    let entries = document.as_mapping().unwrap_or_default();
    let key = |name: &str| entries.iter().find(|(key, _)| key.text() == Some(name));
    match (key("image"), key("artifact")) {
        (Some(_), Some((artifact, _))) => {
            let help = "keep `image`, and `final: false` if charts have no use for it".to_owned();
            context.sink.report(&artifact.span, "a document has both `image` and `artifact`", "one too many", Some(help));
            Vec::new()
        }
        (Some((key, value)), None) => images(context, key, value),
        (None, Some((key, value))) => artifact(context, key, value).into_iter().collect(),
        (None, None) => {
            if let Some((first, _)) = entries.first() {
                let help = "add `image: NAME`".to_owned();
                context.sink.report(&first.span, "an image has no `image`", "`image` is missing here", Some(help));
            }
            Vec::new()
        }
    }
}

fn images(context: &Context<'_>, key: &Node, value: &Node) -> Vec<(String, Location)> {
    if value.is_null() || value.as_str() == Some("") || value.as_str() == Some(NAMELESS) {
        let advice = "give the image a name (`image: app`), which charts use as `.Values.werf.image.app`";
        context.sink.advise(key, advice);
        return vec![(NAMELESS.to_owned(), context.at(value))];
    }
    let items = value.as_sequence().unwrap_or(std::slice::from_ref(value));
    items.iter().filter_map(|item| name(context, "image", item)).collect()
}

fn artifact(context: &Context<'_>, key: &Node, value: &Node) -> Option<(String, Location)> {
    let (name, at) = name(context, "artifact", value)?;
    context.sink.advise(key, format!("instead of `artifact: {name}` write `image: {name}` and `final: false`"));
    Some((name, at))
}

fn name(context: &Context<'_>, key: &str, item: &Node) -> Option<(String, Location)> {
    let (message, label, help) = match item.text().filter(|_| !item.is_null()) {
        Some(name) if !name.is_empty() && !name.contains(char::is_control) => return Some((name.to_owned(), context.at(item))),
        Some(name) => {
            let help = "write at least one character, and none that controls terminals".to_owned();
            (format!("`{}` is not a name for an image", name.escape_debug()), "not an image name", Some(help))
        }
        None if key == "image" => (format!("`image` must be a name or a list of names, not {}", item.kind()), "expected a name", None),
        None => (format!("`{key}` must be a name, not {}", item.kind()), "expected a name", None),
    };
    context.sink.report(&item.span, message, label, help);
    None
}
