//! Paths as werf.yaml writes them.

use super::context::Context;
use crate::project::document::{Fields, Text};

/// A path of the project without `./`, `/` at the ends and doubled slashes: `/a//b/` and `./a/b` are `a/b`, `.` and `/` are empty. `..`
/// stays only where it leads out: `a/../b` is `b`.
pub(super) fn relative(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether a path leads out of where it begins.
fn leads_out(path: &str) -> bool {
    path.split('/').next() == Some("..")
}

/// A path that must stay in the `directory` that it is relative to.
pub(super) fn within(context: &Context<'_>, key: &str, text: &Text<'_>, directory: &str) -> String {
    let path = relative(&text.text);
    if leads_out(&path) {
        let message = format!("`{key}: {}` leads out of {directory}", text.text);
        context.sink.report(&text.node.span, message, "outside", Some(format!("write a path in {directory}")));
    }
    path
}

/// Whether a reference to an image says which: `alpine:3.22`, `app@sha256:…`; `localhost:5000/app` does not.
pub(super) fn has_tag_or_digest(reference: &str) -> bool {
    reference.contains('@') || reference.rsplit('/').next().unwrap_or(reference).contains(':')
}

/// An absolute path without a slash at its end.
pub(super) fn absolute(context: &Context<'_>, key: &str, text: &Text<'_>) -> Option<String> {
    if !text.text.starts_with('/') {
        let help = format!("for example `{key}: /{}`", relative(&text.text));
        context.sink.report(
            &text.node.span,
            format!("`{key}: {}` must be an absolute path", text.text),
            "does not begin with `/`",
            Some(help),
        );
        return None;
    }
    Some(format!("/{}", relative(&text.text)))
}

/// Globs that must stay below the directory they are relative to.
pub(super) fn globs(context: &Context<'_>, fields: &Fields<'_>, key: &'static str) -> Vec<String> {
    let check = |text: Text<'_>| {
        if text.text.starts_with('/') || leads_out(&relative(&text.text)) {
            let message = format!("`{}` in `{key}` must be relative and without `..`", text.text);
            context.sink.report(&text.node.span, message, "not a relative path", Some(format!("for example `{}`", inside(&text.text))));
            return None;
        }
        Some(relative(&text.text))
    };
    fields.texts(key).into_iter().filter_map(check).collect()
}

fn inside(path: &str) -> String {
    path.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect::<Vec<_>>().join("/")
}
