//! What is asked of a Dockerfile.

use std::collections::BTreeMap;

/// What the caller knows of the build.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `target`: a stage's name; the last stage by default.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Target platform, `os/arch[/variant]`, if it is one and known.
    pub platform: Option<String>,
    /// Triggers (`OnBuild` of the configuration) of external bases whose configuration is known, by [`Base::reference`](super::Base::reference).
    pub triggers: BTreeMap<String, Vec<String>>,
}
