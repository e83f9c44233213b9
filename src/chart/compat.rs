//! Which Helm's behaviour is followed where the two differ.

/// The version of Helm whose ways are followed. Differences are the matter of the files that name this type.
///
/// | | Helm 3.22 | Helm 4.3 |
/// | --- | --- | --- |
/// | a chart's own null | stays where nobody sets the key | is dropped |
/// | values files | one document | several, merged |
/// | `--set-json '{…}'` | no key, so an error | a table |
/// | `.Chart` | a struct: an unknown field is an error | a map |
/// | `.Capabilities.KubeVersion.Version` | numbers only | with what follows them; printed without |
/// | webhook configurations | by name among unknown kinds | after everything known |
/// | documents | trimmed | white space at the end stays |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HelmCompat {
    /// Helm 3.22.
    #[default]
    Three,
    /// Helm 4.3.
    Four,
}

impl HelmCompat {
    /// Helm 4's ways where they are asked for.
    pub fn with_helm_4(is_wanted: bool) -> Self {
        if is_wanted { HelmCompat::Four } else { HelmCompat::Three }
    }
}
