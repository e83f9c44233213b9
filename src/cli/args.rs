//! Groups of flags that several commands share, and what they mean to operations.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::env;
use crate::ops;
use crate::ui::{ColorMode, Format, Look, Verbosity};

/// Which project, which commit, which environment.
#[derive(Debug, Args)]
#[command(next_help_heading = "Project")]
pub struct ProjectArgs {
    /// Project directory inside the Git repository; the current directory by default
    #[arg(long, env = "WERF_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Root of the Git work tree; found upwards from the project directory by default
    #[arg(long, env = "WERF_WORK_TREE", value_name = "DIR")]
    git_work_tree: Option<PathBuf>,
    /// Configuration file; werf.yaml, werf.yml or werf.yaml.j2 by default
    #[arg(long, env = "WERF_CONFIG", value_name = "FILE")]
    config: Option<String>,
    /// Directory of templates that the configuration may include; .werf by default
    #[arg(long, env = "WERF_CONFIG_TEMPLATES_DIR", value_name = "DIR")]
    config_templates_dir: Option<String>,
    /// Giterminism file; werf-giterminism.yaml by default
    #[arg(long, env = "WERF_GITERMINISM_CONFIG", value_name = "FILE")]
    giterminism_config: Option<String>,
    /// Environment name: `.Env` in werf.yaml, part of the release and namespace names
    #[arg(long, env = "WERF_ENV", value_name = "ENV")]
    env: Option<String>,
    /// Work on the files as they are now, committed or not
    #[arg(long, env = "WERF_DEV")]
    dev: bool,
    /// Paths that --dev leaves out (a glob; may be given many times)
    #[arg(long, env = "WERF_DEV_IGNORE", value_name = "GLOB")]
    dev_ignore: Vec<String>,
    /// Do not insist that everything comes from the commit
    #[arg(long, env = "WERF_LOOSE_GITERMINISM")]
    loose_giterminism: bool,
    /// Take what werf-includes.yaml names as it is now, whatever werf-includes.lock says; werf-giterminism.yaml must allow it
    // hidden: its long name would widen the column of flags in the help of every command
    #[arg(long, env = "WERF_ALLOW_INCLUDES_UPDATE", hide = true)]
    allow_includes_update: bool,
    /// Key for the Git repositories that werf.yaml and werf-includes.yaml name by ssh (may be given many times); ssh's own choice by default
    #[arg(long, env = "WERF_SSH_KEY", value_name = "FILE")]
    ssh_key: Vec<String>,
    /// Write the configuration as its templates render it to a file
    // werf 2 has no variable for it
    #[arg(long, value_name = "FILE", hide = true)]
    config_render_path: Option<PathBuf>,
    /// Directory of werf's caches; ~/.cache/werf by default
    #[arg(long, env = "WERF_HOME", value_name = "DIR", hide = true)]
    #[allow(dead_code, reason = "it is read where the command line is, for all that has caches")]
    home_dir: Option<PathBuf>,
    /// Where temporary files lie that a command makes; the system's directory for them by default
    #[arg(long, env = "WERF_TMP_DIR", value_name = "DIR", hide = true)]
    tmp_dir: Option<PathBuf>,
    /// Take the indexes of chart repositories from Helm's cache
    // hidden for the same reason
    #[arg(long, short = 'L', env = "WERF_SKIP_DEPENDENCIES_REPO_REFRESH", hide = true)]
    skip_dependencies_repo_refresh: bool,
}

impl ProjectArgs {
    /// Where temporary files are to be, if the user says it.
    pub fn tmp_dir(&self) -> Option<&Path> {
        self.tmp_dir.as_deref()
    }

    /// As operations take it.
    pub fn options(self) -> ops::ProjectOptions {
        ops::ProjectOptions {
            dir: self.dir,
            work_tree: self.git_work_tree,
            config: self.config,
            config_templates_dir: self.config_templates_dir,
            giterminism_config: self.giterminism_config,
            env: self.env.filter(|env| !env.is_empty()),
            project_name: env::text("WERF_PROJECT_NAME"),
            dev: self.dev,
            dev_ignore: env::list("DEV_IGNORE", self.dev_ignore),
            loose_giterminism: self.loose_giterminism,
            allow_includes_update: self.allow_includes_update,
            without_images: false,
            config_render_path: self.config_render_path,
            env_lookup: env::lookup,
            cache_dir: env::cache_dir(),
            ssh_keys: env::list("SSH_KEY", self.ssh_key),
            charts: ops::ChartOptions { skip_refresh: self.skip_dependencies_repo_refresh, ..env::helm_files() },
        }
    }
}

/// Where images are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub struct RepoArgs {
    /// Repository for the images, such as registry.example.org/team/app
    #[arg(long, env = "WERF_REPO", visible_alias = "docker-repo", value_name = "REPO")]
    repo: Option<String>,
    /// Repository that final images are copied to, and by which charts name them
    #[arg(long, env = "WERF_FINAL_REPO", value_name = "REPO")]
    final_repo: Option<String>,
    /// Repository that missing images are copied from, and new ones to, as far as it can be reached (may be given many times)
    #[arg(long, env = "WERF_CACHE_REPO", value_name = "REPO")]
    cache_repo: Vec<String>,
    /// Mirror of docker.io, where base images are looked for first (may be given many times)
    // hidden: its long name would widen the column of flags in the help of every command
    #[arg(long, env = "WERF_CONTAINER_REGISTRY_MIRROR", value_name = "HOST", hide = true)]
    container_registry_mirror: Vec<String>,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl RepoArgs {
    /// As operations take it.
    pub fn options(self) -> ops::RegistryOptions {
        ops::RegistryOptions {
            repo: self.repo.or_else(|| env::text("WERF_DOCKER_REPO")),
            final_repo: self.final_repo.filter(|repo| !repo.is_empty()),
            cache_repos: env::list("CACHE_REPO", self.cache_repo),
            mirrors: env::list("CONTAINER_REGISTRY_MIRROR", self.container_registry_mirror),
            ..self.registry.options()
        }
    }
}

/// Where images are, and where else they may be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub struct ReposArgs {
    #[command(flatten)]
    repo: RepoArgs,
    /// Repository that missing images are copied from, and that is only read (may be given many times)
    #[arg(long, env = "WERF_SECONDARY_REPO", value_name = "REPO")]
    secondary_repo: Vec<String>,
}

impl ReposArgs {
    /// As operations take it.
    pub fn options(self) -> ops::RegistryOptions {
        ops::RegistryOptions { secondary_repos: env::list("SECONDARY_REPO", self.secondary_repo), ..self.repo.options() }
    }
}

/// How registries are spoken to, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub struct RegistryArgs {
    /// Talk plain HTTP to the registry (loopback addresses always do)
    #[arg(long, env = "WERF_INSECURE_REGISTRY")]
    insecure_registry: bool,
    /// Accept any TLS certificate of the registry
    #[arg(long, env = "WERF_SKIP_TLS_VERIFY_REGISTRY")]
    skip_tls_verify_registry: bool,
    #[command(flatten)]
    config: DockerConfigArgs,
}

impl RegistryArgs {
    /// As operations take it; no repository is named.
    pub fn options(self) -> ops::RegistryOptions {
        ops::RegistryOptions {
            repo: None,
            final_repo: None,
            secondary_repos: Vec::new(),
            cache_repos: Vec::new(),
            mirrors: Vec::new(),
            insecure: self.insecure_registry,
            skip_tls_verify: self.skip_tls_verify_registry,
            docker_config: self.config.file(),
            path: env::path(),
            proxies: env::proxies(),
        }
    }
}

/// Where Docker's credentials are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub struct DockerConfigArgs {
    /// Directory of the Docker config.json with the registry's credentials; ~/.docker by default
    #[arg(long, env = "WERF_DOCKER_CONFIG", value_name = "DIR")]
    docker_config: Option<PathBuf>,
}

impl DockerConfigArgs {
    /// The config.json; `None` where there is no home either.
    pub fn file(self) -> Option<PathBuf> {
        self.docker_config.map(|dir| dir.join("config.json")).or_else(env::docker_config)
    }
}

/// Whether there are images.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build")]
pub struct WithoutImagesArgs {
    /// Take the images of werf.yaml as not there: none is built, and the chart has none
    #[arg(long, env = "WERF_WITHOUT_IMAGES")]
    without_images: bool,
}

impl WithoutImagesArgs {
    /// The project with or without them.
    pub fn of(self, project: ProjectArgs) -> ops::ProjectOptions {
        ops::ProjectOptions { without_images: self.without_images, ..project.options() }
    }
}

/// How charts of repositories and registries are had.
#[derive(Debug, Args)]
#[command(next_help_heading = "Chart")]
pub struct DependencyArgs {
    /// Talk plain HTTP to the registries of charts that Chart.yaml names
    // hidden: their long names would widen the column of flags in the help of every command
    #[arg(long, env = "WERF_INSECURE_HELM_DEPENDENCIES", hide = true)]
    insecure_helm_dependencies: bool,
    /// Accept any TLS certificate of the repositories and registries of charts that Chart.yaml names
    #[arg(long, env = "WERF_SKIP_TLS_VERIFY_HELM_DEPENDENCIES", hide = true)]
    skip_tls_verify_helm_dependencies: bool,
}

impl DependencyArgs {
    /// The project with charts that are had so.
    pub fn of(self, project: ops::ProjectOptions) -> ops::ProjectOptions {
        let charts = ops::ChartOptions {
            insecure: self.insecure_helm_dependencies,
            skip_tls_verify: self.skip_tls_verify_helm_dependencies,
            ..project.charts
        };
        ops::ProjectOptions { charts, ..project }
    }
}

/// What images are for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build")]
pub struct PlatformArgs {
    /// Platform of all images instead of werf.yaml's, such as linux/arm64; linux/amd64 where neither names one
    #[arg(long, env = "WERF_PLATFORM", value_name = "PLATFORM")]
    platform: Option<String>,
}

impl PlatformArgs {
    /// The platform that was asked for.
    pub fn platform(self) -> Option<String> {
        self.platform.or_else(|| env::text("DOCKER_DEFAULT_PLATFORM"))
    }
}

/// Who builds and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build")]
pub struct BuildArgs {
    /// Address of a buildkitd: unix:///path or tcp://host:port. None: a private one is started for the command
    #[arg(long, env = "WERF_BUILDKIT_HOST", value_name = "ADDRESS")]
    buildkit_host: Option<String>,
    /// CA certificate of a buildkitd over TLS
    #[arg(long, env = "WERF_BUILDKIT_TLS_CA", value_name = "FILE")]
    buildkit_tls_ca: Option<PathBuf>,
    /// Client certificate for a buildkitd over TLS
    #[arg(long, env = "WERF_BUILDKIT_TLS_CERT", value_name = "FILE")]
    buildkit_tls_cert: Option<PathBuf>,
    /// Key of the client certificate
    #[arg(long, env = "WERF_BUILDKIT_TLS_KEY", value_name = "FILE")]
    buildkit_tls_key: Option<PathBuf>,
    /// Name to expect in the certificate of a buildkitd over TLS
    #[arg(long, env = "WERF_BUILDKIT_TLS_SERVER_NAME", value_name = "NAME")]
    buildkit_tls_server_name: Option<String>,
    /// The buildkitd program to start; found beside werf or on PATH by default
    #[arg(long, env = "WERF_BUILDKITD", value_name = "FILE")]
    buildkitd: Option<PathBuf>,
    #[command(flatten)]
    platform: PlatformArgs,
    /// Fail where an image is not published yet, instead of building it
    #[arg(long, short = 'Z', env = "WERF_REQUIRE_BUILT_IMAGES", visible_alias = "check-built-images")]
    require_built_images: bool,
    /// Build several images at once; false builds one after another
    #[arg(long, short = 'p', env = "WERF_PARALLEL", value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set, value_parser = super::go_bool, hide_possible_values = true)]
    parallel: bool,
    /// Images that are built at once
    #[arg(long, env = "WERF_PARALLEL_TASKS_LIMIT", value_name = "N", default_value_t = 5, value_parser = whole::<usize>)]
    parallel_tasks_limit: usize,
    /// Only images that go to the chart
    #[arg(long, env = "WERF_FINAL_IMAGES_ONLY")]
    final_images_only: bool,
}

/// Further tags that images get.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build")]
pub struct AddCustomTagArgs {
    /// One more tag for each final image; %image%, %image_slug%, %image_safe_slug% and %image_content_based_tag% stand for its name and own
    /// tag (may be given many times)
    #[arg(long, env = "WERF_ADD_CUSTOM_TAG", value_name = "TAG")]
    add_custom_tag: Vec<String>,
}

impl AddCustomTagArgs {
    /// The tags.
    pub fn tags(self) -> Vec<String> {
        env::list("ADD_CUSTOM_TAG", self.add_custom_tag)
    }
}

/// The further tag that charts name.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build")]
pub struct UseCustomTagArgs {
    /// The tag by which charts name images, in place of the one that their content gives; as with --add-custom-tag
    #[arg(long, env = "WERF_USE_CUSTOM_TAG", value_name = "TAG")]
    use_custom_tag: Option<String>,
}

impl UseCustomTagArgs {
    /// The tag.
    pub fn tag(self) -> Option<String> {
        self.use_custom_tag.filter(|tag| !tag.is_empty())
    }
}

/// Whether a report of the images is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build")]
pub struct SaveBuildReportArgs {
    /// Write where images are to a report
    #[arg(long, env = "WERF_SAVE_BUILD_REPORT")]
    pub save_build_report: bool,
}

/// Where the report of the images is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build")]
pub struct BuildReportArgs {
    /// Where the report of images is, a .json file or an .env file
    #[arg(long, env = "WERF_BUILD_REPORT_PATH", value_name = "FILE", default_value = ".werf-build-report.json", value_parser = json_or_env_path)]
    pub build_report_path: PathBuf,
}

/// Whether a report says where images are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build")]
pub struct UseBuildReportArgs {
    /// Take where images are from the report of an earlier build: none is looked for or built
    #[arg(long, env = "WERF_USE_BUILD_REPORT")]
    use_build_report: bool,
    #[command(flatten)]
    report: BuildReportArgs,
}

impl UseBuildReportArgs {
    /// Where a report is or goes.
    pub fn path(&self) -> &Path {
        &self.report.build_report_path
    }

    /// The report that is used.
    pub fn used(self) -> Option<PathBuf> {
        self.use_build_report.then_some(self.report.build_report_path)
    }
}

impl BuildArgs {
    /// As operations take it.
    pub fn options(self) -> ops::BuildOptions {
        ops::BuildOptions {
            buildkit_host: self.buildkit_host.or_else(|| env::text("BUILDKIT_HOST")),
            tls_ca: self.buildkit_tls_ca,
            tls_cert: self.buildkit_tls_cert,
            tls_key: self.buildkit_tls_key,
            tls_server_name: self.buildkit_tls_server_name,
            buildkitd: self.buildkitd,
            platform: self.platform.platform(),
            require_built: self.require_built_images,
            parallel: if self.parallel { self.parallel_tasks_limit.max(1) } else { 1 },
            final_only: self.final_images_only,
            report: None,
            used_report: None,
            add_custom_tags: Vec::new(),
            use_custom_tag: None,
            cache_dir: env::cache_dir(),
            runtime_dir: env::text("XDG_RUNTIME_DIR").map(PathBuf::from),
            path: env::path(),
            user: env::text("USER"),
            environment: env::of_builder(),
        }
    }
}

/// Values for the chart.
#[derive(Debug, Args)]
#[command(next_help_heading = "Values")]
pub struct ValuesArgs {
    /// Set a value: key.path=value (may be given many times)
    #[arg(long, env = "WERF_SET", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Set a value that stays a string: key.path=value
    #[arg(long, env = "WERF_SET_STRING", value_name = "KEY=VALUE")]
    set_string: Vec<String>,
    /// Set a value to the contents of a file: key.path=file
    #[arg(long, env = "WERF_SET_FILE", value_name = "KEY=FILE")]
    set_file: Vec<String>,
    /// Set a value from JSON: key.path=json
    #[arg(long, env = "WERF_SET_JSON", value_name = "KEY=JSON")]
    set_json: Vec<String>,
    /// Set a value to a string taken as it is: key.path=text
    #[arg(long, env = "WERF_SET_LITERAL", value_name = "KEY=TEXT")]
    set_literal: Vec<String>,
    /// File of values
    #[arg(long, short = 'f', env = "WERF_VALUES", value_name = "FILE")]
    values: Vec<String>,
    /// File of encrypted values
    #[arg(long, env = "WERF_SECRET_VALUES", value_name = "FILE")]
    secret_values: Vec<String>,
    /// Leave the chart's own values.yaml out
    #[arg(long, env = "WERF_DISABLE_DEFAULT_VALUES")]
    disable_default_values: bool,
    /// Leave the chart's own secret-values.yaml out
    #[arg(long, env = "WERF_DISABLE_DEFAULT_SECRET_VALUES")]
    disable_default_secret_values: bool,
    /// Render without the secret key: secret values stay encrypted
    #[arg(long, env = "WERF_IGNORE_SECRET_KEY")]
    ignore_secret_key: bool,
    /// Key for secret values; .werf_secret_key and ~/.werf/global_secret_key are tried too
    #[arg(long, env = "WERF_SECRET_KEY", value_name = "KEY")]
    secret_key: Option<String>,
    /// Whose ways the chart is read and rendered in: those of Helm 3 or 4
    #[arg(long, env = "WERF_HELM_COMPAT", value_name = "3|4", default_value_t = 3, value_parser = helm_version)]
    helm_compat: u8,
    /// The same input gives the same bytes: random values, keys, certificates and uuids of templates come from the names of the release,
    /// the namespace, the chart and the template's file, and the time is the commit's. For reviews and tests: whoever knows the
    /// chart can work out such passwords and keys, so they are no secrets
    #[arg(long, env = "WERF_DETERMINISTIC")]
    deterministic: bool,
    /// Let templates ask for the addresses of hosts (`getHostByName`)
    #[arg(long, env = "WERF_TEMPLATES_ALLOW_DNS")]
    templates_allow_dns: bool,
    /// Give the chart the Docker configuration as .Values.dockerconfigjson, in base64
    #[arg(long, env = "WERF_SET_DOCKER_CONFIG_JSON_VALUE")]
    set_docker_config_json_value: bool,
}

impl ValuesArgs {
    /// As operations take it.
    pub fn options(self) -> ops::ValuesOptions {
        ops::ValuesOptions {
            set: env::list("SET", self.set),
            set_string: env::list("SET_STRING", self.set_string),
            set_file: env::list("SET_FILE", self.set_file),
            set_json: env::list("SET_JSON", self.set_json),
            set_literal: env::list("SET_LITERAL", self.set_literal),
            values: env::list("VALUES", self.values),
            secret_values: env::list("SECRET_VALUES", self.secret_values),
            disable_default_values: self.disable_default_values,
            disable_default_secret_values: self.disable_default_secret_values,
            ignore_secret_key: self.ignore_secret_key,
            secret_key: self.secret_key.filter(|key| !key.is_empty()),
            werf_home: env::werf_home(),
            helm_4: self.helm_compat == 4,
            deterministic: self.deterministic,
            allow_dns: self.templates_allow_dns,
            docker_config: self.set_docker_config_json_value,
        }
    }
}

/// Which release, in which namespace.
#[derive(Debug, Args)]
#[command(next_help_heading = "Release")]
pub struct ReleaseArgs {
    /// Release name; from werf.yaml, else project-env
    #[arg(long, env = "WERF_RELEASE", value_name = "NAME")]
    release: Option<String>,
    /// Namespace; from werf.yaml, else project-env
    #[arg(long, env = "WERF_NAMESPACE", value_name = "NAMESPACE")]
    namespace: Option<String>,
}

impl ReleaseArgs {
    /// As operations take it.
    pub fn options(self) -> ops::ReleaseOptions {
        ops::ReleaseOptions { release: self.release, namespace: self.namespace }
    }
}

/// Which cluster, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct KubeArgs {
    /// kubeconfig file; KUBECONFIG, then ~/.kube/config, then the pod's own account by default
    #[arg(long, env = "WERF_KUBE_CONFIG", value_name = "FILE")]
    kube_config: Option<PathBuf>,
    /// kubeconfig as base64
    #[arg(long, env = "WERF_KUBE_CONFIG_BASE64", value_name = "BASE64")]
    kube_config_base64: Option<String>,
    /// Context of the kubeconfig; its current one by default
    #[arg(long, env = "WERF_KUBE_CONTEXT", value_name = "CONTEXT")]
    kube_context: Option<String>,
    /// Bearer token for the API server
    #[arg(long, env = "WERF_KUBE_TOKEN", value_name = "TOKEN")]
    kube_token: Option<String>,
    /// File with the bearer token, read again when it changes
    #[arg(long, env = "WERF_KUBE_TOKEN_PATH", value_name = "FILE")]
    kube_token_path: Option<PathBuf>,
    /// User name for the API server
    #[arg(long, env = "WERF_KUBE_AUTH_USERNAME", value_name = "NAME")]
    kube_auth_username: Option<String>,
    /// Password for the API server
    #[arg(long, env = "WERF_KUBE_AUTH_PASSWORD", value_name = "PASSWORD")]
    kube_auth_password: Option<String>,
    /// Client certificate for the API server
    #[arg(long, env = "WERF_KUBE_CERT", value_name = "FILE")]
    kube_cert: Option<PathBuf>,
    /// Client certificate for the API server, as PEM or in base64
    #[arg(long, env = "WERF_KUBE_CERT_DATA", value_name = "DATA")]
    kube_cert_data: Option<String>,
    /// Key of the client certificate for the API server
    #[arg(long, env = "WERF_KUBE_KEY", value_name = "FILE")]
    kube_key: Option<PathBuf>,
    /// Key of the client certificate for the API server, as PEM or in base64
    #[arg(long, env = "WERF_KUBE_KEY_DATA", value_name = "DATA")]
    kube_key_data: Option<String>,
    /// User to act as
    #[arg(long, env = "WERF_KUBE_IMPERSONATE_USER", value_name = "NAME")]
    kube_impersonate_user: Option<String>,
    /// Id of the user to act as
    #[arg(long, env = "WERF_KUBE_IMPERSONATE_UID", value_name = "UID")]
    kube_impersonate_uid: Option<String>,
    /// Group to act as (may be given many times)
    #[arg(long, env = "WERF_KUBE_IMPERSONATE_GROUP", value_name = "NAME")]
    kube_impersonate_group: Vec<String>,
    /// Cluster of the kubeconfig instead of the context's
    #[arg(long, env = "WERF_KUBE_CONTEXT_CLUSTER", value_name = "NAME")]
    kube_context_cluster: Option<String>,
    /// User of the kubeconfig instead of the context's
    #[arg(long, env = "WERF_KUBE_CONTEXT_USER", value_name = "NAME")]
    kube_context_user: Option<String>,
    /// Address of the API server, such as https://10.0.0.1:6443
    #[arg(long, env = "WERF_KUBE_API_SERVER", value_name = "URL")]
    kube_api_server: Option<String>,
    /// CA certificate of the API server
    #[arg(long, env = "WERF_KUBE_CA_PATH", value_name = "FILE")]
    kube_ca_path: Option<PathBuf>,
    /// CA certificate of the API server, as PEM or in base64
    #[arg(long, env = "WERF_KUBE_CA_DATA", value_name = "DATA")]
    kube_ca_data: Option<String>,
    /// Proxy before the API server
    #[arg(long, env = "WERF_KUBE_PROXY_URL", value_name = "URL")]
    kube_proxy_url: Option<String>,
    /// Name to expect in the API server's certificate
    #[arg(long, env = "WERF_KUBE_TLS_SERVER", value_name = "NAME")]
    kube_tls_server: Option<String>,
    /// Accept any TLS certificate of the API server
    #[arg(long, env = "WERF_SKIP_TLS_VERIFY_KUBE")]
    skip_tls_verify_kube: bool,
    /// Requests to the cluster that run at once
    #[arg(long, env = "WERF_NETWORK_PARALLELISM", value_name = "N", default_value_t = 30, value_parser = whole::<usize>)]
    network_parallelism: usize,
    /// How long one request to the cluster may take, such as 30s; unlimited by default, but for silence
    #[arg(long, env = "WERF_KUBE_REQUEST_TIMEOUT", value_name = "TIME", value_parser = go_duration)]
    kube_request_timeout: Option<Duration>,
}

/// What manifests are held against.
#[derive(Debug, Args)]
#[command(next_help_heading = "Chart")]
pub struct ValidateArgs {
    /// Hold all manifests against the cluster's schemas: kinds, fields, types, what is required and allowed
    #[arg(long, env = "WERF_VALIDATE")]
    validate: bool,
    /// Directory with OpenAPI documents, kubeconform's JSON schemas or CustomResourceDefinitions to hold manifests against (may be given many times)
    #[arg(long, env = "WERF_VALIDATE_SCHEMAS", value_name = "DIR")]
    validate_schemas: Vec<String>,
}

impl ValidateArgs {
    /// As operations take it.
    pub fn options(self) -> ops::ValidateOptions {
        ops::ValidateOptions {
            cluster: self.validate,
            schemas: env::list("VALIDATE_SCHEMAS", self.validate_schemas).into_iter().map(PathBuf::from).collect(),
            cache_dir: env::cache_dir(),
        }
    }
}

impl KubeArgs {
    /// As operations take it.
    pub fn options(self) -> ops::KubeOptions {
        let variables = || env::first(&["WERF_KUBECONFIG", "KUBECONFIG"]).map(PathBuf::from);
        ops::KubeOptions {
            kubeconfig: self.kube_config.or_else(variables),
            kubeconfig_base64: self.kube_config_base64.or_else(|| env::first(&["WERF_KUBECONFIG_BASE64", "KUBECONFIG_BASE64"])),
            context: self.kube_context,
            cluster: self.kube_context_cluster,
            user: self.kube_context_user,
            identity: ops::Identity {
                token: self.kube_token,
                token_file: self.kube_token_path,
                username: self.kube_auth_username,
                password: self.kube_auth_password,
                certificate: pem(self.kube_cert_data, self.kube_cert),
                key: pem(self.kube_key_data, self.kube_key),
                impersonate: self.kube_impersonate_user,
                impersonate_uid: self.kube_impersonate_uid,
                impersonate_groups: env::list("KUBE_IMPERSONATE_GROUP", self.kube_impersonate_group),
            },
            api_server: self.kube_api_server,
            ca: pem(self.kube_ca_data, self.kube_ca_path),
            proxy_url: self.kube_proxy_url,
            proxies: env::proxies(),
            tls_server_name: self.kube_tls_server,
            skip_tls_verify: self.skip_tls_verify_kube,
            parallelism: Some(self.network_parallelism),
            request_timeout: self.kube_request_timeout.filter(|limit| !limit.is_zero()),
            home: env::home(),
        }
    }
}

/// How the release is deployed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Deploy")]
pub struct DeployArgs {
    /// Bring the last good release back when this one fails
    #[arg(long, short = 'R', env = "WERF_AUTO_ROLLBACK", visible_alias = "atomic")]
    auto_rollback: bool,
    /// Give up after this many seconds of waiting for resources; unlimited by default
    #[arg(long, short = 't', env = "WERF_TIMEOUT", value_name = "SECONDS", value_parser = whole::<u64>)]
    timeout: Option<u64>,
    /// Revisions of the release that are kept
    #[arg(long, env = "WERF_RELEASES_HISTORY_MAX", value_name = "N", default_value_t = 5, value_parser = whole::<u32>)]
    releases_history_max: u32,
    /// Do not show the containers' logs
    #[arg(long, env = "WERF_NO_POD_LOGS")]
    no_pod_logs: bool,
    /// Do not print the chart's notes
    #[arg(long, env = "WERF_NO_NOTES")]
    no_notes: bool,
    /// Take over resources that belong to no release or to another one
    #[arg(long, env = "WERF_FORCE_ADOPTION")]
    force_adoption: bool,
    /// Leave out the CRDs of the chart's crds directory
    #[arg(long, env = "WERF_NO_INSTALL_CRDS")]
    no_install_crds: bool,
    /// Do not wait for states that nothing else waits for: what was changed last may not work yet when the command ends
    #[arg(long, env = "WERF_NO_FINAL_TRACKING")]
    no_final_tracking: bool,
}

/// How objects are deleted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Deploy")]
pub struct PropagationArgs {
    /// What happens to dependents of objects that are deleted, where werf.io/delete-propagation does not say it: Foreground, Background or
    /// Orphan; Foreground by default
    #[arg(long, env = "WERF_DELETE_PROPAGATION", value_name = "POLICY", value_parser = propagation)]
    delete_propagation: Option<ops::Propagation>,
}

impl PropagationArgs {
    /// Adds it to how the release is deployed.
    pub fn added(self, to: ops::DeployOptions) -> ops::DeployOptions {
        ops::DeployOptions { propagation: self.delete_propagation.unwrap_or_default(), ..to }
    }
}

impl DeployArgs {
    /// As operations take it.
    pub fn options(self) -> ops::DeployOptions {
        ops::DeployOptions {
            auto_rollback: self.auto_rollback,
            timeout: seconds(self.timeout),
            history_max: self.releases_history_max,
            pod_logs: !self.no_pod_logs,
            notes: !self.no_notes,
            force_adoption: self.force_adoption,
            install_crds: !self.no_install_crds,
            create_namespace: true,
            final_tracking: !self.no_final_tracking,
            propagation: ops::Propagation::default(),
        }
    }
}

/// Where the graph of a deployment goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Deploy")]
pub struct DeployGraphArgs {
    /// File for the graph of the deployment, for Graphviz: a .dot file
    #[arg(long, env = "WERF_DEPLOY_GRAPH_PATH", value_name = "FILE", value_parser = dot_path)]
    pub deploy_graph_path: Option<PathBuf>,
}

/// Where the graph of a rollback goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Deploy")]
pub struct RollbackGraphArgs {
    /// File for the graph of a rollback, for Graphviz: a .dot file
    #[arg(long, env = "WERF_ROLLBACK_GRAPH_PATH", value_name = "FILE", value_parser = dot_path)]
    pub rollback_graph_path: Option<PathBuf>,
}

/// Annotations and labels for every resource of the release.
#[derive(Debug, Args)]
#[command(next_help_heading = "Metadata")]
pub struct MetadataArgs {
    /// Annotation for every resource: name=value (may be given many times)
    #[arg(long, env = "WERF_ADD_ANNOTATION", value_name = "NAME=VALUE")]
    add_annotation: Vec<String>,
    /// Label for every resource: name=value (may be given many times)
    #[arg(long, env = "WERF_ADD_LABEL", value_name = "NAME=VALUE")]
    add_label: Vec<String>,
    /// Label for the release's record: name=value (may be given many times)
    #[arg(long, env = "WERF_RELEASE_LABEL", value_name = "NAME=VALUE")]
    release_label: Vec<String>,
}

impl MetadataArgs {
    /// As operations take it.
    pub fn options(self) -> ops::MetadataOptions {
        ops::MetadataOptions {
            annotations: env::list("ADD_ANNOTATION", self.add_annotation),
            labels: env::list("ADD_LABEL", self.add_label),
            release_labels: env::list("RELEASE_LABEL", self.release_label),
            ..ops::MetadataOptions::default()
        }
    }
}

/// Annotations and labels that are put on resources when they are applied, and that `render` does not show.
#[derive(Debug, Args)]
#[command(next_help_heading = "Metadata")]
pub struct RuntimeArgs {
    /// Annotation for every resource as it is applied, which manifests do not have: name=value (may be given many times)
    #[arg(long, env = "WERF_RUNTIME_ANNOTATIONS", value_name = "NAME=VALUE", value_delimiter = ',')]
    runtime_annotations: Vec<String>,
    /// Label for every resource as it is applied, which manifests do not have: name=value (may be given many times)
    #[arg(long, env = "WERF_RUNTIME_LABELS", value_name = "NAME=VALUE", value_delimiter = ',')]
    runtime_labels: Vec<String>,
}

impl RuntimeArgs {
    /// Adds them to those that manifests have.
    pub fn added(self, to: ops::MetadataOptions) -> ops::MetadataOptions {
        ops::MetadataOptions { runtime_annotations: self.runtime_annotations, runtime_labels: self.runtime_labels, ..to }
    }
}

/// What is told and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct LogArgs {
    /// Only errors, warnings and how it ended
    #[arg(long, env = "WERF_LOG_QUIET")]
    log_quiet: bool,
    /// Also cached steps and all output of the build
    #[arg(long, env = "WERF_LOG_VERBOSE")]
    log_verbose: bool,
    /// As --log-verbose, and traces of the program itself
    #[arg(long, env = "WERF_LOG_DEBUG")]
    log_debug: bool,
    /// Colour: auto, on or off
    #[arg(long, env = "WERF_LOG_COLOR_MODE", value_name = "MODE", default_value = "auto", value_parser = color_mode)]
    log_color_mode: ColorMode,
    /// A time stamp before each line
    #[arg(long, env = "WERF_LOG_TIME")]
    log_time: bool,
    /// How the time stamps of --log-time are written, in Go's layout; 2006-01-02T15:04:05Z07:00 by default
    // hidden: its long name would widen the column of flags in the help of every command
    #[arg(long, env = "WERF_LOG_TIME_FORMAT", value_name = "LAYOUT", value_parser = super::time_layout::strftime, hide = true)]
    log_time_format: Option<String>,
    /// text, or json: one object for each event, see docs/log.md
    #[arg(long, env = "WERF_LOG_FORMAT", value_name = "FORMAT", default_value = "text", value_parser = log_format)]
    log_format: Format,
    /// Parts that fold in the log of a CI job of GitHub Actions or GitLab
    #[arg(long, env = "WERF_LOG_FOLDS", value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set, value_parser = super::go_bool)]
    log_folds: bool,
    /// A live display on a terminal; false prints lines only
    #[arg(long, env = "WERF_LOG_PRETTY", value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set, value_parser = super::go_bool)]
    log_pretty: bool,
    /// Columns of the terminal
    #[arg(long, env = "WERF_LOG_TERMINAL_WIDTH", value_name = "COLUMNS", value_parser = whole::<usize>)]
    log_terminal_width: Option<usize>,
}

impl LogArgs {
    /// Whether everything is to be told.
    pub fn is_verbose(&self) -> bool {
        self.log_verbose || self.log_debug
    }

    /// The look of standard error.
    pub fn look(&self) -> Look {
        let verbosity = match self {
            _ if self.is_verbose() => Verbosity::Verbose,
            _ if self.log_quiet => Verbosity::Quiet,
            _ => Verbosity::Normal,
        };
        if self.log_debug {
            crate::ui::trace();
        }
        let no_color = env::text("NO_COLOR").is_some();
        let dumb = env::text("TERM").is_some_and(|term| term == "dumb");
        let look = Look::decide(verbosity, self.log_color_mode, self.log_terminal_width, no_color, dumb);
        let layout = || self.log_time_format.clone().unwrap_or_else(|| "%Y-%m-%dT%H:%M:%S%:z".into());
        Look {
            live: look.live && self.log_pretty && !self.log_debug,
            format: self.log_format,
            time: self.log_time.then(layout),
            folds: env::folds().filter(|_| self.log_folds),
            ..look
        }
    }
}

fn log_format(text: &str) -> Result<Format, String> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        other => Err(format!("`{other}` is neither text nor json")),
    }
}

/// A certificate or key: data wins over a file, as with Kubernetes' own client.
fn pem(data: Option<String>, file: Option<PathBuf>) -> Option<ops::Pem> {
    data.map(ops::Pem::Text).or(file.map(ops::Pem::File))
}

/// The version of Helm whose ways are followed.
pub fn helm_version(text: &str) -> Result<u8, String> {
    match text {
        "3" => Ok(3),
        "4" => Ok(4),
        other => Err(format!("`{other}` is neither 3 nor 4")),
    }
}

/// Where the report of a deployment is by default.
pub const DEPLOY_REPORT: &str = ".werf-deploy-report.json";

/// The path of a JSON file, whose extension may be left out.
pub fn json_path(text: &str) -> Result<PathBuf, String> {
    with_extension(text, "json")
}

/// The same of a graph for Graphviz.
fn dot_path(text: &str) -> Result<PathBuf, String> {
    with_extension(text, "dot")
}

fn with_extension(text: &str, wanted: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().map(|extension| extension == wanted) {
        Some(true) => Ok(path),
        None if !text.is_empty() => Ok(PathBuf::from(format!("{text}.{wanted}"))),
        _ => Err(format!("the extension must be .{wanted}, or none")),
    }
}

/// The same for a file that may have lines of variables instead.
fn json_or_env_path(text: &str) -> Result<PathBuf, String> {
    match PathBuf::from(text) {
        path if path.extension().is_some_and(|extension| extension == "env") => Ok(path),
        _ => json_path(text).map_err(|_| "the extension must be .json or .env, or none".to_owned()),
    }
}

/// A limit of time; 0 is none.
pub fn seconds(count: Option<u64>) -> Option<Duration> {
    count.filter(|&count| count > 0).map(Duration::from_secs)
}

/// A duration as Go writes it: `1m30s`.
fn go_duration(text: &str) -> Result<Duration, String> {
    ops::parse_duration(text).ok_or_else(|| "a time is wanted, such as 30s or 1m30s".to_owned())
}

fn propagation(text: &str) -> Result<ops::Propagation, String> {
    ops::Propagation::parse(text).ok_or_else(|| format!("`{text}` is none of Foreground, Background, Orphan"))
}

/// A whole number that is not negative.
pub fn whole<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "a whole number is wanted".to_owned())
}

fn color_mode(text: &str) -> Result<ColorMode, String> {
    match text {
        "auto" => Ok(ColorMode::Auto),
        "on" | "always" => Ok(ColorMode::On),
        "off" | "never" => Ok(ColorMode::Off),
        other => Err(format!("`{other}` is none of auto, on, off")),
    }
}
