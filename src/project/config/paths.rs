//! Paths as werf.yaml writes them.

use super::context::Context;
use crate::project::document::{Fields, Text};

/// A path of the project without `./`, `/` at the ends and doubled slashes: `/a//b/` and `./a/b` are `a/b`, `.` and `/` are empty.
pub(super) fn relative(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
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
        if text.text.starts_with('/') || text.text.split('/').any(|part| part == "..") {
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
