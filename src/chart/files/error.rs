//! What can be wrong with a chart's files.

use miette::Diagnostic;

use super::ignore::BadRule;
use crate::file_tree::ReadError;
use crate::yaml::YamlError;

/// A chart could not be loaded.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ChartError {
    /// A file could not be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Read(#[from] ReadError),
    /// There are no files where the chart should be.
    #[error("there is no chart in `{dir}`")]
    #[diagnostic(help(
        "create `{dir}/templates` with the application's manifests, or name the chart's directory in `deploy.helmChartDir`"
    ))]
    NoChart {
        /// Directory in the tree.
        dir: String,
    },
    /// A chart without Chart.yaml, where one is needed.
    #[error("`{path}/Chart.yaml` is missing")]
    #[diagnostic(help("a chart is a directory with a Chart.yaml that has apiVersion, name and version"))]
    NoChartYaml {
        /// The chart's directory or archive.
        path: String,
    },
    /// A file that is no YAML.
    #[error("cannot load `{path}`")]
    Yaml {
        /// Path in the tree.
        path: String,
        /// Why.
        #[source]
        #[diagnostic_source]
        cause: TableError,
    },
    /// Chart.yaml says something that it may not.
    #[error("`{path}`: {problem}")]
    Metadata {
        /// Path in the tree.
        path: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        #[help]
        help: Option<String>,
    },
    /// An archive below `charts/` that cannot be unpacked, or may not be.
    #[error("`{path}` is no chart archive: {problem}")]
    #[diagnostic(help("a chart archive is what `helm package` makes: a gzipped tar whose one directory holds Chart.yaml"))]
    Archive {
        /// Path in the tree.
        path: String,
        /// Why.
        problem: String,
    },
    /// A file that is too large for a chart.
    #[error("chart file `{path}` has {size} bytes, more than the {limit} that a chart may hold")]
    #[diagnostic(help("leave it out with a line in `.helmignore`"))]
    TooLarge {
        /// Path in the tree.
        path: String,
        /// Bytes.
        size: usize,
        /// Bytes.
        limit: usize,
    },
    /// A link leads to a directory that it stands in.
    #[error("link `{path}` leads to `{target}`, which it lies in")]
    #[diagnostic(help("a chart's files cannot hold themselves: remove the link, or make it lead elsewhere"))]
    LinkInCircle {
        /// The link.
        path: String,
        /// The directory.
        target: String,
    },
    /// Links make many files of few.
    #[error("a chart has at most {files} files and {links} links to directories; `{path}` is one more")]
    #[diagnostic(help(
        "links to directories with links multiply their files: replace them by one directory, or leave files out with `.helmignore`"
    ))]
    TooMany {
        /// The path at which it was too much.
        path: String,
        /// How many files.
        files: usize,
        /// How many links.
        links: usize,
    },
    /// Charts inside of charts without end.
    #[error("chart `{path}` lies in more than {limit} others")]
    #[diagnostic(help("a chart's dependencies belong beside one another, into its own `charts/`"))]
    TooDeep {
        /// Path in the tree.
        path: String,
        /// How many charts may lie in one another.
        limit: usize,
    },
    /// `.helmignore` has a line that is no rule.
    #[error("`{path}` has a line that is no rule")]
    Ignore {
        /// Path in the tree.
        path: String,
        /// Why.
        #[source]
        cause: BadRule,
    },
}

/// A file that should hold a table of values.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum TableError {
    /// Not YAML.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Yaml(Box<YamlError>),
    /// YAML of another shape.
    #[error("a table of values is expected, this is {found}")]
    NotTable {
        /// What it is.
        found: &'static str,
    },
}
