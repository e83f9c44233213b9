//! Git LFS: files are brought from a server into the local store (the batch API, git-lfs/docs/api/batch.md, with its `basic` transfers).
//!
//! Which files are LFS's, and what their pointers say, is for others to tell. Servers are asked over HTTP with the logins that Git has for
//! them; of a repository by ssh, the server of its host by HTTPS.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use http::HeaderMap;
use serde_json::{Value, json};
use sha2::Digest;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::Access;
use super::address::{Address, Login, cache_key, parse, shown};
use super::cache::Entry;
use super::credentials::Helpers;
use super::error::RemoteError;
use super::http::{Http, failed, header_line};
use super::wire::printable;
use crate::transport::Answer;

/// How many files one request names, as in `git lfs`.
const BATCH: usize = 100;

/// How many files come at once, as in `git lfs`.
const AT_ONCE: usize = 8;

/// The longest answer to a batch, in bytes.
const MAX_ANSWER: usize = 16 << 20;

/// A file as its pointer names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LfsObject {
    /// SHA-256 of its bytes in hexadecimal.
    pub oid: String,
    /// Its length in bytes.
    pub size: u64,
}

impl LfsObject {
    /// Its place in a store, such as `.git/lfs/objects`.
    pub fn place(&self, store: &Path) -> PathBuf {
        let part = |range| self.oid.get(range).unwrap_or("_").to_owned();
        store.join(part(0..2)).join(part(2..4)).join(&self.oid)
    }
}

/// Brings the files that the store lacks. `url` is that of the repository, or of its LFS server where `lfs.url` names one
/// (`is_server`).
///
/// # Errors
/// Those of the server, and one that names all files that it lacks. Files are in the store whole or not at all.
pub async fn fetch_lfs(
    access: &Access,
    url: &str,
    is_server: bool,
    login: Option<&Login>,
    objects: &[LfsObject],
    store: &Path,
) -> Result<(), RemoteError> {
    let mut lacking: Vec<&LfsObject> = objects.iter().filter(|object| !is_there(object, store)).collect();
    lacking.sort();
    lacking.dedup();
    if lacking.is_empty() {
        return Ok(());
    }
    let is_id = |object: &&&LfsObject| object.oid.len() == 64 && object.oid.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(wrong) = lacking.iter().find(|object| !is_id(object)) {
        return Err(RemoteError::Pack { url: shown(url), problem: format!("`{}` is no id of a file of Git LFS", printable(&wrong.oid)) });
    }
    let address = parse(&access.settings.rewritten(url), &access.base_dir)?;
    if let Address::Local(path) = &address {
        return local(path, &lacking, store, &shown(url));
    }
    let entry = Entry::new(&access.cache_dir, &cache_key(&address), &shown(url));
    entry.prepare()?;
    let (base, of_url) = server(address, is_server);
    let helpers = Helpers { git_dir: entry.dir().to_owned() };
    let mut http = Http::new(base.clone(), login.cloned().or(of_url), access, helpers)?;
    let mut missing = Vec::new();
    for batch in lacking.chunks(BATCH) {
        let named: Vec<Value> = batch.iter().map(|object| json!({"oid": object.oid, "size": object.size})).collect();
        let body = json!({"operation": "download", "transfers": ["basic"], "hash_algo": "sha256", "objects": named});
        let answer = http.batch(body.to_string().into_bytes()).await?;
        let answer: Value = serde_json::from_slice(&whole(answer, &base, access).await?)
            .map_err(|error| RemoteError::NotGit { url: shown(&base), problem: format!("its answer is no JSON: {error}") })?;
        let mut downloads = Vec::new();
        for object in batch {
            let told = answer["objects"].as_array().into_iter().flatten().find(|told| told["oid"] == object.oid.as_str());
            match told.and_then(|told| told["actions"]["download"]["href"].as_str().map(|href| (told, href))) {
                Some((told, href)) => downloads.push((*object, href.to_owned(), headers(&told["actions"]["download"]["header"]))),
                None => {
                    let said = told.and_then(|told| told["error"]["message"].as_str()).unwrap_or("nothing said");
                    missing.push(format!("{} ({})", object.oid, printable(said)));
                }
            }
        }
        let http = &http;
        let coming = downloads.into_iter().map(|(object, href, headers)| async move {
            let answer = http.download(&href, headers).await?;
            keep(answer, object, &href, access, store).await
        });
        let came: Vec<Result<(), RemoteError>> = stream::iter(coming).buffer_unordered(AT_ONCE).collect().await;
        came.into_iter().collect::<Result<(), _>>()?;
    }
    if missing.is_empty() { Ok(()) } else { Err(RemoteError::NoObjects { url: shown(&base), objects: missing }) }
}

fn is_there(object: &LfsObject, store: &Path) -> bool {
    fs::metadata(object.place(store)).is_ok_and(|metadata| metadata.len() == object.size)
}

/// The server of a repository, and the login of its URL.
fn server(address: Address, is_server: bool) -> (String, Option<Login>) {
    let (base, login) = match address {
        Address::Http { base, login } => (base, login),
        Address::Git { host, path, .. } => (format!("https://{host}/{}", path.trim_matches('/')), None),
        Address::Ssh { destination, path, .. } => {
            let host = destination.rsplit('@').next().unwrap_or_default();
            (format!("https://{host}/{}", path.trim_matches('/')), None)
        }
        Address::Local(path) => (path.display().to_string(), None),
    };
    match (is_server, base.ends_with(".git")) {
        (true, _) => (base, login),
        (false, true) => (format!("{base}/info/lfs"), login),
        (false, false) => (format!("{base}.git/info/lfs"), login),
    }
}

/// The store of a repository of this machine.
fn local(path: &Path, lacking: &[&LfsObject], store: &Path, url: &str) -> Result<(), RemoteError> {
    let git_dir = if path.join(".git").is_dir() { path.join(".git") } else { path.to_owned() };
    let theirs = git_dir.join("lfs/objects");
    let mut missing = Vec::new();
    for object in lacking {
        let place = object.place(store);
        match fs::read(object.place(&theirs)) {
            Ok(bytes) => crate::cache_file::write(&place, &bytes).map_err(|cause| unwritable(&place, cause))?,
            Err(error) => missing.push(format!("{} ({error})", object.oid)),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(RemoteError::NoObjects { url: url.to_owned(), objects: missing }) }
}

fn headers(told: &Value) -> HeaderMap {
    let lines = told.as_object().into_iter().flatten().filter_map(|(name, value)| header_line(&format!("{name}: {}", value.as_str()?)));
    lines.collect()
}

async fn whole(mut answer: Answer, url: &str, access: &Access) -> Result<Vec<u8>, RemoteError> {
    let mut bytes = Vec::new();
    while let Some(piece) = piece(&mut answer, url, access).await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_ANSWER {
            return Err(RemoteError::NotGit { url: shown(url), problem: format!("its answer is longer than {MAX_ANSWER} bytes") });
        }
    }
    Ok(bytes)
}

async fn piece(answer: &mut Answer, url: &str, access: &Access) -> Result<Option<hyper::body::Bytes>, RemoteError> {
    match timeout(access.silence, answer.piece()).await {
        Ok(piece) => piece.map_err(|failure| failed(&shown(url), failure, access.silence)),
        Err(_) => Err(RemoteError::TimedOut { url: shown(url), seconds: access.silence.as_secs() }),
    }
}

/// Writes what comes beside its place and moves it there, if it is what the pointer names.
async fn keep(mut answer: Answer, object: &LfsObject, url: &str, access: &Access, store: &Path) -> Result<(), RemoteError> {
    let place = object.place(store);
    let failed = |cause| unwritable(&place, cause);
    let directory = place.parent().unwrap_or(store);
    fs::create_dir_all(directory).map_err(failed)?;
    let temporary = directory.join(format!(".{}-{}", std::process::id(), uuid::Uuid::new_v4()));
    let coming = async {
        let mut file = tokio::fs::File::create(&temporary).await.map_err(failed)?;
        let (mut hasher, mut size) = (sha2::Sha256::new(), 0);
        while let Some(piece) = piece(&mut answer, url, access).await? {
            hasher.update(&piece);
            size += piece.len() as u64;
            if size > object.size {
                break;
            }
            file.write_all(&piece).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        let sum: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if size != object.size || !sum.eq_ignore_ascii_case(&object.oid) {
            let problem = format!("the file {} of Git LFS is another than its pointer names", object.oid);
            return Err(RemoteError::Pack { url: shown(url), problem });
        }
        fs::rename(&temporary, &place).map_err(failed)
    };
    let came = coming.await;
    if came.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    came
}

fn unwritable(path: &Path, cause: io::Error) -> RemoteError {
    RemoteError::Cache { action: "write", path: path.to_owned(), cause: Arc::new(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_found_as_git_lfs_finds_them() {
        for (url, expect) in [
            ("https://u:p@host/a", "https://host/a.git/info/lfs"),
            ("https://host/a.git", "https://host/a.git/info/lfs"),
            ("git@host:group/a.git", "https://host/group/a.git/info/lfs"),
            ("ssh://git@host:22/a", "https://host/a.git/info/lfs"),
        ] {
            assert_eq!(server(parse(url, Path::new("/")).unwrap(), false).0, expect);
        }
    }
}
