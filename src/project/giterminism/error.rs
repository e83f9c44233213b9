//! What giterminism refuses.

use miette::Diagnostic;

use super::work_tree::Differing;
use crate::file_tree::{ReadError, shown};
use crate::project::document::Problem;

/// The run depends on more than the commit, or the rules about that cannot be read.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum GiterminismError {
    /// Files that the run reads differ between commit and work tree.
    #[error("the work tree differs from commit {commit} in {}:\n{}", count(.files), lines(.files))]
    Differs {
        /// Short commit id.
        commit: String,
        /// Each file with its difference, by path.
        files: Vec<Differing>,
        /// What to do.
        #[help]
        help: String,
    },
    /// `werf-giterminism.yaml` is wrong.
    #[error("{file} has {} problem{}", .problems.len(), if .problems.len() == 1 { "" } else { "s" })]
    Config {
        /// The file's name.
        file: String,
        /// Each problem with its place.
        #[related]
        problems: Vec<Problem>,
    },
    /// The file named by `--giterminism-config` is not in the commit.
    #[error("commit {commit} has no file `{file}`")]
    #[diagnostic(help("commit it, or pass the path of a committed file with `--giterminism-config`"))]
    NoConfig {
        /// Short commit id.
        commit: String,
        /// The file's name.
        file: String,
    },
    /// A file cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Read(#[from] ReadError),
}

/// The longest list of files in one message.
const SHOWN: usize = 20;

fn count(files: &[Differing]) -> String {
    match files.len() {
        1 => "1 file that this run reads".to_owned(),
        n => format!("{n} files that this run reads"),
    }
}

fn lines(files: &[Differing]) -> String {
    let mut lines: Vec<String> =
        files.iter().take(SHOWN).map(|(path, difference)| format!("  {}: {}", shown(path), difference.words())).collect();
    if files.len() > SHOWN {
        lines.push(format!("  and {} more", files.len() - SHOWN));
    }
    lines.join("\n")
}
