//! What the user asked for, already read from flags and environment.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::chart::HelmCompat;
pub use crate::deploy::cluster::{Identity, Pem};
pub use crate::deploy::resource::Propagation;
pub use crate::registry::Proxies;
pub use crate::words::duration::parse as parse_duration;

/// Which project, which commit, which environment.
#[derive(Clone, Debug)]
pub struct ProjectOptions {
    /// Project directory; the current one where `None`.
    pub dir: Option<PathBuf>,
    /// Root of the Git work tree; found upwards where `None`.
    pub work_tree: Option<PathBuf>,
    /// Configuration file.
    pub config: Option<String>,
    /// Directory of included templates.
    pub config_templates_dir: Option<String>,
    /// Giterminism file.
    pub giterminism_config: Option<String>,
    /// Environment name.
    pub env: Option<String>,
    /// Overrides `project` of the configuration.
    pub project_name: Option<String>,
    /// Work on the files as they are now.
    pub dev: bool,
    /// Globs that `dev` leaves out.
    pub dev_ignore: Vec<String>,
    /// Giterminism's checks are off.
    pub loose_giterminism: bool,
    /// What is included of other repositories is as it is now, whatever the lock says.
    pub allow_includes_update: bool,
    /// Looks up a variable of the process.
    pub env_lookup: fn(&str) -> Option<String>,
    /// Images of the configuration count as not there.
    pub without_images: bool,
    /// Where the rendered configuration is written to.
    pub config_render_path: Option<PathBuf>,
    /// This user's cache directory.
    pub cache_dir: PathBuf,
    /// Keys for other repositories by ssh.
    pub ssh_keys: Vec<String>,
    /// Where charts come from.
    pub charts: ChartOptions,
}

/// Where charts of repositories and registries come from: Helm's files.
#[derive(Clone, Debug, Default)]
pub struct ChartOptions {
    /// repositories.yaml.
    pub repository_config: PathBuf,
    /// The directory of indexes.
    pub repository_cache: PathBuf,
    /// Helm's credentials for registries.
    pub registry_config: PathBuf,
    /// The directory of archives under their digests.
    pub archives: PathBuf,
    /// Indexes of added repositories are taken from the cache.
    pub skip_refresh: bool,
    /// Registries of charts are spoken to without TLS.
    pub insecure: bool,
    /// Any certificate of repositories and registries of charts is fine.
    pub skip_tls_verify: bool,
    /// What is between us and repositories.
    pub proxies: Proxies,
}

/// Where images are and how to talk to the registry.
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    /// Repository.
    pub repo: Option<String>,
    /// Where charts take images from, where that is another one.
    pub final_repo: Option<String>,
    /// Repositories that images are copied from instead of being built.
    pub secondary_repos: Vec<String>,
    /// The same, to which new images are copied too.
    pub cache_repos: Vec<String>,
    /// Where base images of docker.io are looked for first.
    pub mirrors: Vec<String>,
    /// Plain HTTP.
    pub insecure: bool,
    /// Any certificate.
    pub skip_tls_verify: bool,
    /// The Docker config.json.
    pub docker_config: Option<PathBuf>,
    /// Where credential helpers are looked for.
    pub path: OsString,
    /// What is between us and registries.
    pub proxies: Proxies,
}

impl RegistryOptions {
    /// Where charts take images from; `None` where nobody says where images are.
    pub fn deployed_repo(&self) -> Option<&str> {
        let repo = self.repo.as_deref()?;
        Some(self.final_repo.as_deref().unwrap_or(repo))
    }
}

/// Who builds and how.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// `unix://` or `tcp://`; embedded where `None`.
    pub buildkit_host: Option<String>,
    /// CA file.
    pub tls_ca: Option<PathBuf>,
    /// Client certificate file.
    pub tls_cert: Option<PathBuf>,
    /// Client key file.
    pub tls_key: Option<PathBuf>,
    /// Expected server name.
    pub tls_server_name: Option<String>,
    /// The buildkitd program for the embedded builder.
    pub buildkitd: Option<PathBuf>,
    /// Platform of all images instead of werf.yaml's.
    pub platform: Option<String>,
    /// Missing images are an error.
    pub require_built: bool,
    /// Images built at once.
    pub parallel: usize,
    /// Only final images, and what they are made of.
    pub final_only: bool,
    /// Where the report of the images goes.
    pub report: Option<PathBuf>,
    /// The report of an earlier build that says where images are: nothing is asked and built then.
    pub used_report: Option<PathBuf>,
    /// Further tags of final images, with shortcuts such as `%image%`.
    pub add_custom_tags: Vec<String>,
    /// The one of them that charts name.
    pub use_custom_tag: Option<String>,
    /// This user's cache directory.
    pub cache_dir: PathBuf,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// Where programs are looked for.
    pub path: OsString,
    /// The user's name, for /etc/subuid.
    pub user: Option<String>,
    /// The variables that the embedded builder sees.
    pub environment: Vec<(OsString, OsString)>,
}

/// Values for the chart, in the order given.
#[derive(Clone, Default)]
pub struct ValuesOptions {
    /// `--set`.
    pub set: Vec<String>,
    /// `--set-string`.
    pub set_string: Vec<String>,
    /// `--set-file`.
    pub set_file: Vec<String>,
    /// `--set-json`.
    pub set_json: Vec<String>,
    /// `--set-literal`.
    pub set_literal: Vec<String>,
    /// `--values`.
    pub values: Vec<String>,
    /// `--secret-values`.
    pub secret_values: Vec<String>,
    /// The chart's values.yaml is left out.
    pub disable_default_values: bool,
    /// The chart's secret-values.yaml is left out.
    pub disable_default_secret_values: bool,
    /// Secrets stay encrypted.
    pub ignore_secret_key: bool,
    /// Key in hex.
    pub secret_key: Option<String>,
    /// werf's directory in the user's home, for the global key file.
    pub werf_home: Option<PathBuf>,
    /// Charts are read and rendered as Helm 4 does, not as Helm 3.
    pub helm_4: bool,
    /// Clock and randomness of templates come from names and the commit.
    pub deterministic: bool,
    /// Templates may ask for names of hosts.
    pub allow_dns: bool,
    /// The chart gets the Docker configuration.
    pub docker_config: bool,
}

impl ValuesOptions {
    /// Which Helm's ways are followed.
    pub fn compat(&self) -> HelmCompat {
        HelmCompat::with_helm_4(self.helm_4)
    }
}

/// Which release, in which namespace; from werf.yaml where `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseOptions {
    /// Release name.
    pub release: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
}

/// Which cluster, and as whom.
#[derive(Clone, Default)]
pub struct KubeOptions {
    /// kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// kubeconfig in base64.
    pub kubeconfig_base64: Option<String>,
    /// Context.
    pub context: Option<String>,
    /// Cluster of the kubeconfig instead of the context's.
    pub cluster: Option<String>,
    /// User of the kubeconfig instead of the context's.
    pub user: Option<String>,
    /// Who asks.
    pub identity: Identity,
    /// API server's address.
    pub api_server: Option<String>,
    /// The certificate authority.
    pub ca: Option<Pem>,
    /// Proxy before the API server.
    pub proxy_url: Option<String>,
    /// Proxies of the environment.
    pub proxies: Proxies,
    /// Expected server name.
    pub tls_server_name: Option<String>,
    /// Any certificate.
    pub skip_tls_verify: bool,
    /// Requests at once.
    pub parallelism: Option<usize>,
    /// Longest time of one request.
    pub request_timeout: Option<Duration>,
    /// The user's home, for ~/.kube/config.
    pub home: Option<PathBuf>,
}

/// How the release is deployed.
#[derive(Clone, Debug)]
pub struct DeployOptions {
    /// Bring the last good release back on failure.
    pub auto_rollback: bool,
    /// Longest wait.
    pub timeout: Option<Duration>,
    /// Revisions kept.
    pub history_max: u32,
    /// Show containers' logs.
    pub pod_logs: bool,
    /// Print notes.
    pub notes: bool,
    /// Take over foreign resources.
    pub force_adoption: bool,
    /// Also the CRDs of the chart's crds directory.
    pub install_crds: bool,
    /// Make the release's namespace where it is not there.
    pub create_namespace: bool,
    /// Watch what nothing else waits for until it works.
    pub final_tracking: bool,
    /// What happens to dependents of deleted objects.
    pub propagation: Propagation,
}

/// Annotations and labels for every resource, as `name=value`.
#[derive(Clone, Debug, Default)]
pub struct MetadataOptions {
    /// Annotations.
    pub annotations: Vec<String>,
    /// Labels.
    pub labels: Vec<String>,
    /// Labels of the release's record.
    pub release_labels: Vec<String>,
    /// Annotations that `render` does not show.
    pub runtime_annotations: Vec<String>,
    /// Labels that `render` does not show.
    pub runtime_labels: Vec<String>,
}
