//! What is doubtful in an image, told before anything is built.

use super::stage::{Dockerfile, Work};
use super::tree::Node;
use super::undeclared::undeclared;
use crate::file_tree::ReadError;

/// Something that works and is perhaps not what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The image.
    pub image: String,
    /// What is doubtful, a sentence without its end.
    pub problem: String,
    /// What to do about it, one or two sentences.
    pub help: String,
}

/// The doubts about an image: paths that its commands name and do not see, and content that its digest cannot hold.
///
/// # Errors
/// Files that cannot be read.
pub fn doubts(node: &Node) -> Result<Vec<Doubt>, ReadError> {
    let of = |problem, help| Doubt { image: node.name.clone(), problem, help };
    let undeclared = undeclared(node)?.into_iter().map(|found| of(found.problem(), found.help()));
    let dockerfiles = node.stages.iter().filter_map(|stage| match &stage.work {
        Work::Dockerfile(dockerfile) => Some(dockerfile),
        _ => None,
    });
    Ok(undeclared.chain(dockerfiles.flat_map(|dockerfile| unpinned(dockerfile)).map(|(problem, help)| of(problem, help))).collect())
}

/// Instructions of a Dockerfile that fetch what may change while the image's name stays.
fn unpinned(dockerfile: &Dockerfile) -> impl Iterator<Item = (String, String)> + '_ {
    dockerfile.unpinned.iter().map(|found| {
        let problem = format!(
            "`ADD {}` ({}, line {}) fetches what no checksum or commit fixes: the image keeps its name when that changes",
            found.source, dockerfile.path, found.line
        );
        let help = match found.is_git {
            true => "name a commit, with its 40 digits after `#`, or write `ADD --checksum=<commit>`".to_owned(),
            false => "write `ADD --checksum=sha256:…` with that of the content".to_owned(),
        };
        (problem, help)
    })
}
