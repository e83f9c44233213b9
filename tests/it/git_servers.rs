//! Real Git servers for tests: `git daemon`, and `git http-backend` behind a small HTTP server with logins, redirects and refusals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// `git daemon` over a directory; it ends with the value.
pub struct Daemon {
    child: Child,
    /// Where it listens.
    pub port: u16,
}

impl Daemon {
    /// Serves all repositories below a directory.
    pub fn new(base: &Path) -> Self {
        let port = free_port();
        let programs = Command::new("git").arg("--exec-path").output().expect("git");
        let program = Path::new(String::from_utf8_lossy(&programs.stdout).trim_end()).join("git-daemon");
        let child = Command::new(program)
            .args(["--reuseaddr", "--listen=127.0.0.1", "--export-all", "--informative-errors"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", base.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("git daemon");
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        Daemon { child, port }
    }

    pub fn url(&self, path: &str) -> String {
        format!("git://127.0.0.1:{}/{path}", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// How a server behaves.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// `user:password` that it wants.
    pub login: Option<String>,
    /// A header with its value that it wants.
    pub header: Option<(String, String)>,
    /// Speaks version 0 alone.
    pub old: bool,
    /// Answers everything with this status and text.
    pub refuses: Option<(u16, String)>,
    /// Sends the first request of paths that lack `.git` to the path with it.
    pub redirects: bool,
    /// Takes connections and says nothing.
    pub silent: bool,
    /// Has too much to do for the first so many requests.
    pub busy: usize,
    /// Files of Git LFS by their ids.
    pub files: Vec<(String, Vec<u8>)>,
    /// What is odd about its Git LFS.
    pub quirk: Option<Quirk>,
}

/// What may be odd about a server of Git LFS.
#[derive(Clone, Debug)]
pub enum Quirk {
    /// There is none.
    Absent,
    /// Connections break in the middle of a file, so many times.
    Cut(usize),
    /// Addresses of files are too old, so many times.
    Expired(usize),
    /// It wants another way of transfer.
    Transfer(&'static str),
    /// Files are at another server, which is sent to with a login and with a header.
    Elsewhere(String),
}

/// An HTTP server in front of `git http-backend`.
pub struct Smart {
    /// Where it listens.
    pub port: u16,
    /// Every request: method, target.
    pub requests: Arc<Mutex<Vec<String>>>,
    /// The values of `Authorization` and `X-Token` that came with requests that had any.
    pub credentials: Arc<Mutex<Vec<String>>>,
}

impl Smart {
    /// Serves all repositories below a directory.
    pub fn new(base: &Path, manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (requests, credentials) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (base, log, told) = (base.to_owned(), requests.clone(), credentials.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (base, manners, log, told) = (base.clone(), manners.clone(), log.clone(), told.clone());
                thread::spawn(move || serve(stream, base, manners, log, told));
            }
        });
        Smart { port, requests, credentials }
    }

    /// How many requests there were whose target ends so.
    pub fn count(&self, end: &str) -> usize {
        self.requests.lock().expect("a log").iter().filter(|line| line.ends_with(end)).count()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

fn serve(stream: TcpStream, base: PathBuf, manners: Manners, log: Arc<Mutex<Vec<String>>>, told: Arc<Mutex<Vec<String>>>) -> Option<()> {
    if manners.silent {
        thread::sleep(Duration::from_secs(30));
        return None;
    }
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut out = stream;
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (method, rest) = line.trim_end().split_once(' ')?;
    let target = rest.split(' ').next()?.to_owned();
    log.lock().ok()?.push(format!("{method} {target}"));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    told.lock().ok()?.extend(["authorization", "x-token"].iter().filter_map(|name| header(name)).map(str::to_owned));
    let mut body = vec![0; header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let plain = |out: &mut TcpStream, status: &str, extra: &str, text: &str| {
        write!(
            out,
            "HTTP/1.1 {status}\r\n{extra}Content-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        )
    };
    if log.lock().ok()?.len() <= manners.busy {
        return plain(&mut out, "503 Service Unavailable", "Retry-After: 0\r\n", "come again").ok();
    }
    if let Some((status, text)) = &manners.refuses {
        return plain(&mut out, &format!("{status} No"), "", text).ok();
    }
    let wanted = manners.login.as_ref().map(|login| format!("Basic {}", base64(login.as_bytes())));
    if wanted.is_some() && header("authorization") != wanted.as_deref() {
        return plain(&mut out, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"git\"\r\n", "who are you, secret?").ok();
    }
    if let Some((name, value)) = &manners.header
        && header(name) != Some(value)
    {
        return plain(&mut out, "403 Forbidden", "", "not with these headers").ok();
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    if manners.redirects && !path.contains(".git/") {
        let moved = format!("Location: {}?{query}\r\n", path.replace("/info/refs", ".git/info/refs"));
        return plain(&mut out, "301 Moved", &moved, "").ok();
    }
    if path.ends_with("/objects/batch") && !matches!(manners.quirk, Some(Quirk::Absent)) {
        let text = batch(&body, &manners, header("host").unwrap_or_default());
        return write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len()).ok();
    }
    if let Some(oid) = path.strip_prefix("/files/") {
        let before = log.lock().ok()?.iter().filter(|line| line.ends_with(&target)).count();
        let (_, bytes) = manners.files.iter().find(|(known, _)| known == oid)?;
        match &manners.quirk {
            Some(Quirk::Elsewhere(url)) => return plain(&mut out, "302 Found", &format!("Location: {url}{target}\r\n"), "").ok(),
            Some(Quirk::Expired(times)) if before <= *times => {
                return plain(&mut out, "403 Forbidden", "", "this address has expired").ok();
            }
            _ if header("x-token") != Some("t") => return plain(&mut out, "401 Unauthorized", "", "no token").ok(),
            _ => {}
        }
        write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len()).ok()?;
        let sent = if matches!(manners.quirk, Some(Quirk::Cut(times)) if before <= times) { bytes.len() / 2 } else { bytes.len() };
        return out.write_all(&bytes[..sent]).ok();
    }
    let mut backend = Command::new("git");
    backend.arg("http-backend").env("GIT_PROJECT_ROOT", &base).env("GIT_HTTP_EXPORT_ALL", "1");
    backend.env("REQUEST_METHOD", method).env("PATH_INFO", path).env("QUERY_STRING", query);
    backend.env("CONTENT_TYPE", header("content-type").unwrap_or_default()).env("CONTENT_LENGTH", body.len().to_string());
    if let (Some(version), false) = (header("git-protocol"), manners.old) {
        backend.env("GIT_PROTOCOL", version);
    }
    let mut child = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut stdin = child.stdin.take()?;
    thread::spawn(move || stdin.write_all(&body));
    let output = child.wait_with_output().ok()?.stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let kept: String = head.lines().filter(|line| !line.starts_with("Status:")).map(|line| format!("{line}\r\n")).collect();
    let body = &output[end + 4..];
    write!(out, "HTTP/1.1 {status}\r\n{kept}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()).ok()?;
    out.write_all(body).ok()
}

/// The answer of a server of Git LFS.
fn batch(body: &[u8], manners: &Manners, host: &str) -> String {
    let asked: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    let answer = |object: &serde_json::Value| {
        let oid = object["oid"].as_str().unwrap_or_default();
        match manners.files.iter().any(|(known, _)| known == oid) {
            true => serde_json::json!({"oid": oid, "size": object["size"], "actions":
                {"download": {"href": format!("http://{host}/files/{oid}"), "header": {"X-Token": "t"}}}}),
            false => serde_json::json!({"oid": oid, "size": object["size"], "error": {"code": 404, "message": "Object does not exist"}}),
        }
    };
    let objects: Vec<_> = asked["objects"].as_array().into_iter().flatten().map(answer).collect();
    let transfer = if let Some(Quirk::Transfer(name)) = manners.quirk { name } else { "basic" };
    serde_json::json!({"transfer": transfer, "objects": objects}).to_string()
}

fn base64(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().enumerate().fold(0_u32, |sum, (at, byte)| sum | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let letter = if at <= chunk.len() { LETTERS[(number >> (18 - 6 * at)) as usize & 63] as char } else { '=' };
            let _ = write!(text, "{letter}");
        }
    }
    text
}
