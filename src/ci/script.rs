//! Variables as a text that a shell runs, or that is read as a .env file.

use std::fmt::Write;

use miette::Diagnostic;
use thiserror::Error;

use super::job::{Environment, Section, Variable};
use super::quote;

/// Who reads the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Any Unix shell.
    Shell,
    /// PowerShell.
    PowerShell,
    /// cmd.exe.
    Cmd,
    /// Whoever reads .env files.
    EnvFile,
}

/// How the text is to be.
#[derive(Clone, Copy)]
pub struct Script<'a> {
    /// Who reads it.
    pub format: Format,
    /// Whether it tells what it sets when it runs.
    pub echoes: bool,
    /// What is set already.
    pub environment: &'a Environment,
}

impl Script<'_> {
    /// The variables, as comments those that are set already or have no value.
    pub fn text(&self, sections: &[Section]) -> Result<String, ScriptError> {
        let mut text = String::new();
        for (at, section) in sections.iter().enumerate() {
            if at > 0 {
                text.push('\n');
                self.echo(&mut text, "");
            }
            self.line(&mut text, &self.comment(section.title), &self.comment(section.title));
            for variable in &section.variables {
                let (line, told) = self.variable(variable)?;
                self.line(&mut text, &line, &told);
            }
        }
        Ok(text)
    }

    /// What makes the shell that runs the text stop.
    pub fn failure(&self, message: &str) -> String {
        let mut text = String::new();
        self.echo(&mut text, "");
        self.echo(&mut text, &format!("Error: {}", quote::one_line(message)));
        text + "exit 1\n"
    }

    /// The line of a variable, and how it is told.
    fn variable(&self, variable: &Variable) -> Result<(String, String), ScriptError> {
        let Variable { name, value, source, replaces, is_secret } = variable;
        let shown = |value: &str| if *is_secret && !value.is_empty() { "***".to_owned() } else { quote::one_line(value) };
        let told = self.assignment(name, &shown(value));
        match self.environment.get(*name).filter(|present| !present.is_empty() && !replaces) {
            Some(present) => {
                // cmd.exe looks for variables in comments too
                let present = if self.format == Format::Cmd { shown(present).replace('%', "%%") } else { shown(present) };
                let line = self.comment(&format!("skip {told} ({present})"));
                Ok((line.clone(), line))
            }
            None if value.is_empty() => Ok((self.comment(&told), self.comment(&told))),
            None if self.has_lines() || !value.contains(['\n', '\r']) => Ok((self.assignment(name, value), told)),
            None => Err(ScriptError { name, source_name: source, reader: self.reader() }),
        }
    }

    fn assignment(&self, name: &str, value: &str) -> String {
        match self.format {
            Format::Shell => format!("export {name}={}", quote::shell(value)),
            Format::PowerShell => format!("$Env:{name} = {}", quote::powershell(value)),
            Format::Cmd => format!("set {name}={}", quote::batch(value)),
            Format::EnvFile => format!("{name}={}", quote::env_file(value)),
        }
    }

    /// Whether a value may have several lines.
    fn has_lines(&self) -> bool {
        matches!(self.format, Format::Shell | Format::PowerShell)
    }

    fn reader(&self) -> &'static str {
        if self.format == Format::Cmd { "cmd.exe" } else { "a .env file" }
    }

    fn comment(&self, text: &str) -> String {
        let sign = if self.format == Format::Cmd { "::" } else { "#" };
        format!("{sign} {text}")
    }

    fn line(&self, text: &mut String, line: &str, told: &str) {
        text.push_str(line);
        text.push('\n');
        self.echo(text, told);
    }

    fn echo(&self, text: &mut String, message: &str) {
        if !self.echoes {
            return;
        }
        let written = match self.format {
            Format::Shell => writeln!(text, "echo {}", quote::shell_single(message)),
            Format::PowerShell => writeln!(text, "echo {}", quote::powershell(message)),
            Format::Cmd => writeln!(text, "echo.{}", quote::batch(message)),
            Format::EnvFile => Ok(()),
        };
        // a text takes everything
        let _ = written;
    }
}

/// A value that the reader has no way to take.
#[derive(Debug, Error, Diagnostic, PartialEq, Eq)]
#[error("{name} would have a line break, which {reader} cannot hold")]
#[diagnostic(help("its value comes from {source_name}: take the line break out there"))]
pub struct ScriptError {
    name: &'static str,
    source_name: &'static str,
    reader: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::job::{Job, System};

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn text(system: System, format: Format, echoes: bool, variables: &[(&str, &str)]) -> Result<String, ScriptError> {
        let environment = environment(variables);
        let sections = Job { system, environment: &environment }.variables("/tmp/docker", None);
        Script { format, echoes, environment: &environment }.text(&sections)
    }

    const SOME: &[(&str, &str)] = &[
        ("CI_REGISTRY_IMAGE", "r.io/team/app"),
        ("CI_ENVIRONMENT_SLUG", "'; rm -rf /"),
        ("CI_COMMIT_SHA", "abc"),
        ("WERF_LOG_COLOR_MODE", "off\nrm -rf /"),
    ];

    #[test]
    fn every_format() {
        let gitlab = |format| text(System::Gitlab, format, false, SOME).unwrap();
        insta::assert_snapshot!(gitlab(Format::Shell), @r#"
        # DOCKER CONFIG
        export DOCKER_CONFIG="/tmp/docker"
        export WERF_DOCKER_CONFIG="/tmp/docker"

        # REPO
        export WERF_REPO="r.io/team/app"
        export WERF_REPO_CONTAINER_REGISTRY="gitlab"

        # DEPLOY
        export WERF_ENV="'; rm -rf /"
        # export WERF_ADD_ANNOTATION_WERF_RELEASE_CHANNEL=""
        # export WERF_ADD_ANNOTATION_PROJECT_GIT=""
        export WERF_ADD_ANNOTATION_CI_COMMIT="ci.werf.io/commit=abc"
        # export WERF_ADD_ANNOTATION_CI_GIT_TAG=""
        # export WERF_ADD_ANNOTATION_GITLAB_CI_PIPELINE_URL=""
        # export WERF_ADD_ANNOTATION_GITLAB_CI_JOB_URL=""

        # OTHER
        # skip export WERF_LOG_COLOR_MODE="on" (off\nrm -rf /)
        export WERF_LOG_PROJECT_DIR="1"
        export WERF_ENABLE_PROCESS_EXTERMINATOR="1"
        export WERF_LOG_TERMINAL_WIDTH="130"
        "#);
        insta::assert_snapshot!(gitlab(Format::PowerShell), @r#"
        # DOCKER CONFIG
        $Env:DOCKER_CONFIG = "/tmp/docker"
        $Env:WERF_DOCKER_CONFIG = "/tmp/docker"

        # REPO
        $Env:WERF_REPO = "r.io/team/app"
        $Env:WERF_REPO_CONTAINER_REGISTRY = "gitlab"

        # DEPLOY
        $Env:WERF_ENV = "'; rm -rf /"
        # $Env:WERF_ADD_ANNOTATION_WERF_RELEASE_CHANNEL = ""
        # $Env:WERF_ADD_ANNOTATION_PROJECT_GIT = ""
        $Env:WERF_ADD_ANNOTATION_CI_COMMIT = "ci.werf.io/commit=abc"
        # $Env:WERF_ADD_ANNOTATION_CI_GIT_TAG = ""
        # $Env:WERF_ADD_ANNOTATION_GITLAB_CI_PIPELINE_URL = ""
        # $Env:WERF_ADD_ANNOTATION_GITLAB_CI_JOB_URL = ""

        # OTHER
        # skip $Env:WERF_LOG_COLOR_MODE = "on" (off\nrm -rf /)
        $Env:WERF_LOG_PROJECT_DIR = "1"
        $Env:WERF_ENABLE_PROCESS_EXTERMINATOR = "1"
        $Env:WERF_LOG_TERMINAL_WIDTH = "130"
        "#);
        insta::assert_snapshot!(gitlab(Format::Cmd), @r"
        :: DOCKER CONFIG
        set DOCKER_CONFIG=/tmp/docker
        set WERF_DOCKER_CONFIG=/tmp/docker

        :: REPO
        set WERF_REPO=r.io/team/app
        set WERF_REPO_CONTAINER_REGISTRY=gitlab

        :: DEPLOY
        set WERF_ENV='; rm -rf /
        :: set WERF_ADD_ANNOTATION_WERF_RELEASE_CHANNEL=
        :: set WERF_ADD_ANNOTATION_PROJECT_GIT=
        set WERF_ADD_ANNOTATION_CI_COMMIT=ci.werf.io/commit=abc
        :: set WERF_ADD_ANNOTATION_CI_GIT_TAG=
        :: set WERF_ADD_ANNOTATION_GITLAB_CI_PIPELINE_URL=
        :: set WERF_ADD_ANNOTATION_GITLAB_CI_JOB_URL=

        :: OTHER
        :: skip set WERF_LOG_COLOR_MODE=on (off\nrm -rf /)
        set WERF_LOG_PROJECT_DIR=1
        set WERF_ENABLE_PROCESS_EXTERMINATOR=1
        set WERF_LOG_TERMINAL_WIDTH=130
        ");
        insta::assert_snapshot!(gitlab(Format::EnvFile), @r#"
        # DOCKER CONFIG
        DOCKER_CONFIG=/tmp/docker
        WERF_DOCKER_CONFIG=/tmp/docker

        # REPO
        WERF_REPO=r.io/team/app
        WERF_REPO_CONTAINER_REGISTRY=gitlab

        # DEPLOY
        WERF_ENV="'; rm -rf /"
        # WERF_ADD_ANNOTATION_WERF_RELEASE_CHANNEL=
        # WERF_ADD_ANNOTATION_PROJECT_GIT=
        WERF_ADD_ANNOTATION_CI_COMMIT=ci.werf.io/commit=abc
        # WERF_ADD_ANNOTATION_CI_GIT_TAG=
        # WERF_ADD_ANNOTATION_GITLAB_CI_PIPELINE_URL=
        # WERF_ADD_ANNOTATION_GITLAB_CI_JOB_URL=

        # OTHER
        # skip WERF_LOG_COLOR_MODE=on (off\nrm -rf /)
        WERF_LOG_PROJECT_DIR=1
        WERF_ENABLE_PROCESS_EXTERMINATOR=1
        WERF_LOG_TERMINAL_WIDTH=130
        "#);
    }

    #[test]
    fn secrets_are_told_to_nobody() {
        let told = text(System::Github, Format::Shell, true, &[("GITHUB_TOKEN", "hidden")]).unwrap();
        assert_eq!(told.matches("hidden").count(), 1, "{told}");
        assert!(told.contains("export WERF_REPO_GITHUB_TOKEN=\"hidden\"\necho 'export WERF_REPO_GITHUB_TOKEN=\"***\"'\n"), "{told}");
        let kept = text(System::Github, Format::Shell, true, &[("GITHUB_TOKEN", "hidden"), ("WERF_REPO_GITHUB_TOKEN", "hidden")]).unwrap();
        assert!(!kept.contains("hidden") && kept.contains("# skip export WERF_REPO_GITHUB_TOKEN=\"***\" (***)"), "{kept}");
    }

    #[test]
    fn comments_of_cmd_name_no_variables() {
        let told = text(System::Gitlab, Format::Cmd, false, &[("WERF_ENV", "%~x%"), ("CI_ENVIRONMENT_SLUG", "%y%")]).unwrap();
        assert!(told.contains("\n:: skip set WERF_ENV=%%y%% (%%~x%%)\n"), "{told}");
    }

    #[test]
    fn line_breaks() {
        let with_line = [("CI_ENVIRONMENT_SLUG", "a\nb")];
        for format in [Format::Cmd, Format::EnvFile] {
            assert!(text(System::Gitlab, format, false, &with_line).is_err(), "{format:?}");
        }
        let shell = text(System::Gitlab, Format::Shell, true, &with_line).unwrap();
        assert!(shell.contains("export WERF_ENV=\"a\nb\"\necho 'export WERF_ENV=\"a\\\\nb\"'\n"), "{shell}");
        assert!(text(System::Gitlab, Format::PowerShell, false, &with_line).unwrap().contains("$Env:WERF_ENV = \"a`nb\"\n"));
    }

    #[test]
    fn failures_end_the_shell() {
        let failure = |format, echoes| Script { format, echoes, environment: &Environment::new() }.failure("it's `bad`\nvery");
        assert_eq!(failure(Format::Shell, false), "exit 1\n");
        assert_eq!(failure(Format::Shell, true), "echo ''\necho 'Error: it'\\''s `bad`\\nvery'\nexit 1\n");
        assert_eq!(failure(Format::PowerShell, true), "echo \"\"\necho \"Error: it's ``bad``\\nvery\"\nexit 1\n");
        assert_eq!(failure(Format::Cmd, true), "echo.\necho.Error: it's `bad`\\nvery\nexit 1\n");
    }
}
