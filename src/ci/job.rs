//! From the variables of a CI job to those of werf.

use std::collections::BTreeMap;

/// The variables of a process.
pub type Environment = BTreeMap<String, String>;

/// The registry of GitHub's packages.
pub const GITHUB_REGISTRY: &str = "ghcr.io";
/// The one before it, which repositories may still name.
const OLD_GITHUB_REGISTRY: &str = "docker.pkg.github.com";

/// Who runs the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// GitLab CI/CD.
    Gitlab,
    /// GitHub Actions.
    Github,
}

/// Variables under one title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The title.
    pub title: &'static str,
    /// The variables.
    pub variables: Vec<Variable>,
}

/// One variable of werf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its value; empty where the job does not tell it.
    pub value: String,
    /// Where the value comes from, for messages: a variable of the job, or a flag.
    pub source: &'static str,
    /// Whether it takes the place of one that is set.
    pub replaces: bool,
    /// Whether nobody may see it.
    pub is_secret: bool,
}

/// Who the job is to its own registry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Login<'a> {
    /// The registry, or a repository in it.
    pub registry: &'a str,
    /// User name.
    pub username: &'a str,
    /// Token.
    pub password: &'a str,
}

/// What a job says.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Who runs it.
    pub system: System,
    /// Its variables.
    pub environment: &'a Environment,
}

impl<'a> Job<'a> {
    /// The value of a variable; empty where it is not set.
    fn get(&self, name: &str) -> &'a str {
        self.environment.get(name).map_or("", String::as_str)
    }

    /// The login that the job may make, if it says enough.
    pub fn login(&self) -> Option<Login<'a>> {
        let login = match self.system {
            System::Gitlab => {
                Login { registry: self.get("CI_REGISTRY_IMAGE"), username: "gitlab-ci-token", password: self.get("CI_JOB_TOKEN") }
            }
            System::Github => {
                let old = self.get("WERF_REPO").starts_with(OLD_GITHUB_REGISTRY);
                let registry = if old { OLD_GITHUB_REGISTRY } else { GITHUB_REGISTRY };
                Login { registry, username: self.get("GITHUB_ACTOR"), password: self.get("GITHUB_TOKEN") }
            }
        };
        let is_whole = [login.registry, login.username, login.password].iter().all(|part| !part.is_empty());
        is_whole.then_some(login)
    }

    /// Whether the name of the repository needs the project's: GitHub's has both.
    pub fn wants_project(&self) -> bool {
        self.system == System::Github && !self.get("GITHUB_REPOSITORY").is_empty()
    }

    /// The variables, in the order in which they are written. `docker_config` is the job's directory of Docker's configuration.
    pub fn variables(&self, docker_config: &str, project: Option<&str>) -> Vec<Section> {
        let docker = |name| Variable { replaces: true, ..variable(name, docker_config, "--tmp-dir") };
        let docker = Section { title: "DOCKER CONFIG", variables: vec![docker("DOCKER_CONFIG"), docker("WERF_DOCKER_CONFIG")] };
        let own = match self.system {
            System::Gitlab => self.gitlab(),
            System::Github => self.github(project),
        };
        let other = Section {
            title: "OTHER",
            variables: vec![
                variable("WERF_LOG_COLOR_MODE", if self.is_colourless() { "off" } else { "on" }, "CI_SERVER_VERSION"),
                variable("WERF_LOG_PROJECT_DIR", "1", ""),
                variable("WERF_ENABLE_PROCESS_EXTERMINATOR", "1", ""),
                variable("WERF_LOG_TERMINAL_WIDTH", "130", ""),
            ],
        };
        [docker].into_iter().chain(own).chain([other]).collect()
    }

    fn gitlab(&self) -> Vec<Section> {
        let (image, chosen) = (self.get("CI_REGISTRY_IMAGE"), self.get("WERF_REPO"));
        let mut repo = vec![variable("WERF_REPO", if chosen.is_empty() { image } else { "" }, "CI_REGISTRY_IMAGE")];
        if !image.is_empty() && (chosen.is_empty() || chosen.starts_with(self.get("CI_REGISTRY"))) {
            repo.push(variable("WERF_REPO_CONTAINER_REGISTRY", "gitlab", ""));
        }
        let mut deploy = vec![variable("WERF_ENV", self.get("CI_ENVIRONMENT_SLUG"), "CI_ENVIRONMENT_SLUG")];
        deploy.push(self.release_channel());
        deploy.extend([
            annotation("WERF_ADD_ANNOTATION_PROJECT_GIT", "project.werf.io/git", self.get("CI_PROJECT_URL"), "CI_PROJECT_URL"),
            annotation("WERF_ADD_ANNOTATION_CI_COMMIT", "ci.werf.io/commit", self.get("CI_COMMIT_SHA"), "CI_COMMIT_SHA"),
            annotation("WERF_ADD_ANNOTATION_CI_GIT_TAG", "ci.werf.io/tag", self.get("CI_COMMIT_TAG"), "CI_COMMIT_TAG"),
            annotation(
                "WERF_ADD_ANNOTATION_GITLAB_CI_PIPELINE_URL",
                "gitlab.ci.werf.io/pipeline-url",
                self.get("CI_PIPELINE_URL"),
                "CI_PIPELINE_URL",
            ),
            annotation("WERF_ADD_ANNOTATION_GITLAB_CI_JOB_URL", "gitlab.ci.werf.io/job-url", self.get("CI_JOB_URL"), "CI_JOB_URL"),
        ]);
        vec![Section { title: "REPO", variables: repo }, Section { title: "DEPLOY", variables: deploy }]
    }

    fn github(&self, project: Option<&str>) -> Vec<Section> {
        let (repository, run) = (self.get("GITHUB_REPOSITORY"), self.get("GITHUB_RUN_ID"));
        let package = project.map(|project| format!("{GITHUB_REGISTRY}/{}/{project}", repository.to_lowercase())).unwrap_or_default();
        let url = if repository.is_empty() { String::new() } else { format!("https://github.com/{repository}") };
        let run_url = if url.is_empty() || run.is_empty() { String::new() } else { format!("{url}/actions/runs/{run}") };
        let tag = if self.get("GITHUB_REF_TYPE") == "tag" { self.get("GITHUB_REF_NAME") } else { "" };
        let deploy = vec![
            self.release_channel(),
            annotation("WERF_ADD_ANNOTATION_PROJECT_GIT", "project.werf.io/git", &url, "GITHUB_REPOSITORY"),
            annotation("WERF_ADD_ANNOTATION_CI_COMMIT", "ci.werf.io/commit", self.get("GITHUB_SHA"), "GITHUB_SHA"),
            annotation("WERF_ADD_ANNOTATION_CI_GIT_TAG", "ci.werf.io/tag", tag, "GITHUB_REF_NAME"),
            annotation("WERF_ADD_ANNOTATION_GITHUB_ACTIONS_RUN_URL", "github.ci.werf.io/workflow-run-url", &run_url, "GITHUB_RUN_ID"),
        ];
        let token = Variable { is_secret: true, ..variable("WERF_REPO_GITHUB_TOKEN", self.get("GITHUB_TOKEN"), "GITHUB_TOKEN") };
        vec![
            Section { title: "REPO", variables: vec![variable("WERF_REPO", &package, "GITHUB_REPOSITORY")] },
            Section { title: "DEPLOY", variables: deploy },
            Section { title: "CLEANUP", variables: vec![token] },
        ]
    }

    fn release_channel(&self) -> Variable {
        let channel = "TRDL_USE_WERF_GROUP_CHANNEL";
        annotation("WERF_ADD_ANNOTATION_WERF_RELEASE_CHANNEL", "werf.io/release-channel", self.get(channel), channel)
    }

    /// The logs of GitLab after 12.1.3 and before 12.2.0 show colours as they are written.
    fn is_colourless(&self) -> bool {
        let version = if self.system == System::Gitlab { version(self.get("CI_SERVER_VERSION")) } else { None };
        // a suffix is a prerelease: what stands before the version itself
        version.is_some_and(|(numbers, is_before)| numbers > [12, 1, 3] && (numbers < [12, 2, 0] || numbers == [12, 2, 0] && is_before))
    }
}

fn variable(name: &'static str, value: &str, source: &'static str) -> Variable {
    Variable { name, value: value.to_owned(), source, replaces: false, is_secret: false }
}

/// An annotation for every resource: it is the job's, whatever was set before.
fn annotation(name: &'static str, key: &str, value: &str, source: &'static str) -> Variable {
    let value = if value.is_empty() { String::new() } else { format!("{key}={value}") };
    Variable { replaces: true, ..variable(name, &value, source) }
}

/// The numbers of a version, and whether it has a suffix: `12.2.0-ee`.
fn version(text: &str) -> Option<([u64; 3], bool)> {
    let text = text.split('+').next()?;
    let (numbers, suffix) = text.split_once('-').map_or((text, None), |(numbers, suffix)| (numbers, Some(suffix)));
    let mut parsed = [0; 3];
    for (at, number) in numbers.strip_prefix('v').unwrap_or(numbers).split('.').enumerate() {
        *parsed.get_mut(at)? = number.parse().ok()?;
    }
    Some((parsed, suffix.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn value(system: System, variables: &[(&str, &str)], name: &str) -> Option<String> {
        let environment = environment(variables);
        let sections = Job { system, environment: &environment }.variables("/tmp/docker", Some("app"));
        sections.into_iter().flat_map(|section| section.variables).find(|variable| variable.name == name).map(|variable| variable.value)
    }

    #[test]
    fn gitlabs_registry_is_named_for_repositories_in_it() {
        let kind = |variables: &[(&str, &str)]| value(System::Gitlab, variables, "WERF_REPO_CONTAINER_REGISTRY");
        let image = ("CI_REGISTRY_IMAGE", "r.io/team/app");
        assert_eq!(kind(&[]), None);
        assert_eq!(kind(&[image]).as_deref(), Some("gitlab"));
        assert_eq!(kind(&[image, ("CI_REGISTRY", "r.io"), ("WERF_REPO", "r.io/other")]).as_deref(), Some("gitlab"));
        assert_eq!(kind(&[image, ("CI_REGISTRY", "r.io"), ("WERF_REPO", "example.org/other")]), None);
    }

    #[test]
    fn colours_of_gitlab() {
        for (version, expect) in [
            ("", "on"),
            ("11.0.0", "on"),
            ("12.1.3", "on"),
            ("12.1.3-ee", "on"),
            ("12.1.4", "off"),
            ("12.1.8-ee", "off"),
            ("12.2.0-pre", "off"),
            ("12.2.0", "on"),
            ("12.2", "on"),
            ("v12.1.9", "off"),
            ("17.4.2-ee", "on"),
            ("12.1.4.1", "on"),
            ("unknown", "on"),
        ] {
            assert_eq!(
                value(System::Gitlab, &[("CI_SERVER_VERSION", version)], "WERF_LOG_COLOR_MODE").as_deref(),
                Some(expect),
                "{version}"
            );
        }
    }

    #[test]
    fn who_the_job_is() {
        let login = |system, variables: &[(&str, &str)]| {
            let environment = environment(variables);
            let login = Job { system, environment: &environment }.login();
            login.map(|login| format!("{} {} {}", login.registry, login.username, login.password))
        };
        let gitlab = [("CI_REGISTRY_IMAGE", "r.io/team/app"), ("CI_JOB_TOKEN", "t")];
        assert_eq!(login(System::Gitlab, &gitlab).as_deref(), Some("r.io/team/app gitlab-ci-token t"));
        assert_eq!((login(System::Gitlab, &gitlab[..1]), login(System::Gitlab, &gitlab[1..])), (None, None));
        let github = [("GITHUB_ACTOR", "me"), ("GITHUB_TOKEN", "t"), ("WERF_REPO", "docker.pkg.github.com/me/app")];
        assert_eq!(login(System::Github, &github[..2]).as_deref(), Some("ghcr.io me t"));
        assert_eq!(login(System::Github, &github).as_deref(), Some("docker.pkg.github.com me t"));
        assert_eq!(login(System::Github, &github[..1]), None);
    }

    #[test]
    fn tags_and_runs_of_github() {
        let found = |variables: &[(&str, &str)], name| value(System::Github, variables, name).unwrap();
        let tag = "WERF_ADD_ANNOTATION_CI_GIT_TAG";
        assert_eq!(found(&[("GITHUB_REF_TYPE", "tag"), ("GITHUB_REF_NAME", "v1")], tag), "ci.werf.io/tag=v1");
        assert_eq!(found(&[("GITHUB_REF_TYPE", "branch"), ("GITHUB_REF_NAME", "main")], tag), "");
        assert_eq!(found(&[("GITHUB_RUN_ID", "7")], "WERF_ADD_ANNOTATION_GITHUB_ACTIONS_RUN_URL"), "");
        assert_eq!(found(&[("GITHUB_REPOSITORY", "Team/App")], "WERF_REPO"), "ghcr.io/team/app/app");
    }
}
