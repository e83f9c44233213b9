//! The exec op: a process in a container.

use std::collections::BTreeSet;

use super::mount::{Mount, MountKind, Sharing};
use super::note::Note;
use super::pb;
use super::state::{Inputs, NONE, Output, Scope, State, vertex};
use crate::platform::Platform;

/// A process to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Exec {
    /// Program and arguments; at least the program.
    pub args: Vec<String>,
    /// `(name, value)` in order; the daemon adds PATH if it is missing.
    pub env: Vec<(String, String)>,
    /// Working directory, absolute.
    pub cwd: String,
    /// `user`, `uid`, `user:group`; empty for root.
    pub user: String,
    /// Host name; empty for the daemon's.
    pub hostname: String,
    /// Mounts besides the root.
    pub mounts: Vec<Mount>,
    /// Secrets as variables.
    pub secrets: Vec<SecretVariable>,
    /// Network.
    pub network: Network,
    /// `(host name, address)` lines of the hosts file.
    pub extra_hosts: Vec<(String, String)>,
    /// Whether the root file system is read-only; the root output then is the root itself.
    pub read_only_root: bool,
    /// Exit codes that count as success; empty for 0 alone.
    pub valid_exit_codes: Vec<i32>,
    /// Platform; `None` for that of the state.
    pub platform: Option<Platform>,
}

/// A secret of the session as an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretVariable {
    /// Name of the variable.
    pub name: String,
    /// Id in the session.
    pub id: String,
    /// Whether a build without the secret goes on.
    pub optional: bool,
}

/// Network of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The daemon's default.
    #[default]
    Default,
    /// The daemon's own; needs the entitlement `network.host`.
    Host,
    /// Only a loopback device.
    None,
}

/// What a process left behind.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// The root file system after it.
    pub root: State,
    mounts: Vec<(String, State)>,
}

impl Outputs {
    /// A read-write mount after the process, by its destination.
    pub fn mount(&self, dest: &str) -> Option<&State> {
        self.mounts.iter().find(|(known, _)| known == dest).map(|(_, state)| state)
    }
}

impl Exec {
    /// A program with its arguments, as root in `/`.
    pub fn new<A: Into<String>>(args: impl IntoIterator<Item = A>) -> Self {
        Exec {
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            cwd: "/".into(),
            user: String::new(),
            hostname: String::new(),
            mounts: Vec::new(),
            secrets: Vec::new(),
            network: Network::Default,
            extra_hosts: Vec::new(),
            read_only_root: false,
            valid_exit_codes: Vec::new(),
            platform: None,
        }
    }

    /// A command for `/bin/sh -c`.
    pub fn shell(command: impl Into<String>) -> Self {
        Exec::new(["/bin/sh".to_owned(), "-c".to_owned(), command.into()])
    }

    /// The same process in a directory.
    pub fn cwd(self, cwd: impl Into<String>) -> Self {
        Exec { cwd: cwd.into(), ..self }
    }

    /// The same process with one more variable; a variable of that name is replaced.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value));
        self
    }

    /// The same process with one more mount.
    pub fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }
}

impl State {
    /// Runs a process on this state and gives the root file system after it.
    pub fn exec(&self, exec: Exec, note: Note) -> State {
        self.exec_outputs(exec, note).root
    }

    /// Runs a process on this state and gives all that it may have changed.
    pub fn exec_outputs(&self, exec: Exec, note: Note) -> Outputs {
        let mut made = Making { inputs: Inputs::default(), caps: ["exec.meta.base"].into(), outputs: 0, mounts: Vec::new() };
        let mut writable = Vec::new();

        // The order of BuildKit's own client: states by destination, then secrets, then agents.
        let root = if self.is_scratch() || !exec.read_only_root {
            MountKind::ReadWrite { from: self.clone(), path: String::new() }
        } else {
            MountKind::ReadOnly { from: self.clone(), path: String::new() }
        };
        let root = Mount { dest: "/".into(), kind: root };
        let rank = |mount: &Mount| match mount.kind {
            MountKind::Secret { .. } => (1, String::new()),
            MountKind::Ssh { .. } => (2, String::new()),
            _ => (0, mount.dest.clone()),
        };
        let mut mounts: Vec<&Mount> = exec.mounts.iter().chain([&root]).collect();
        mounts.sort_by_key(|mount| rank(mount));
        for mount in mounts {
            if let Some(index) = made.add(mount) {
                writable.push((mount.dest.clone(), index));
            }
        }

        let platform = exec.platform.clone().or_else(|| self.platform().cloned());
        let op = made.op(&exec);
        let vertex = vertex(pb::op::Op::Exec(op), made.inputs, platform, Scope::Specific, made.caps, note);
        let output = |index: i64| State(Some(Output { vertex: vertex.clone(), index }));
        let states = writable.into_iter().map(|(dest, index)| (dest, output(index)));
        let (roots, mounts): (Vec<_>, Vec<_>) = states.partition(|(dest, _)| dest == "/");
        Outputs { root: roots.into_iter().next().map_or_else(|| self.clone(), |(_, state)| state), mounts }
    }
}

struct Making {
    inputs: Inputs,
    caps: BTreeSet<&'static str>,
    outputs: i64,
    mounts: Vec<pb::Mount>,
}

impl Making {
    /// Adds a mount; gives its output's index where it has one.
    fn add(&mut self, mount: &Mount) -> Option<i64> {
        let mut message = pb::Mount { dest: mount.dest.clone(), input: NONE, output: NONE, ..Default::default() };
        match &mount.kind {
            MountKind::ReadWrite { from, path } => {
                self.select(&mut message, from, path);
                message.output = self.outputs;
                self.outputs += 1;
            }
            MountKind::ReadOnly { from, path } => {
                self.select(&mut message, from, path);
                message.readonly = true;
            }
            MountKind::Cache { id, sharing, from } => {
                message.input = self.inputs.add(from);
                message.set_mount_type(pb::MountType::Cache);
                let sharing = match sharing {
                    Sharing::Shared => pb::CacheSharingOpt::Shared,
                    Sharing::Private => pb::CacheSharingOpt::Private,
                    Sharing::Locked => pb::CacheSharingOpt::Locked,
                };
                message.cache_opt = Some(pb::CacheOpt { id: id.clone(), sharing: sharing.into() });
                self.caps.extend(["exec.mount.cache", "exec.mount.cache.sharing"]);
            }
            MountKind::Tmpfs { size } => {
                message.set_mount_type(pb::MountType::Tmpfs);
                message.tmpfs_opt = Some(pb::TmpfsOpt { size: *size });
                self.caps.insert("exec.mount.tmpfs");
                if *size > 0 {
                    self.caps.insert("exec.mount.tmpfs.size");
                }
            }
            MountKind::Secret { id, mode, uid, gid, optional } => {
                message.output = 0; // no output either way; the other client leaves the field out
                message.set_mount_type(pb::MountType::Secret);
                message.secret_opt = Some(pb::SecretOpt { id: id.clone(), mode: *mode, uid: *uid, gid: *gid, optional: *optional });
                self.caps.insert("exec.mount.secret");
            }
            MountKind::Ssh { id, mode, uid, gid, optional } => {
                message.output = 0;
                message.set_mount_type(pb::MountType::Ssh);
                message.ssh_opt = Some(pb::SshOpt { id: id.clone(), mode: *mode, uid: *uid, gid: *gid, optional: *optional });
                self.caps.insert("exec.mount.ssh");
            }
        }
        let output = matches!(mount.kind, MountKind::ReadWrite { .. }).then_some(message.output);
        self.mounts.push(message);
        output
    }

    fn select(&mut self, message: &mut pb::Mount, from: &State, path: &str) {
        message.input = self.inputs.add(from);
        message.selector = path.to_owned();
        if message.input != NONE {
            self.caps.insert("exec.mount.bind");
        }
        if !path.is_empty() {
            self.caps.insert("exec.mount.selector");
        }
    }

    fn op(&mut self, exec: &Exec) -> pb::ExecOp {
        let network = match exec.network {
            Network::Default => pb::NetMode::Unset,
            Network::Host => pb::NetMode::Host,
            Network::None => pb::NetMode::None,
        };
        if exec.network != Network::Default {
            self.caps.insert("exec.meta.network");
        }
        if !exec.secrets.is_empty() {
            self.caps.extend(["exec.mount.secret", "exec.secretenv"]);
        }
        if !exec.valid_exit_codes.is_empty() {
            self.caps.insert("exec.validexitcode");
        }
        self.caps.insert("exec.meta.setsdefaultpath");
        let secret =
            |secret: &SecretVariable| pb::SecretEnv { id: secret.id.clone(), name: secret.name.clone(), optional: secret.optional };
        pb::ExecOp {
            meta: Some(pb::Meta {
                args: exec.args.clone(),
                env: exec.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
                cwd: exec.cwd.clone(),
                user: exec.user.clone(),
                hostname: exec.hostname.clone(),
                extra_hosts: exec.extra_hosts.iter().map(|(host, ip)| pb::HostIp { host: host.clone(), ip: ip.clone() }).collect(),
                remove_mount_stubs_recursive: true,
                valid_exit_codes: exec.valid_exit_codes.clone(),
                ..Default::default()
            }),
            mounts: std::mem::take(&mut self.mounts),
            network: network.into(),
            secretenv: exec.secrets.iter().map(secret).collect(),
            ..Default::default()
        }
    }
}
