//! Programs that give credentials for a cluster: `exec` of a kubeconfig's user.
//!
//! Cloud providers log people in by them. They speak `ExecCredential` of `client.authentication.k8s.io`
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>). The kube library's own way has
//! no limit of time and leaves what it started behind when a command is interrupted; ours ends in time and with us.

use std::io::{self, IsTerminal};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::authorization::bearer;
use super::error::ClusterError;
use crate::child_process;
use crate::event::Events;
use crate::net::Slow;
use crate::yaml;

/// How long a program may take that can ask nobody anything.
const LIMIT: Duration = Duration::from_secs(60);

/// How long one may take that can: people log in with a browser meanwhile.
const LIMIT_FOR_PEOPLE: Duration = Duration::from_secs(300);

/// A token counts as expired so long before it is.
const MARGIN: jiff::SignedDuration = jiff::SignedDuration::from_secs(10);

/// A program and what it gave last.
#[derive(Clone)]
pub(super) struct ExecPlugin {
    config: Arc<ExecConfig>,
    server: Arc<str>,
    slow: Arc<Slow>,
    given: Arc<Mutex<Given>>,
}

/// What a program gave. Nothing of it is ever printed.
#[derive(Clone, Default)]
struct Given {
    token: Option<HeaderValue>,
    certificate: Option<(String, String)>,
    expires: Option<Timestamp>,
    /// How often it was asked.
    version: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: Option<String>,
    kind: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl ExecPlugin {
    /// Asks a program for the first time.
    pub async fn ask(config: ExecConfig, server: &str, events: &Events) -> Result<ExecPlugin, ClusterError> {
        let slow = Arc::new(Slow::new(events));
        let plugin = ExecPlugin { config: Arc::new(config), server: server.into(), slow, given: Arc::default() };
        plugin.renew(&mut *plugin.given.lock().await).await?;
        Ok(plugin)
    }

    /// A client certificate and its key in PEM, where the program gives such.
    pub async fn certificate(&self) -> Option<(String, String)> {
        self.given.lock().await.certificate.clone()
    }

    /// The header with the token, where the program gives one, and which answer it is from; one that expires is renewed before.
    pub async fn token(&self) -> Result<(Option<HeaderValue>, u64), ClusterError> {
        let mut given = self.given.lock().await;
        let is_over = given.expires.is_some_and(|expires| Timestamp::now() + MARGIN >= expires);
        if is_over && given.token.is_some() {
            self.renew(&mut given).await?;
        }
        Ok((given.token.clone(), given.version))
    }

    /// What the server did not take is asked for once more, unless that has happened since. Whether there is something new to try.
    pub async fn refused(&self, version: u64) -> Result<bool, ClusterError> {
        let mut given = self.given.lock().await;
        if given.version == version {
            let before = given.token.clone();
            self.renew(&mut given).await?;
            return Ok(given.token.is_some() && given.token != before);
        }
        Ok(given.token.is_some())
    }

    async fn renew(&self, given: &mut Given) -> Result<(), ClusterError> {
        let program = self.config.command.as_deref().unwrap_or_default();
        let doing = format!("get credentials for {}", self.server);
        let answer = self.slow.watch(program, &doing, run(&self.config, io::stdin().is_terminal())).await;
        let next = answer.map_err(|(message, help)| ClusterError::ExecPlugin {
            program: program.to_owned(),
            server: self.server.to_string(),
            message,
            help: help.unwrap_or_else(|| SEE_CONFIG.to_owned()),
        })?;
        *given = Given { version: given.version + 1, ..next };
        Ok(())
    }
}

const SEE_CONFIG: &str = "the kubeconfig's user names this program: run it by hand as `kubectl config view --minify` shows it";

/// What went wrong, and what helps where that is known.
type Problem = (String, Option<String>);

/// Runs a program and reads its answer. `terminal` tells whether there is a person to ask.
async fn run(config: &ExecConfig, terminal: bool) -> Result<Given, Problem> {
    let plain = |message: &str| (message.to_owned(), None);
    let version = config.api_version.as_deref().unwrap_or_default();
    if !matches!(version, "client.authentication.k8s.io/v1" | "client.authentication.k8s.io/v1beta1") {
        let message = format!("its apiVersion is `{version}`, and only client.authentication.k8s.io/v1 and /v1beta1 are known");
        return Err((message, Some("newer versions of such programs speak v1: update it, and the kubeconfig by its own command".into())));
    }
    let interactive = match &config.interactive_mode {
        Some(ExecInteractiveMode::Never) => false,
        Some(ExecInteractiveMode::Always) if !terminal => {
            let help = "log in with it by hand first, or take a kubeconfig for machines";
            return Err(("it wants to ask a person, and standard input is no terminal".into(), Some(help.into())));
        }
        _ => terminal,
    };
    let program =
        config.command.as_deref().filter(|program| !program.is_empty()).ok_or_else(|| plain("the kubeconfig names no command"))?;
    let mut spec = json!({"interactive": interactive});
    if config.provide_cluster_info {
        spec["cluster"] = serde_json::to_value(&config.cluster).map_err(|error| (error.to_string(), None))?;
    }
    let question = json!({"apiVersion": version, "kind": "ExecCredential", "spec": spec});
    let mut command = tokio::process::Command::new(program);
    command.args(config.args.iter().flatten()).env("KUBERNETES_EXEC_INFO", question.to_string());
    for variable in config.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            command.env(name, value);
        }
    }
    // what it says to a person is seen at once; else it is shown if it fails
    let (stdin, stderr) = if interactive { (Stdio::inherit(), Stdio::inherit()) } else { (Stdio::null(), Stdio::piped()) };
    let child = command.stdin(stdin).stdout(Stdio::piped()).stderr(stderr).kill_on_drop(true).spawn().map_err(|error| {
        let hint = config.install_hint.as_deref().map(str::trim).filter(|hint| !hint.is_empty()).map(String::from);
        (format!("it cannot be started: {error}"), hint.or_else(|| Some("install it, or put its directory into PATH".into())))
    })?;
    let limit = if interactive { LIMIT_FOR_PEOPLE } else { LIMIT };
    let output = child_process::asked(child, b"", limit).await.map_err(|error| (error.to_string(), None))?;
    let output = output.ok_or_else(|| (format!("it did not answer within {} s, and was ended", limit.as_secs()), None))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err((if said.trim().is_empty() { output.status.to_string() } else { format!("{}: {}", output.status, said.trim()) }, None));
    }
    read(&output.stdout, version).map_err(|message| (message, None))
}

/// Reads an answer, which is JSON or YAML. What may be secret is in no error.
fn read(answer: &[u8], version: &str) -> Result<Given, String> {
    let not_understood = || "its answer is no ExecCredential".to_owned();
    let text = std::str::from_utf8(answer).map_err(|_| not_understood())?;
    let node = yaml::parse(text).map_err(|_| not_understood())?;
    let answer: Answer =
        yaml::to_json(&node).map_err(|_| not_understood()).and_then(|value| serde_json::from_value(value).map_err(|_| not_understood()))?;
    if answer.kind.as_deref() != Some("ExecCredential") {
        return Err(not_understood());
    }
    match answer.api_version.as_deref() {
        Some(theirs) if theirs == version => {}
        theirs => return Err(format!("its answer is in `{}`, and the kubeconfig says `{version}`", theirs.unwrap_or_default())),
    }
    let status = answer.status.ok_or("its answer has no status")?;
    let token = status.token.filter(|token| !token.is_empty());
    let token = token.map(|token| bearer(&token).ok_or("its token has characters that no header may have")).transpose()?;
    let certificate =
        match (status.client_certificate_data.filter(|pem| !pem.is_empty()), status.client_key_data.filter(|pem| !pem.is_empty())) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("its answer has one of clientCertificateData and clientKeyData, and not the other".into()),
        };
    if token.is_none() && certificate.is_none() {
        return Err("its answer has neither a token nor a client certificate".into());
    }
    let expires = status.expiration_timestamp.map(|text| text.parse());
    let expires = expires.transpose().map_err(|_| "the expirationTimestamp of its answer is no time of RFC 3339")?;
    Ok(Given { token, certificate, expires, version: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_must_ask_somebody_is_not_run_where_nobody_is() {
        let config = ExecConfig {
            api_version: Some("client.authentication.k8s.io/v1".into()),
            command: Some("false".into()),
            interactive_mode: Some(ExecInteractiveMode::Always),
            ..Default::default()
        };
        let (message, help) = run(&config, false).await.err().unwrap();
        assert_eq!(message, "it wants to ask a person, and standard input is no terminal");
        assert_eq!(help.as_deref(), Some("log in with it by hand first, or take a kubeconfig for machines"));
    }
}
