//! What a failed solve says, read from its gRPC status.
//!
//! A daemon adds details as `google.protobuf.Any` whose type URL ends in `+json`: which vertex failed, by which exit code, and
//! which lines of which file it comes from.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use miette::{NamedSource, SourceSpan};
use prost::Message;
use serde::Deserialize;
use tonic::{Code, Status};

use super::Progress;
use crate::images::buildkit::error::{SolveError, innermost};
use crate::images::buildkit::proto::google::rpc;

/// A failure in parts.
#[derive(Debug)]
pub struct Failure {
    status: Status,
    message: String,
    vertex: Option<String>,
    exit_code: Option<u32>,
    missing_capability: bool,
    place: Option<(Arc<NamedSource<String>>, SourceSpan)>,
}

#[derive(Deserialize)]
struct VertexDetail {
    #[serde(default)]
    digest: String,
}

#[derive(Deserialize)]
struct ExitDetail {
    #[serde(default, rename = "Code")]
    code: u32,
}

#[derive(Deserialize)]
struct SourceDetail {
    info: Option<InfoDetail>,
    #[serde(default)]
    ranges: Vec<RangeDetail>,
}

#[derive(Deserialize)]
struct InfoDetail {
    #[serde(default)]
    filename: String,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct RangeDetail {
    #[serde(default)]
    start: LineDetail,
    #[serde(default)]
    end: LineDetail,
}

#[derive(Default, Deserialize)]
struct LineDetail {
    #[serde(default)]
    line: i64,
}

impl Failure {
    /// Reads a status and its details; details that are unknown or malformed are left out.
    pub fn read(status: Status) -> Self {
        let message = plain(status.message());
        let mut failure = Failure { status, message, vertex: None, exit_code: None, missing_capability: false, place: None };
        let details = rpc::Status::decode(failure.status.details()).map(|status| status.details).unwrap_or_default();
        for detail in details {
            let kind = detail.type_url.rsplit('/').next().unwrap_or_default();
            match kind {
                "errdefs.Vertex+json" => {
                    let digest = serde_json::from_slice::<VertexDetail>(&detail.value).map(|vertex| vertex.digest);
                    failure.vertex = failure.vertex.or(digest.ok());
                }
                "gatewayapi.ExitMessage+json" => {
                    failure.exit_code = serde_json::from_slice::<ExitDetail>(&detail.value).ok().map(|exit| exit.code);
                }
                "errdefs.FrontendCap+json" => failure.missing_capability = true,
                "errdefs.Source+json" if failure.place.is_none() => {
                    failure.place = serde_json::from_slice::<SourceDetail>(&detail.value).ok().and_then(place);
                }
                _ => {}
            }
        }
        failure
    }

    /// Whether it says which step failed.
    pub fn names_its_step(&self) -> bool {
        self.vertex.is_some()
    }

    /// Whether the progress has seen the failed step end, so that it knows all that the step printed. Nothing more comes from a daemon
    /// that is gone.
    pub fn is_told(&self, progress: &Progress) -> bool {
        let step = self.vertex.as_deref().map(|digest| progress.step(digest)).unwrap_or_else(|| progress.failed());
        self.is_lost() || step.is_some_and(|step| step.error.is_some())
    }

    /// The error for people, with what the progress knows of the failed step.
    pub fn into_error(self, progress: &Progress) -> SolveError {
        let (image, endpoint) = (progress.image.clone(), progress.endpoint.clone());
        if self.is_lost() {
            return SolveError::Lost { image, endpoint, cause: innermost(&self.status), log: None };
        }
        let unknown_op = self.message.contains("unknown API capability") || self.message.contains("is not supported by this daemon");
        if self.missing_capability || self.status.code() == Code::Unimplemented || unknown_op {
            return SolveError::TooOld { image, endpoint, message: self.message };
        }
        let known = self.vertex.as_deref().and_then(|digest| progress.step(digest));
        let step = known.filter(|step| !step.name.is_empty()).or_else(|| progress.failed());
        let help = help(&self.message, self.exit_code);
        let (source_code, span) = self.place.unzip();
        match (step, self.exit_code) {
            (Some(step), Some(exit_code)) => {
                let (step, output) = (step.name.clone(), step.last_lines());
                SolveError::Process { image, step, exit_code, output, source_code, span, help }
            }
            (Some(step), None) => {
                let (step, output) = (step.name.clone(), step.last_lines());
                SolveError::Step { image, step, message: self.message, output, source_code, span, help }
            }
            (None, _) => SolveError::Refused { image, message: self.message, source_code, span, help },
        }
    }

    /// Whether the connection broke, as opposed to an answer of the daemon's.
    fn is_lost(&self) -> bool {
        // tonic keeps the transport's error as the source; what a daemon answers has none.
        std::error::Error::source(&self.status).is_some()
            || (self.status.code() == Code::Unavailable && self.vertex.is_none())
            || (self.status.code() == Code::Unknown && self.message.contains("h2 protocol error"))
    }
}

/// The daemon's words without the wrappers that say nothing.
fn plain(message: &str) -> String {
    let mut message = message.trim();
    for wrapper in ["failed to solve: ", "rpc error: code = Unknown desc = ", "failed to solve: "] {
        message = message.strip_prefix(wrapper).unwrap_or(message);
    }
    message.to_owned()
}

fn help(message: &str, exit_code: Option<u32>) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if exit_code == Some(137) {
        return Some("137 means that the process was killed: most often the machine ran out of memory");
    }
    if exit_code == Some(127) {
        return Some("127 means that a command was not found in the image");
    }
    if has(&["server gave HTTP response to HTTPS client"]) {
        return Some("the registry speaks plain HTTP: name it with --insecure-registry");
    }
    if has(&["certificate signed by unknown authority", "failed to verify certificate"]) {
        return Some("add the registry's CA to the daemon's machine, or name the registry with --skip-tls-verify-registry");
    }
    if has(&[
        "401 Unauthorized",
        "403 Forbidden",
        "authorization failed",
        "insufficient_scope",
        "pull access denied",
        "no basic auth credentials",
    ]) {
        return Some(
            "log in to the registry (`werf cr login`, or the Docker config that `--docker-config` names) with an account that has the rights",
        );
    }
    if has(&["exec format error"]) {
        return Some(
            "the image is for another processor than the builder's: choose its platform with `--platform`, or let the builder's machine emulate it (binfmt)",
        );
    }
    if has(&["no such host", "connection refused", "i/o timeout"]) {
        return Some("the registry is looked up from the BuildKit daemon's machine: check that it is reachable from there");
    }
    None
}

fn place(detail: SourceDetail) -> Option<(Arc<NamedSource<String>>, SourceSpan)> {
    let info = detail.info?;
    let text = String::from_utf8(STANDARD.decode(&info.data).ok()?).ok()?;
    let first = detail.ranges.iter().map(|range| range.start.line).min()?;
    let last = detail.ranges.iter().map(|range| range.end.line.max(range.start.line)).max()?;
    let mut offset = 0;
    let (mut start, mut end) = (None, 0);
    for (index, line) in (1..).zip(text.split_inclusive('\n')) {
        if index == first {
            start = Some(offset + (line.len() - line.trim_start().len()));
        }
        if index >= first && index <= last {
            end = offset + line.trim_end().len();
        }
        offset += line.len();
    }
    let start = start?;
    Some((Arc::new(NamedSource::new(info.filename, text)), (start, end.saturating_sub(start)).into()))
}
