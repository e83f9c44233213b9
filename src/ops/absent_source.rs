//! `COPY srcc`: a source that the context does not have, with the nearest name that it has.

use std::collections::BTreeSet;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

use crate::file_tree::{FileTree, ReadError};
use crate::images::buildkit::SolveError;
use crate::project::config::image::{Image, Recipe};
use crate::words::near;

/// A step that reads a file which is not there.
#[derive(Debug, Error, Diagnostic)]
#[error("image `{image}`: `{path}` is not in the build context")]
pub struct AbsentSource {
    image: String,
    path: String,
    #[source_code]
    source_code: Option<Arc<NamedSource<String>>>,
    #[label("this step")]
    span: Option<SourceSpan>,
    #[help]
    help: String,
}

/// What a failed step of a Dockerfile says of a source that is not in its context; `None` where it failed otherwise. `files` are those of
/// the project.
///
/// # Errors
/// Files that cannot be listed.
pub fn explained(error: &SolveError, image: &Image, files: &dyn FileTree) -> Result<Option<AbsentSource>, ReadError> {
    let (Recipe::Dockerfile(recipe), SolveError::Step { step, message, source_code, span, .. }) = (&image.recipe, error) else {
        return Ok(None);
    };
    let Some(path) = absent(step, message) else { return Ok(None) };
    let list = files.list(&recipe.context)?;
    let below = |path: &str| match recipe.context.as_str() {
        "" => Some(path.to_owned()),
        context => path.strip_prefix(context).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned),
    };
    let paths: Vec<String> = list.iter().filter_map(|entry| below(&entry.path)).collect();
    let place = match recipe.context.as_str() {
        "" => "the files of the commit".to_owned(),
        context => format!("`{context}` of the commit"),
    };
    let help = match nearest(path, &paths) {
        Near::Ignored => format!("it is among {place}, and the ignore file of the Dockerfile leaves it out"),
        Near::Name(near) => format!("did you mean `{near}`? The context is {place}, with what its ignore file leaves"),
        Near::None => format!("the context is {place}, with what its ignore file leaves; is it committed?"),
    };
    let (source_code, span) = (source_code.clone(), *span);
    Ok(Some(AbsentSource { image: image.name.clone(), path: path.to_owned(), source_code, span, help }))
}

/// The path that BuildKit looked for in the context. Another stage's files are not ours to know.
fn absent<'a>(step: &str, message: &'a str) -> Option<&'a str> {
    if step.contains("--from=") || step.contains("from=") && step.contains("--mount") {
        return None;
    }
    let path = message.strip_suffix(": not found")?.rsplit_once(": ")?.1;
    path.strip_prefix("\"/")?.strip_suffix('"').filter(|path| !path.is_empty())
}

enum Near {
    /// It is there.
    Ignored,
    /// A path that looks like it.
    Name(String),
    None,
}

/// Goes down the path as far as it is there, and looks for the next name.
fn nearest(path: &str, paths: &[String]) -> Near {
    let mut found = String::new();
    for part in path.split('/') {
        let inside = paths.iter().filter_map(|path| path.strip_prefix(found.as_str()));
        let names: BTreeSet<&str> = inside.filter_map(|rest| rest.split('/').next()).collect();
        if names.contains(part) {
            found = format!("{found}{part}/");
            continue;
        }
        return near::nearest(part, names).map_or(Near::None, |name| Near::Name(format!("{found}{name}")));
    }
    Near::Ignored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_taken_from_the_message() {
        let message = "failed to compute cache key: failed to calculate checksum of ref a::b: \"/a/srcc\": not found";
        assert_eq!(absent("[2/2] COPY a/srcc /app", message), Some("a/srcc"));
        assert_eq!(absent("[2/2] COPY --from=build /a/srcc /app", message), None);
        assert_eq!(absent("[2/2] RUN --mount=type=bind,from=build,source=/a/srcc x", message), None);
        assert_eq!(absent("[1/2] FROM r.io/a", "r.io/a: not found"), None);
    }

    #[test]
    fn the_nearest_name_is_looked_for_where_the_path_ends() {
        let paths = ["src/main.rs", "lib/web/index.html", "lib/wide"].map(str::to_owned);
        let near = |path: &str| match nearest(path, &paths) {
            Near::Ignored => "ignored".to_owned(),
            Near::Name(name) => name,
            Near::None => "none".to_owned(),
        };
        for (path, expect) in [
            ("srcc", "src"),
            ("src/man.rs", "src/main.rs"),
            ("lib/wbe", "lib/web"),
            ("lib/web/index.htm", "lib/web/index.html"),
            ("src", "ignored"),
            ("other", "none"),
            ("src/main.rs/x", "none"),
        ] {
            assert_eq!(near(path), expect, "{path}");
        }
    }
}
