//! Programs that keep credentials: `docker-credential-NAME`, which speak JSON over standard streams.
//!
//! <https://github.com/docker/docker-credential-helpers>

use std::process::{Output, Stdio};
use std::time::Duration;

use serde::Deserialize;

use super::credentials::{Credentials, CredentialsError, Secret, docker_key};
use crate::child_process;

/// How long a helper may take: some ask a person for the password of their store.
const LIMIT: Duration = Duration::from_secs(120);

/// What helpers say where they have nothing: the protocol has this sentence, not a code.
const NOT_FOUND: &str = "credentials not found";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    secret: String,
}

/// What a helper has for a registry's host.
pub async fn get(name: &str, host: &str) -> Result<Credentials, CredentialsError> {
    let (program, output) = run(name, "get", host, docker_key(host)).await?;
    let answer = read_answer(output.status.success(), &output.stdout, &output.stderr);
    answer.map_err(|reason| CredentialsError::HelperFailed { program, host: host.to_owned(), reason })
}

/// Gives a helper a login to keep.
pub async fn store(name: &str, host: &str, username: &str, password: &Secret) -> Result<(), CredentialsError> {
    let login = serde_json::json!({"ServerURL": docker_key(host), "Username": username, "Secret": password.reveal()});
    tell(name, "store", host, &login.to_string()).await
}

/// Makes a helper forget a login; that it has none is fine.
pub async fn erase(name: &str, host: &str) -> Result<(), CredentialsError> {
    match tell(name, "erase", host, docker_key(host)).await {
        Err(CredentialsError::HelperRefused { reason, .. }) if reason.contains(NOT_FOUND) => Ok(()),
        told => told,
    }
}

async fn tell(name: &str, verb: &str, host: &str, what: &str) -> Result<(), CredentialsError> {
    let (program, output) = run(name, verb, host, what).await?;
    if output.status.success() {
        return Ok(());
    }
    let reason = said(&output.stdout, &output.stderr);
    Err(CredentialsError::HelperRefused { program, verb: verb.to_owned(), host: host.to_owned(), reason })
}

/// Runs a helper with a text on standard input; gives its name too.
async fn run(name: &str, verb: &str, host: &str, input: &str) -> Result<(String, Output), CredentialsError> {
    let program = format!("docker-credential-{name}");
    let failed = |reason: String| CredentialsError::HelperFailed { program: program.clone(), host: host.to_owned(), reason };
    let child = tokio::process::Command::new(&program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| CredentialsError::HelperMissing { program: program.clone(), host: host.to_owned(), source: error })?;
    let output = child_process::asked(child, input.as_bytes(), LIMIT).await.map_err(|error| failed(error.to_string()))?;
    let output = output.ok_or_else(|| failed(format!("it did not answer within {} s", LIMIT.as_secs())))?;
    Ok((program, output))
}

/// Reads what a helper printed; the error never has what may be a secret.
fn read_answer(success: bool, stdout: &[u8], stderr: &[u8]) -> Result<Credentials, String> {
    if !success {
        return match said(stdout, stderr) {
            said if said.contains(NOT_FOUND) => Ok(Credentials::Anonymous),
            said if said.is_empty() => Err("it failed and said nothing".to_owned()),
            said => Err(said),
        };
    }
    let answer: Answer = serde_json::from_slice(stdout).map_err(|_| "its answer is not JSON with `Username` and `Secret`".to_owned())?;
    Ok(match answer.username.as_str() {
        "<token>" => Credentials::IdentityToken(Secret::new(answer.secret)),
        _ if answer.secret.is_empty() => Credentials::Anonymous,
        _ => Credentials::Basic { username: answer.username, password: Secret::new(answer.secret) },
    })
}

fn said(stdout: &[u8], stderr: &[u8]) -> String {
    String::from_utf8_lossy(if stdout.is_empty() { stderr } else { stdout }).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_answers() {
        let answer = |success, stdout: &str, stderr: &str| read_answer(success, stdout.as_bytes(), stderr.as_bytes());
        let basic = Credentials::Basic { username: "u".into(), password: Secret::new("p") };
        for (success, stdout, stderr, expect) in [
            (true, r#"{"ServerURL": "r.io", "Username": "u", "Secret": "p"}"#, "", Ok(basic)),
            (true, r#"{"Username": "<token>", "Secret": "t"}"#, "", Ok(Credentials::IdentityToken(Secret::new("t")))),
            (true, r#"{"Username": "", "Secret": ""}"#, "", Ok(Credentials::Anonymous)),
            (false, "credentials not found in native keychain\n", "", Ok(Credentials::Anonymous)),
            (false, "", "no session bus\n", Err("no session bus".to_owned())),
            (false, "", "", Err("it failed and said nothing".to_owned())),
            (true, r#"{"Secret": 1"#, "", Err("its answer is not JSON with `Username` and `Secret`".to_owned())),
        ] {
            assert_eq!(answer(success, stdout, stderr), expect, "{stdout}");
        }
    }
}
