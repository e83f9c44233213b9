//! What is asked of a server: its references, and packs of commits. gitprotocol-v2(5), and gitprotocol-pack(5) for servers that speak no
//! version 2.
//!
//! There is no negotiation: what the cache has is told at once, and the server sends the rest.

use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::error::RemoteError;
use super::packet::{DELIMITER, FLUSH, Packet, line};
use super::wire::{Wire, printable};
use crate::file_tree::ObjectId;

const AGENT: &str = "agent=git/werf";

/// A reference of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ref {
    /// Full name, `refs/heads/main`.
    pub name: String,
    /// What it points at.
    pub id: ObjectId,
    /// What an annotated tag leads to in the end.
    pub peeled: Option<ObjectId>,
}

/// A server that has greeted us.
pub(super) struct Server {
    wire: Wire,
    version: Version,
}

enum Version {
    Two { is_shallow: bool, is_filtering: bool, names_format: bool },
    Zero { refs: Vec<Ref>, capabilities: Vec<String> },
}

/// Which objects are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Want {
    /// Their ids.
    pub ids: Vec<ObjectId>,
    /// Only they and their trees, no history.
    pub is_shallow: bool,
    /// Commits that the cache has without their history.
    pub have: Vec<ObjectId>,
    /// Of commits and directories no files come, where the server can leave them out; files that are named come.
    pub is_blobless: bool,
    /// Commits that a clone has without their history, which is to come too; then `have` are commits with all that is not beyond these.
    pub boundary: Vec<ObjectId>,
    /// Whether `have` are commits with all of their history.
    pub have_whole: bool,
}

/// The depth that stands for all of the history.
const ALL: u32 = 0x7fff_ffff;

impl Server {
    /// Reads the greeting.
    pub async fn greet(mut wire: Wire) -> Result<Self, RemoteError> {
        let mut first = wire.packet().await?;
        if first.text().is_some_and(|text| text.starts_with("# service=")) {
            wire.packet().await?;
            first = wire.packet().await?;
        }
        let version = match first.text().as_deref() {
            Some("version 2") => two(&mut wire).await?,
            Some("version 1") => zero(wire.packet().await?, &mut wire).await?,
            _ => zero(first, &mut wire).await?,
        };
        Ok(Server { wire, version })
    }

    /// Whether an object may be wanted that no reference points at.
    pub fn gives_any(&self, id: ObjectId) -> bool {
        match &self.version {
            Version::Two { .. } => true,
            Version::Zero { refs, capabilities } => {
                let may = |name: &str| capabilities.iter().any(|capability| capability == name);
                may("allow-any-sha1-in-want") || may("allow-reachable-sha1-in-want") || refs.iter().any(|reference| reference.id == id)
            }
        }
    }

    /// Whether the server knows of histories that are cut.
    fn may_be_shallow(&self) -> bool {
        match &self.version {
            Version::Two { is_shallow, .. } => *is_shallow,
            Version::Zero { capabilities, .. } => capabilities.iter().any(|capability| capability == "shallow"),
        }
    }

    /// The references whose names begin with one of the prefixes.
    pub async fn references(&mut self, prefixes: &[&str]) -> Result<Vec<Ref>, RemoteError> {
        let fits = |reference: &Ref| prefixes.iter().any(|prefix| reference.name.starts_with(prefix));
        let names_format = match &self.version {
            Version::Zero { refs, .. } => return Ok(refs.iter().filter(|reference| fits(reference)).cloned().collect()),
            Version::Two { names_format, .. } => *names_format,
        };
        let mut request = command("ls-refs", names_format);
        line(&mut request, "peel");
        prefixes.iter().for_each(|prefix| line(&mut request, &format!("ref-prefix {prefix}")));
        request.extend_from_slice(FLUSH);
        self.wire.send(request).await?;
        let mut refs = Vec::new();
        while let packet @ Packet::Data(_) = self.wire.packet().await? {
            let text = packet.text().unwrap_or_default();
            let mut words = text.split(' ');
            // An unborn HEAD has no id.
            let (Some(id), Some(name)) = (words.next().and_then(ObjectId::parse), words.next()) else { continue };
            let peeled = words.find_map(|word| word.strip_prefix("peeled:")).and_then(ObjectId::parse);
            refs.push(Ref { name: name.to_owned(), id, peeled });
        }
        Ok(refs.into_iter().filter(|reference| fits(reference)).collect())
    }

    /// Receives a pack with what is wanted. The commits that came without their history are returned.
    pub async fn fetch(&mut self, want: &Want, pack: &mut File) -> Result<Vec<ObjectId>, RemoteError> {
        let mut shallow = Vec::new();
        match &self.version {
            Version::Two { is_shallow, is_filtering, names_format } => {
                let mut request = command("fetch", *names_format);
                line(&mut request, "no-progress");
                line(&mut request, "ofs-delta");
                let is_shallow = want.is_shallow && *is_shallow;
                let is_boundary = !want.boundary.is_empty() && self.may_be_shallow();
                let have = if is_shallow || is_boundary || want.have_whole { &want.have[..] } else { &[] };
                if is_boundary {
                    want.boundary.iter().for_each(|id| line(&mut request, &format!("shallow {id}")));
                    line(&mut request, &format!("deepen {ALL}"));
                } else if is_shallow {
                    have.iter().for_each(|id| line(&mut request, &format!("shallow {id}")));
                    line(&mut request, "deepen 1");
                }
                if want.is_blobless && *is_filtering {
                    line(&mut request, "filter blob:none");
                }
                if !have.is_empty() {
                    // Only for thin packs does a server look at the files of what we have.
                    line(&mut request, "thin-pack");
                }
                want.ids.iter().for_each(|id| line(&mut request, &format!("want {id}")));
                have.iter().for_each(|id| line(&mut request, &format!("have {id}")));
                line(&mut request, "done");
                request.extend_from_slice(FLUSH);
                self.wire.send(request).await?;
                loop {
                    match self.wire.packet().await?.text().as_deref() {
                        Some("packfile") => break,
                        Some("shallow-info") => self.shallow_info(&mut shallow).await?,
                        Some(_) => {}
                        None => return Err(self.odd("it sends no pack")),
                    }
                }
            }
            Version::Zero { capabilities, .. } => {
                let may = |name: &str| capabilities.iter().any(|capability| capability == name);
                if !may("side-band-64k") {
                    return Err(self.odd("its server is too old"));
                }
                let is_boundary = !want.boundary.is_empty();
                let (is_shallow, quiet) = (want.is_shallow && may("shallow"), if may("no-progress") { " no-progress" } else { "" });
                let mut request = Vec::new();
                for (at, id) in want.ids.iter().enumerate() {
                    let asked = if at == 0 { format!(" side-band-64k ofs-delta{quiet} {AGENT}") } else { String::new() };
                    line(&mut request, &format!("want {id}{asked}"));
                }
                if is_boundary && may("shallow") {
                    want.boundary.iter().for_each(|id| line(&mut request, &format!("shallow {id}")));
                    line(&mut request, &format!("deepen {ALL}"));
                } else if is_shallow {
                    line(&mut request, "deepen 1");
                }
                request.extend_from_slice(FLUSH);
                line(&mut request, "done");
                self.wire.send(request).await?;
                if is_shallow || is_boundary && self.may_be_shallow() {
                    self.shallow_info(&mut shallow).await?;
                }
                let answer = self.wire.packet().await?;
                if !answer.text().is_some_and(|text| text == "NAK" || text.starts_with("ACK ")) {
                    return Err(self.odd("it sends no pack"));
                }
            }
        }
        self.receive(pack).await?;
        Ok(shallow)
    }

    async fn shallow_info(&mut self, shallow: &mut Vec<ObjectId>) -> Result<(), RemoteError> {
        while let packet @ Packet::Data(_) = self.wire.packet().await? {
            shallow.extend(packet.text().as_deref().and_then(|text| text.strip_prefix("shallow ")).and_then(ObjectId::parse));
        }
        Ok(())
    }

    /// The bands of an answer: 1 is the pack, 2 talk, 3 the reason why there is no more.
    async fn receive(&mut self, pack: &mut File) -> Result<(), RemoteError> {
        while let Packet::Data(bytes) = self.wire.packet().await? {
            match bytes.split_first() {
                Some((1, data)) => pack.write_all(data).await.map_err(|error| self.unwritable(error))?,
                Some((3, said)) => {
                    let said = printable(&String::from_utf8_lossy(said));
                    return Err(RemoteError::Refused { url: self.wire.url.clone(), said });
                }
                _ => {}
            }
        }
        pack.flush().await.map_err(|error| self.unwritable(error))
    }

    fn unwritable(&self, cause: std::io::Error) -> RemoteError {
        let path = std::path::PathBuf::from(format!("the pack of {}", self.wire.url));
        RemoteError::Cache { action: "write", path, cause: std::sync::Arc::new(cause) }
    }

    fn odd(&self, problem: &str) -> RemoteError {
        RemoteError::NotGit { url: self.wire.url.clone(), problem: problem.to_owned() }
    }
}

/// The capabilities of version 2.
async fn two(wire: &mut Wire) -> Result<Version, RemoteError> {
    let (mut is_shallow, mut is_filtering, mut names_format) = (false, false, false);
    while let packet @ Packet::Data(_) = wire.packet().await? {
        let text = packet.text().unwrap_or_default();
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        match name {
            "fetch" => {
                is_shallow = value.split(' ').any(|feature| feature == "shallow");
                is_filtering = value.split(' ').any(|feature| feature == "filter");
            }
            "object-format" => {
                check_format(wire, value)?;
                names_format = true;
            }
            _ => {}
        }
    }
    Ok(Version::Two { is_shallow, is_filtering, names_format })
}

/// The references of versions 0 and 1, the first with the capabilities.
async fn zero(first: Packet, wire: &mut Wire) -> Result<Version, RemoteError> {
    let (mut refs, mut capabilities): (Vec<Ref>, Vec<String>) = (Vec::new(), Vec::new());
    let mut packet = first;
    while let Packet::Data(_) = packet {
        let text = packet.text().unwrap_or_default();
        let (text, words) = text.split_once('\0').unwrap_or((&text, ""));
        capabilities.extend(words.split_whitespace().map(str::to_owned));
        if let Some(format) = capabilities.iter().find_map(|word| word.strip_prefix("object-format=")) {
            check_format(wire, format)?;
        }
        let odd = || RemoteError::NotGit { url: wire.url.clone(), problem: format!("it says `{}`", printable(text)) };
        let (hex, name) = text.split_once(' ').ok_or_else(odd)?;
        let is_about_history = hex == "shallow";
        match (ObjectId::parse(hex), name.strip_suffix("^{}")) {
            (Some(id), None) => refs.push(Ref { name: name.to_owned(), id, peeled: None }),
            (Some(id), Some(tag)) if refs.last().is_some_and(|last| last.name == tag) => {
                refs.last_mut().into_iter().for_each(|last| last.peeled = Some(id));
            }
            (Some(_), Some(_)) => {}
            (None, _) if is_about_history => {}
            (None, _) => return Err(odd()),
        }
        packet = wire.packet().await?;
    }
    Ok(Version::Zero { refs, capabilities })
}

fn check_format(wire: &Wire, format: &str) -> Result<(), RemoteError> {
    match format {
        "sha1" => Ok(()),
        format => Err(RemoteError::Format { url: wire.url.clone(), format: printable(format) }),
    }
}

fn command(name: &str, names_format: bool) -> Vec<u8> {
    let mut request = Vec::new();
    line(&mut request, &format!("command={name}"));
    line(&mut request, AGENT);
    if names_format {
        line(&mut request, "object-format=sha1");
    }
    request.extend_from_slice(DELIMITER);
    request
}
