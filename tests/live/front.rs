//! What stands between werf and a server: it counts requests and kills whoever sends a certain one, or it stops forwarding.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::spawn;

use rustix::process::{Pid, Signal, kill_process};

/// The end of the line that begins a request.
const REQUEST: &[u8] = b" HTTP/1.1\r\n";

/// Counts the requests of all fronts of one run, and kills a process at one of them.
#[derive(Default)]
pub struct Trap {
    seen: AtomicUsize,
    state: Mutex<State>,
    aimed: Condvar,
}

#[derive(Default)]
struct State {
    at: usize,
    victim: Option<Pid>,
}

impl Trap {
    /// Kills at this request; never where it is 0.
    pub fn new(at: usize) -> Arc<Self> {
        Arc::new(Trap { state: Mutex::new(State { at, victim: None }), ..Trap::default() })
    }

    /// Says whom.
    pub fn aim(&self, pid: u32) {
        self.state.lock().expect("a lock").victim = Pid::from_raw(pid.cast_signed());
        self.aimed.notify_all();
    }

    /// Kills nobody any more.
    pub fn disarm(&self) {
        self.state.lock().expect("a lock").at = 0;
    }

    /// How many requests came so far.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    /// Takes a request; `false` where it is to be lost: every second one that kills.
    fn pass(&self) -> bool {
        let number = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let mut state = self.state.lock().expect("a lock");
        if state.at != number {
            return true;
        }
        while state.victim.is_none() {
            state = self.aimed.wait(state).expect("a lock");
        }
        // it may have ended by itself, when the builder is the one that asks
        let _ = state.victim.map(|pid| kill_process(pid, Signal::KILL));
        number.is_multiple_of(2)
    }
}

/// A front of a server that speaks plain HTTP; gives where it listens. It lasts as long as the tests do.
pub fn counting(to: &str, trap: &Arc<Trap>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (to, trap) = (to.to_owned(), trap.clone());
    spawn(move || {
        for client in listener.incoming().flatten() {
            let (to, trap) = (to.clone(), trap.clone());
            spawn(move || forward(client, TcpStream::connect(to).ok()?, &trap));
        }
    });
    address
}

fn forward(mut client: TcpStream, mut server: TcpStream, trap: &Trap) -> Option<()> {
    let (mut answers, mut back) = (server.try_clone().ok()?, client.try_clone().ok()?);
    spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut buffer = vec![0; 64 << 10];
    let mut line: Vec<u8> = Vec::new();
    loop {
        let read = client.read(&mut buffer).unwrap_or(0);
        line.extend_from_slice(&buffer[..read]);
        let begun = line.windows(REQUEST.len()).filter(|part| *part == REQUEST).count();
        // what may be the beginning of such an end is looked at again
        line.drain(..line.len().saturating_sub(REQUEST.len() - 1));
        let all_pass = (0..begun).all(|_| trap.pass());
        if read == 0 || !all_pass || server.write_all(&buffer[..read]).is_err() {
            let _ = server.shutdown(if read == 0 { Shutdown::Write } else { Shutdown::Both });
            if read > 0 {
                let _ = client.shutdown(Shutdown::Both);
            }
            return Some(());
        }
    }
}

/// A front of a server on a socket, which can stop to forward in both directions and close nothing.
pub struct Silencer {
    path: PathBuf,
    is_silent: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<UnixStream>>>,
}

impl Silencer {
    /// At a path, before the socket of a server.
    pub fn new(path: PathBuf, to: &Path) -> Self {
        let listener = UnixListener::bind(&path).expect("a socket");
        let front = Silencer { path, is_silent: Arc::default(), streams: Arc::default() };
        let (to, is_silent, streams) = (to.to_owned(), front.is_silent.clone(), front.streams.clone());
        spawn(move || {
            for client in listener.incoming().flatten() {
                let server = UnixStream::connect(&to).expect("the server listens");
                let both = [(&client, &server), (&server, &client)];
                for (from, to) in both.map(|(from, to)| (from.try_clone().expect("a stream"), to.try_clone().expect("a stream"))) {
                    let is_silent = is_silent.clone();
                    spawn(move || while !is_silent.load(Ordering::SeqCst) && pass_on(&from, &to).is_some() {});
                }
                streams.lock().expect("a lock").extend([client, server]);
            }
        });
        front
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// Forwards nothing any more.
    pub fn fall_silent(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }
}

/// Passes on what comes next; nothing at the end. What came while the front fell silent is lost.
fn pass_on(mut from: &UnixStream, mut to: &UnixStream) -> Option<()> {
    let mut buffer = vec![0; 64 << 10];
    match from.read(&mut buffer) {
        Ok(read) if read > 0 && to.write_all(&buffer[..read]).is_ok() => Some(()),
        _ => {
            let _ = to.shutdown(Shutdown::Write);
            None
        }
    }
}

impl Drop for Silencer {
    fn drop(&mut self) {
        for stream in self.streams.lock().expect("a lock").iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
