//! Logs of containers, line by line as they are written.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::io::AsyncBufReadExt;

use super::client::{Call, Client};
use super::error::ClusterError;
use super::live::percent;
use crate::deploy::resource::LogOptions;
use crate::event::{Event, Events};

/// How many lines of a failed container are shown.
pub(super) const TAIL: usize = 20;

/// How many characters of each of them.
const LINE: usize = 1000;

/// One container of one pod.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) name: String,
}

/// Follows one run of a container until it ends, and emits its lines. Resumes where it stopped if the connection breaks.
///
/// `since` (RFC 3339) leaves out what was written before. `printed` counts lines, as a sign of life.
pub(super) async fn follow(
    client: &Client,
    container: &Container,
    resource: &str,
    options: &LogOptions,
    since: Option<String>,
    printed: &Arc<Mutex<u64>>,
    events: &Events,
) {
    let mut last = since;
    let mut attempts = 0;
    while attempts < 5 {
        let mut query = format!("container={}&follow=true&timestamps=true", container.name);
        if let Some(last) = &last {
            query += &format!("&sinceTime={}", percent(last));
        }
        let Ok(stream) = client.stream(&call(container, &query)).await else {
            attempts += 1;
            tokio::time::sleep(Duration::from_millis(300 * attempts)).await;
            continue;
        };
        let mut lines = stream.lines();
        let mut broken = false;
        while let Some(line) = lines.next().await {
            let Ok(line) = line else {
                broken = true;
                break;
            };
            let (time, text) = line.split_once(' ').unwrap_or(("", &line));
            // `sinceTime` has a resolution of one second: lines that were shown come again.
            if last.as_deref().is_some_and(|last| time <= last && last.len() == time.len()) {
                continue;
            }
            last = Some(time.to_owned());
            *printed.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            if options.shows_line(&container.name, text) {
                events.emit(Event::PodPrinted {
                    resource: resource.into(),
                    pod: container.pod.clone(),
                    container: container.name.clone(),
                    line: text.trim_end_matches('\r').into(),
                });
            }
        }
        if !broken {
            return;
        }
        attempts += 1;
    }
}

/// The last lines of a container: of its previous run if it was restarted.
pub(super) async fn tail(client: &Client, container: &Container, previous: bool) -> Result<Vec<String>, ClusterError> {
    let runs: &[bool] = if previous { &[true, false] } else { &[false] };
    for previous in runs {
        let query = format!("container={}&tailLines={TAIL}&previous={previous}", container.name);
        match client.call_bytes(&call(container, &query)).await {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => return Ok(String::from_utf8_lossy(&bytes).lines().map(clipped).collect()),
            // The run is gone already, or never was.
            Err(error) if matches!(error.http_status(), Some(400 | 404 | 500)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Vec::new())
}

fn clipped(line: &str) -> String {
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

fn call(container: &Container, query: &str) -> Call {
    let path = format!("/api/v1/namespaces/{}/pods/{}/log?{query}", container.namespace, container.pod);
    let mut call = Call::get("pods/log", path);
    call.accept = "*/*";
    call
}
