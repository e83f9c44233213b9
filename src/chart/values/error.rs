//! What can be wrong with rendering a chart: with its values, its templates, and what they wrote.

use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode, SourceSpan};

use super::set::SetError;
use crate::chart::compat::HelmCompat;
use crate::chart::files::error::TableError;
use crate::file_tree::shown;
use crate::secret::SecretError;
use crate::template::{Failure, Origins, ParseError, Writer};

/// A chart could not be rendered.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RenderError {
    /// A file of `--values` is wrong.
    #[error("cannot read the values of `{file}`")]
    ValuesFile {
        /// Its name.
        file: String,
        /// Why.
        #[source]
        #[diagnostic_source]
        cause: TableError,
    },
    /// The files are too large together.
    #[error("chart `{chart}` renders to more than {limit} bytes")]
    #[diagnostic(help("a loop may be longer than meant; `--show-only` does not make it smaller, since all templates run"))]
    TooLarge {
        /// The chart.
        chart: String,
        /// Bytes.
        limit: usize,
    },
    /// A setting of the `--set` family is wrong.
    #[error("cannot read `{option} {setting}`")]
    #[diagnostic(help("a setting is a list of `path=value`, as in `--set image.tag=v1,replicas=2`; quote a comma as `\\,`"))]
    Set {
        /// Which option.
        option: &'static str,
        /// Its text.
        setting: String,
        /// Why.
        #[source]
        cause: SetError,
    },
    /// Encrypted values without a key.
    #[error("`{file}` is encrypted and there is no secret key")]
    #[diagnostic(help("set WERF_SECRET_KEY or put the key into .werf_secret_key; --ignore-secret-key renders without secret values"))]
    NoSecretKey {
        /// The encrypted file.
        file: String,
    },
    /// Encrypted values that cannot be decrypted.
    #[error("cannot decrypt `{file}`")]
    SecretValues {
        /// The encrypted file.
        file: String,
        /// Why.
        #[source]
        #[diagnostic_source]
        cause: SecretError,
    },
    /// A chart of Chart.yaml's dependencies is not below `charts/`.
    #[error("found in Chart.yaml, but missing in charts/ directory: {}", missing.join(", "))]
    #[diagnostic(help("put the charts below `charts/`: directories, or the archives that `werf helm dependency build` fetches"))]
    MissingDependencies {
        /// Their names.
        missing: Vec<String>,
    },
    /// A library chart has nothing to deploy.
    #[error("chart `{chart}` is a library: library charts are not installable")]
    Library {
        /// Its name.
        chart: String,
    },
    /// The chart wants another Kubernetes.
    #[error("chart requires kubeVersion: {constraint} which is incompatible with Kubernetes {version}")]
    #[diagnostic(help("the version is the cluster's; `werf render` asks none and takes it from `--kube-version`"))]
    KubeVersion {
        /// Chart.yaml's kubeVersion.
        constraint: String,
        /// The cluster's, or the assumed one.
        version: String,
    },
    /// A subchart's values are no table.
    #[error("values of subchart `{subchart}` in chart `{chart}` must be a table, they are {found}")]
    SubchartValues {
        /// The parent.
        chart: String,
        /// The subchart.
        subchart: String,
        /// What was found.
        found: &'static str,
    },
    /// The values break values.schema.json. The text is Helm's.
    #[error("values don't meet the specifications of the schema(s) in the following chart(s):\n{details}")]
    Schema {
        /// One block per chart.
        details: String,
        /// Where in the values, from the root.
        places: Vec<Vec<String>>,
        /// Which files and flags set them.
        #[help]
        help: Option<String>,
    },
    /// A file is no template.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Parse(Box<ParseError>),
    /// A template failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Execute(Box<Failure>),
    /// Rendered text that is no manifest.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(Box<ManifestError>),
    /// A file that has to be text is none.
    #[error("`{path}` is not UTF-8: line {line} has the byte {byte:#04x}")]
    #[diagnostic(help(
        "convert the file to UTF-8, as with `iconv -f latin1 -t utf-8`; what is no text belongs into a file that templates read with `.Files.Get`"
    ))]
    NotText {
        /// The user's path of the file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// The first byte that is no UTF-8.
        byte: u8,
    },
    /// A document that Helm 4's post-renderers cannot be given.
    #[error("{path} cannot be given to the post-renderer: {problem}")]
    #[diagnostic(help("with Helm 4's ways every document is annotated before the post-renderer reads it: it has to be a manifest"))]
    NotToPostRender {
        /// The template.
        path: String,
        /// Why.
        problem: String,
    },
    /// What a post-renderer of Helm 4 wrote is no manifests.
    #[error("the post-renderer wrote {problem}")]
    #[diagnostic(help("it has to write manifests to its standard output, separated by `---`"))]
    PostRendered {
        /// What it wrote.
        problem: String,
    },
    /// Several independent problems.
    #[error("{headline}")]
    Several {
        /// How many there are.
        headline: String,
        /// Each of them.
        #[related]
        problems: Vec<RenderError>,
    },
}

/// How many problems are told of at once.
const MAX_TOLD: usize = 10;

impl RenderError {
    /// What Helm says of it, where it has other words.
    pub fn helm_text(&self, compat: HelmCompat) -> Option<String> {
        match self {
            RenderError::Parse(error) => Some(error.helm_text()),
            RenderError::Execute(failure) if compat == HelmCompat::Four => Some(failure.error().helm4_text()),
            RenderError::Execute(failure) => Some(failure.error().helm_text()),
            // Helm stops at the first one
            RenderError::Several { problems, .. } => problems.first()?.helm_text(compat),
            _ => None,
        }
    }

    /// One error of at least one problem.
    pub(in crate::chart) fn together(mut problems: Vec<RenderError>) -> Self {
        match problems.len() {
            1 => problems.remove(0),
            count => {
                problems.truncate(MAX_TOLD);
                let more = if count > MAX_TOLD { format!(", the first {MAX_TOLD} of them") } else { String::new() };
                RenderError::Several { headline: format!("the chart has {count} problems{more}"), problems }
            }
        }
    }
}

/// A rendered document that is no YAML, or no manifest. Shows the line of the template that wrote it and then the text around it.
#[derive(Debug, thiserror::Error)]
#[error("YAML parse error on {}: {problem}", shown(path))]
pub struct ManifestError {
    /// The template: `chart/templates/web.yaml`.
    pub path: String,
    /// What is wrong; Helm's words where it is no YAML.
    pub problem: String,
    /// The rendered document.
    pub rendered: Excerpt,
    /// The place in the template, where it is known.
    pub template: Option<Excerpt>,
    /// What to do.
    pub help: Option<String>,
    /// Where the document begins in the rendered file.
    pub(in crate::chart) start: usize,
    /// Where in the document the place is.
    pub(in crate::chart) offset: usize,
    /// Bytes of the rendered file.
    pub(in crate::chart) file_length: usize,
}

/// A text with a place in it.
#[derive(Debug)]
pub struct Excerpt {
    /// The text and its name.
    pub text: NamedSource<String>,
    /// Where.
    pub at: SourceSpan,
    label: &'static str,
    /// Number of lines shown before that of the place.
    context: usize,
}

impl Excerpt {
    pub(in crate::chart) fn rendered(path: &str, text: &str, at: SourceSpan) -> Self {
        let text = NamedSource::new(format!("{path}, as rendered"), text.to_owned()).with_language("yaml");
        Excerpt { text, at, label: "in the rendered text", context: 3 }
    }

    /// The line of the place, without the space around it.
    fn line(&self) -> &str {
        let (before, after) = self.text.inner().split_at(self.at.offset().min(self.text.inner().len()));
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        self.text.inner()[start..before.len() + after.find('\n').unwrap_or(after.len())].trim()
    }

    /// The place, and the lines before it as marks without width.
    fn marks(&self) -> Vec<LabeledSpan> {
        let text = self.text.inner();
        let line_start = text[..self.at.offset().min(text.len())].rfind('\n').map_or(0, |at| at + 1);
        let before = text[..line_start].match_indices('\n').map(|(at, _)| at).rev().skip(1).map(|at| at + 1);
        let starts = before.chain([0].into_iter().filter(|_| line_start > 0)).take(self.context);
        let mut marks: Vec<LabeledSpan> = starts.map(|start| LabeledSpan::new(None, start, 0)).collect();
        marks.push(LabeledSpan::new_with_span(Some(self.label.to_owned()), self.at));
        marks
    }
}

impl std::fmt::Display for Excerpt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this is what it wrote")
    }
}

impl std::error::Error for Excerpt {}

impl Diagnostic for Excerpt {
    fn severity(&self) -> Option<Severity> {
        Some(Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.marks().into_iter()))
    }
}

impl Diagnostic for ManifestError {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.template.as_ref().unwrap_or(&self.rendered).source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.template.as_ref().unwrap_or(&self.rendered).labels()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        self.template.as_ref().map(|_| Box::new(std::iter::once(&self.rendered as &dyn Diagnostic)) as Box<dyn Iterator<Item = _>>)
    }
}

impl ManifestError {
    /// The failing byte of the rendered file, or the last one before it that prints something.
    pub(in crate::chart) fn visible_offset(&self, file: &str) -> usize {
        let at = (self.start + self.offset).min(file.len());
        let is_visible = |letter: char| !letter.is_whitespace();
        match file[at..].lines().next().is_some_and(|line| !line.trim().is_empty()) {
            true => at + file[at..].find(is_visible).unwrap_or(0),
            false => file[..at].rfind(is_visible).unwrap_or(at),
        }
    }

    /// Takes the places that wrote what is wrong, the outermost first.
    pub(in crate::chart) fn point_at(&mut self, writers: &[Writer], origins: &dyn Origins) {
        let Some((template, chain)) = template_of(writers, |name| Some(origins.path(name))) else { return };
        self.template = Some(template);
        let help: Vec<String> = self.help.take().into_iter().chain(chain).collect();
        self.help = (!help.is_empty()).then(|| help.join("\n"));
    }
}

/// The place of the innermost template that wrote something, and the chain of includes that led there.
fn template_of(writers: &[Writer], path: impl Fn(&str) -> Option<String>) -> Option<(Excerpt, Option<String>)> {
    let path = |writer: &Writer| path(writer.file()).unwrap_or_else(|| writer.file().to_owned());
    let (inner, outer) = writers.split_last()?;
    let (text, span) = inner.excerpt();
    let template = Excerpt { text: NamedSource::new(path(inner), text), at: span.into(), label: "wrote this", context: 0 };
    let lines: Vec<String> = outer.iter().rev().map(|writer| format!("included from {}:{}", path(writer), writer.line())).collect();
    Some((template, (!lines.is_empty()).then(|| lines.join("\n"))))
}

/// A place of a rendered document with the place of the template that wrote it.
#[derive(Debug)]
pub struct Written {
    /// The template.
    pub template: Excerpt,
    /// The document.
    pub rendered: Excerpt,
    /// The chain of includes that led there, a line each.
    pub chain: Option<String>,
}

impl Written {
    pub(in crate::chart) fn new(
        path: &str,
        document: &str,
        place: std::ops::Range<usize>,
        writers: &[Writer],
        user_path: impl Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        let (template, chain) = template_of(writers, user_path)?;
        Some(Written { template, rendered: Excerpt::rendered(path, document, place.into()), chain })
    }

    /// Whether the template says it as the document does, so that the latter tells nothing more.
    pub fn is_copied(&self) -> bool {
        self.template.line() == self.rendered.line()
    }
}
