//! The text of a rendered chart, as Helm prints it.

use serde_json::Value;

use crate::chart::compat::HelmCompat;
use crate::chart::files::glob::PathPattern;
use crate::chart::manifests::manifest::{Hook, split};
use crate::chart::manifests::rendered::Rendered;
use crate::yaml::{self, YamlError};

/// Which parts [`print()`] writes.
#[derive(Clone, Debug, Default)]
pub struct PrintOptions {
    /// `--include-crds`.
    pub include_crds: bool,
    /// `--no-hooks`.
    pub no_hooks: bool,
    /// `--skip-tests`.
    pub skip_tests: bool,
}

impl PrintOptions {
    /// Whether a hook is printed.
    pub fn shows(&self, hook: &Hook) -> bool {
        let skipped = self.skip_tests && hook.is_test();
        !self.no_hooks && !skipped
    }
}

/// Prints what `helm template` prints: CRDs, manifests, hooks, each with its source.
///
/// # Errors
/// A CRD that is no UTF-8.
pub fn print(rendered: &Rendered, options: &PrintOptions) -> Result<String, YamlError> {
    Ok(with_hooks(&release_manifest(rendered, options.include_crds)?, rendered, options))
}

/// The same where CRDs and manifests have become another text.
pub fn with_hooks(manifests: &str, rendered: &Rendered, options: &PrintOptions) -> String {
    let mut out = manifests.trim().to_owned();
    out.push('\n');
    for hook in rendered.hooks.iter().filter(|hook| options.shows(hook)) {
        push(&mut out, &hook.manifest.path, &hook.manifest.text);
    }
    out
}

/// The documents of some templates only, of what is printed, as `helm template --show-only`. The error is a pattern that fits no template.
pub fn print_only(all: &str, compat: HelmCompat, patterns: &[String]) -> Result<String, String> {
    let documents = split(all, compat);
    let mut out = String::new();
    for pattern in patterns {
        let (before, parsed) = (out.len(), PathPattern::parse(pattern).ok());
        for document in &documents {
            let source = document.split("# Source: ").nth(1).and_then(|rest| rest.lines().next()).and_then(|path| path.split_once('/'));
            if source.is_some_and(|(_, path)| parsed.as_ref().is_some_and(|pattern| pattern.matches(path))) {
                out.push_str("---\n");
                out.push_str(document);
                out.push('\n');
            }
        }
        if out.len() == before {
            return Err(pattern.clone());
        }
    }
    Ok(out)
}

/// The `manifest` of a release record: every document but hooks, each with its source.
///
/// # Errors
/// A CRD that is no UTF-8.
pub fn release_manifest(rendered: &Rendered, include_crds: bool) -> Result<String, YamlError> {
    let mut out = String::new();
    for crd in rendered.crds(include_crds)? {
        push(&mut out, &crd.path, &crd.text);
    }
    for manifest in &rendered.manifests {
        push(&mut out, &manifest.path, &manifest.text);
    }
    Ok(out)
}

/// The objects of the files below `crds/`, each with its file. They are no templates and belong to no release.
pub fn definitions(rendered: &Rendered) -> Result<Vec<(String, Value)>, YamlError> {
    let mut objects = Vec::new();
    for file in rendered.crds(true)? {
        let named = |error: YamlError| error.with_name(&file.path);
        for document in yaml::parse_documents(&file.text).map_err(named)? {
            objects.push((file.path.clone(), yaml::to_json(&document).map_err(named)?));
        }
    }
    Ok(objects)
}

fn push(out: &mut String, path: &str, text: &str) {
    for part in ["---\n# Source: ", path, "\n", text, "\n"] {
        out.push_str(part);
    }
}
