//! The checked meta document of werf.yaml: project, deploy, cleanup and build defaults.

use std::time::Duration;

/// The document that has `configVersion`.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// `project`: checked against `^(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])$`, at most 50 bytes.
    pub project: String,
    /// `build`.
    pub build: BuildDefaults,
    /// `deploy`.
    pub deploy: Deploy,
    /// `cleanup`.
    pub cleanup: Cleanup,
    /// `gitWorktree`.
    pub git_worktree: GitWorktree,
}

/// `gitWorktree`: what may be fetched before cleanup looks at the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GitWorktree {
    /// `gitWorktree.forceShallowClone`: a shallow clone is taken as it is.
    pub force_shallow_clone: bool,
    /// `gitWorktree.allowUnshallow`.
    pub allow_unshallow: bool,
    /// `gitWorktree.allowFetchOriginBranchesAndTags`.
    pub allow_fetch: bool,
}

impl Default for GitWorktree {
    fn default() -> Self {
        GitWorktree { force_shallow_clone: false, allow_unshallow: true, allow_fetch: true }
    }
}

/// `build`: defaults for every image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildDefaults {
    /// `build.cacheVersion`.
    pub cache_version: Option<String>,
    /// `build.platform`; empty means `linux/amd64`.
    pub platform: Vec<String>,
    /// `build.imageSpec`.
    pub image_spec: Option<super::image::ImageSpec>,
}

/// `deploy`. Templates in release and namespace names use `[[ ]]` and are not yet rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Deploy {
    /// `deploy.helmChartDir`, `.helm` by default.
    pub helm_chart_dir: String,
    /// `deploy.helmChartConfig.appVersion`.
    pub app_version: Option<String>,
    /// `deploy.helmRelease`.
    pub helm_release: Option<String>,
    /// `deploy.helmReleaseSlug`, true by default.
    pub helm_release_slug: bool,
    /// `deploy.namespace`.
    pub namespace: Option<String>,
    /// `deploy.namespaceSlug`, true by default.
    pub namespace_slug: bool,
}

impl Default for Deploy {
    fn default() -> Self {
        Deploy {
            helm_chart_dir: ".helm".into(),
            app_version: None,
            helm_release: None,
            helm_release_slug: true,
            namespace: None,
            namespace_slug: true,
        }
    }
}

/// `cleanup`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cleanup {
    /// `cleanup.disable`.
    pub disable: bool,
    /// `cleanup.disableKubernetesBasedPolicy`.
    pub disable_kubernetes_based_policy: bool,
    /// `cleanup.disableGitHistoryBasedPolicy`.
    pub disable_git_history_based_policy: bool,
    /// `cleanup.disableBuiltWithinLastNHoursPolicy`.
    pub disable_built_within_last_n_hours_policy: bool,
    /// `cleanup.keepImagesBuiltWithinLastNHours`, 2 h by default.
    pub keep_images_built_within: Duration,
    /// `cleanup.keepPolicies`; werf's defaults where the key is absent (reference: werf.md §5).
    pub keep_policies: Vec<KeepPolicy>,
}

impl Default for Cleanup {
    fn default() -> Self {
        Cleanup {
            disable: false,
            disable_kubernetes_based_policy: false,
            disable_git_history_based_policy: false,
            disable_built_within_last_n_hours_policy: false,
            keep_images_built_within: Duration::from_secs(2 * 3600),
            keep_policies: default_keep_policies(),
        }
    }
}

/// What werf keeps where `keepPolicies` is absent: the last 10 tags; of the last 10 branches that moved within a week, 2 images of
/// that week; of the usual long-lived branches, 10 images.
pub fn default_keep_policies() -> Vec<KeepPolicy> {
    let week = Some(Duration::from_secs(168 * 3600));
    let limit = |last, within| Limit { last, within, operator: Operator::And };
    let policy = |kind, pattern: &str, references, images| KeepPolicy {
        references: References { kind, pattern: pattern.to_owned(), limit: references },
        images,
    };
    vec![
        policy(ReferenceKind::Tag, "/.*/", limit(Some(10), None), limit(Some(1), None)),
        policy(ReferenceKind::Branch, "/.*/", limit(Some(10), week), limit(Some(2), week)),
        policy(ReferenceKind::Branch, "/^(main|master|staging|production)$/", limit(None, None), limit(Some(10), None)),
    ]
}

/// One of `cleanup.keepPolicies`.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepPolicy {
    /// Which references.
    pub references: References,
    /// Which images of each reference.
    pub images: Limit,
}

/// `references`: a kind, a name pattern and a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct References {
    /// Branches or tags.
    pub kind: ReferenceKind,
    /// `/re/` is a regular expression anchored at both ends, everything else an exact name; kept as written.
    pub pattern: String,
    /// `limit`.
    pub limit: Limit,
}

/// Branch or tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// `branch`: refs/remotes/origin/*.
    Branch,
    /// `tag`.
    Tag,
}

/// `last`, `in` and `operator`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// `last`: `None` is unlimited, 0 keeps none.
    pub last: Option<u32>,
    /// `in`: age.
    pub within: Option<Duration>,
    /// How the two combine; `And` by default.
    pub operator: Operator,
}

/// How `last` and `in` combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Both must hold.
    And,
    /// One is enough.
    Or,
}
