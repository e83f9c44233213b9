//! What every reader of a document is given.

use std::sync::Arc;

use super::image::Location;
use crate::project::document::Sink;
use crate::project::giterminism::Policy;
use crate::yaml::Node;

/// Asks whether a rule of giterminism holds.
pub(super) type Allows<'a> = dyn Fn(&dyn Fn(&Policy) -> bool) -> bool + 'a;

/// Where problems go and what is allowed.
pub(super) struct Context<'a> {
    /// Where problems go.
    pub sink: &'a Sink,
    /// The file's name for locations.
    pub file: Arc<str>,
    /// Whether a rule of giterminism holds.
    pub allows: &'a Allows<'a>,
}

impl Context<'_> {
    /// Where a node stands.
    pub fn at(&self, node: &Node) -> Location {
        Location { file: self.file.clone(), line: node.line, span: node.span.clone() }
    }

    /// Reports something that giterminism does not allow; `key` with `example` in werf-giterminism.yaml would.
    pub fn gate(&self, node: &Node, what: &str, rule: &dyn Fn(&Policy) -> bool, key: &str, example: &str) {
        if !(self.allows)(rule) {
            let message = format!("giterminism does not allow {what}");
            let help = format!(
                "it makes the result depend on more than the commit; if that is wanted, commit `{key}: {example}` in werf-giterminism.yaml"
            );
            self.sink.report(&node.span, message, "depends on more than the commit", Some(help));
        }
    }
}
