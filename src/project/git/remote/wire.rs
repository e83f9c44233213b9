//! A conversation with a server: requests go out, packets come in, and silence has an end.
//!
//! Over `git://` and ssh this is one stream in both directions; over HTTP each request is a POST and its answer the packets that follow.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::error::RemoteError;
use super::http::Http;
use super::packet::{self, Packet};
use super::progress::Progress;
use super::ssh::Process;
use crate::error::root_cause;
use crate::event::Events;
use crate::net::Answer;

/// How bytes go and come.
pub(super) enum Link {
    /// A stream in both directions, of a program where there is one.
    Stream {
        /// What comes.
        reader: Box<dyn AsyncRead + Send + Unpin>,
        /// What goes.
        writer: Box<dyn AsyncWrite + Send + Unpin>,
        /// Whose streams these are.
        process: Option<Box<Process>>,
    },
    /// Requests and answers.
    Http {
        /// Who asks.
        http: Box<Http>,
        /// The answer that is being read.
        answer: Box<Answer>,
    },
}

/// One conversation.
pub(super) struct Wire {
    /// For messages.
    pub url: String,
    link: Link,
    buffer: Vec<u8>,
    start: usize,
    silence: Duration,
    progress: Progress,
}

impl Wire {
    /// A conversation over an open link.
    pub fn new(url: String, link: Link, silence: Duration, events: Events) -> Self {
        let progress = Progress::new(url.clone(), events);
        Wire { url, link, buffer: Vec::new(), start: 0, silence, progress }
    }

    /// Sends a whole request.
    pub async fn send(&mut self, request: Vec<u8>) -> Result<(), RemoteError> {
        match &mut self.link {
            Link::Stream { writer, .. } => {
                let written = timeout(self.silence, async {
                    writer.write_all(&request).await?;
                    writer.flush().await
                });
                // A server that closes its ear has said why, or the end of the stream tells.
                written.await.map(drop).map_err(|_| self.timed_out())
            }
            Link::Http { http, answer } => {
                **answer = http.post(request).await?;
                self.buffer.clear();
                self.start = 0;
                Ok(())
            }
        }
    }

    /// The next packet. An `ERR` of the server is an error.
    pub async fn packet(&mut self) -> Result<Packet, RemoteError> {
        loop {
            match packet::take(&self.buffer[self.start..]) {
                Ok(Some((packet, length))) => {
                    self.start += length;
                    let said = packet.text().and_then(|text| text.strip_prefix("ERR ").map(printable));
                    return said.map_or(Ok(packet), |said| Err(RemoteError::Refused { url: self.url.clone(), said }));
                }
                Ok(None) => {
                    if !self.more().await? {
                        return Err(self.ended().await);
                    }
                }
                Err(()) => {
                    let said = String::from_utf8_lossy(&self.buffer[self.start..]).chars().take(60).collect::<String>();
                    return Err(RemoteError::NotGit { url: self.url.clone(), problem: format!("it says `{}`", printable(&said)) });
                }
            }
        }
    }

    async fn more(&mut self) -> Result<bool, RemoteError> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let length = self.buffer.len();
        let read = async {
            match &mut self.link {
                Link::Stream { reader, .. } => {
                    reader.read_buf(&mut self.buffer).await.map(drop).map_err(|error| Err(root_cause(&error).to_string()))
                }
                Link::Http { answer, .. } => answer.piece().await.map(|piece| self.buffer.extend(piece.unwrap_or_default())).map_err(Ok),
            }
        };
        let read = timeout(self.silence, read).await;
        match read {
            Err(_) => return Err(self.timed_out()),
            Ok(Err(Ok(failure))) => return Err(super::http::failed(&self.url, failure, self.silence)),
            Ok(Err(Err(problem))) => return Err(RemoteError::Broken { url: self.url.clone(), problem }),
            Ok(Ok(())) => {}
        }
        self.progress.add(self.buffer.len() - length);
        Ok(self.buffer.len() > length)
    }

    /// Why the stream ended before its time.
    async fn ended(&mut self) -> RemoteError {
        if let Link::Stream { process: Some(process), .. } = &mut self.link
            && let Some(error) = process.failure(&self.url).await
        {
            return error;
        }
        RemoteError::Broken { url: self.url.clone(), problem: "it ended in the middle of an answer".into() }
    }

    fn timed_out(&self) -> RemoteError {
        RemoteError::TimedOut { url: self.url.clone(), seconds: self.silence.as_secs() }
    }
}

/// What a server says, fit for one line of ours.
pub(super) fn printable(said: &str) -> String {
    let words = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
