//! The file op: one or more changes of files, done by the daemon without a container.

use std::collections::BTreeSet;

use super::note::Note;
use super::pb;
use super::state::{Inputs, NONE, Scope, State, first_output, vertex};

/// One change of files. Paths are absolute; a relative one is taken from `/`.
#[derive(Clone, Debug, PartialEq)]
pub enum FileAction {
    /// Copies from a state.
    Copy(Copy),
    /// Makes a directory.
    Mkdir(Mkdir),
    /// Writes a file.
    Mkfile(Mkfile),
    /// Removes files.
    Rm(Rm),
    /// Makes a symbolic link.
    Symlink(Symlink),
}

/// Copies files from a state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copy {
    /// Where from; scratch stands for an empty directory.
    pub from: State,
    /// Path there, a pattern if `wildcard` is set.
    pub src: String,
    /// Path here; with a trailing `/` a directory to copy into.
    pub dest: String,
    /// Owner of the copies; `None` for the source's (0:0 of a local source).
    pub owner: Option<Owner>,
    /// Permissions of the copies; `None` for the source's.
    pub mode: Option<u32>,
    /// Modification time of the copies, nanoseconds since the epoch; `None` for the source's.
    pub timestamp: Option<i64>,
    /// Follows a symbolic link that `src` is.
    pub follow_symlinks: bool,
    /// Copies a directory's contents instead of the directory.
    pub contents_only: bool,
    /// Unpacks an archive, as ADD does.
    pub unpack: bool,
    /// Makes the directories above `dest`.
    pub create_parents: bool,
    /// Reads `*`, `?` and `[…]` in `src`.
    pub wildcard: bool,
    /// A pattern that matches nothing is no error.
    pub allow_empty_wildcard: bool,
    /// Patterns of paths to copy; empty for all.
    pub include: Vec<String>,
    /// Patterns of paths to leave out.
    pub exclude: Vec<String>,
    /// A file may take a directory's place and the other way round.
    pub replace_existing: bool,
}

/// Makes a directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mkdir {
    /// Path.
    pub path: String,
    /// Permissions.
    pub mode: u32,
    /// Makes the directories above, and is content with one that exists.
    pub parents: bool,
    /// Owner; `None` for 0:0.
    pub owner: Option<Owner>,
    /// Modification time, nanoseconds since the epoch; `None` for the time of the build.
    pub timestamp: Option<i64>,
}

/// Writes a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mkfile {
    /// Path; its directory exists.
    pub path: String,
    /// Permissions.
    pub mode: u32,
    /// Content; it is a part of the definition, so keep it small.
    pub data: Vec<u8>,
    /// Owner; `None` for 0:0.
    pub owner: Option<Owner>,
    /// Modification time, nanoseconds since the epoch; `None` for the time of the build.
    pub timestamp: Option<i64>,
}

/// Removes files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rm {
    /// Path, a pattern if `wildcard` is set.
    pub path: String,
    /// Nothing there is no error.
    pub allow_missing: bool,
    /// Reads `*`, `?` and `[…]`.
    pub wildcard: bool,
}

/// Makes a symbolic link.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Symlink {
    /// Where it points.
    pub target: String,
    /// Path of the link.
    pub path: String,
    /// Owner; `None` for 0:0.
    pub owner: Option<Owner>,
    /// Modification time, nanoseconds since the epoch; `None` for the time of the build.
    pub timestamp: Option<i64>,
}

/// An owner. Of a copy, a user alone gives the group of its account, or that of the same number; a group alone gives root's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub user: Option<Account>,
    /// Group.
    pub group: Option<Account>,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// By number.
    Id(u32),
    /// By name, looked up in the files of the state that is changed.
    Name(String),
}

impl Owner {
    /// A user and a group by number.
    pub fn ids(user: u32, group: u32) -> Self {
        Owner { user: Some(Account::Id(user)), group: Some(Account::Id(group)) }
    }

    /// Reads `user`, `user:group` or `:group`, each a number or a name.
    pub fn parse(text: &str) -> Self {
        let account = |text: &str| (!text.is_empty()).then(|| text.parse().map_or_else(|_| Account::Name(text.into()), Account::Id));
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        Owner { user: account(user), group: account(group) }
    }
}

impl State {
    /// Changes files one after another, as one vertex. Without actions the state stays as it is.
    pub fn file(&self, actions: impl IntoIterator<Item = FileAction>, note: Note) -> State {
        let actions: Vec<FileAction> = actions.into_iter().collect();
        let Some(last) = actions.len().checked_sub(1) else { return self.clone() };
        let mut inputs = Inputs::default();
        let base = inputs.add(self);
        let sources: Vec<i64> = actions
            .iter()
            .map(|action| match action {
                FileAction::Copy(copy) => inputs.add(&copy.from),
                _ => NONE,
            })
            .collect();
        let actions_from = inputs.len();
        let mut caps = BTreeSet::from(["file.base"]);
        let message = |(index, action): (usize, &FileAction)| pb::FileAction {
            input: if index == 0 { base } else { actions_from + index as i64 - 1 },
            secondary_input: sources[index],
            output: if index == last { 0 } else { NONE },
            action: Some(action_message(action, base, &mut caps)),
        };
        let op = pb::FileOp { actions: actions.iter().enumerate().map(message).collect() };
        let platform = self.platform().cloned();
        first_output(vertex(pb::op::Op::File(op), inputs, platform, Scope::Neutral, caps, note))
    }

    /// Copies files from a state, as a vertex of its own.
    pub fn copy(&self, copy: Copy, note: Note) -> State {
        self.file([FileAction::Copy(copy)], note)
    }
}

fn action_message(action: &FileAction, base: i64, caps: &mut BTreeSet<&'static str>) -> pb::file_action::Action {
    use pb::file_action::Action;
    match action {
        FileAction::Copy(copy) => {
            if !copy.include.is_empty() || !copy.exclude.is_empty() {
                caps.insert("file.copy.includeexcludepatterns");
            }
            if copy.replace_existing {
                caps.insert("file.copy.alwaysreplaceexistingdestpaths");
            }
            Action::Copy(pb::FileActionCopy {
                src: absolute(&copy.src, Slash::Drop),
                dest: absolute(&copy.dest, Slash::Keep),
                owner: copy.owner.as_ref().map(|owner| owner_message(owner, base)),
                mode: copy.mode.map_or(-1, |mode| mode as i32),
                follow_symlink: copy.follow_symlinks,
                dir_copy_contents: copy.contents_only,
                attempt_unpack_docker_compatibility: copy.unpack,
                create_dest_path: copy.create_parents,
                allow_wildcard: copy.wildcard,
                allow_empty_wildcard: copy.allow_empty_wildcard,
                timestamp: copy.timestamp.unwrap_or(-1),
                include_patterns: copy.include.clone(),
                exclude_patterns: copy.exclude.clone(),
                always_replace_existing_dest_paths: copy.replace_existing,
                ..Default::default()
            })
        }
        FileAction::Mkdir(mkdir) => Action::Mkdir(pb::FileActionMkDir {
            path: absolute(&mkdir.path, Slash::Drop),
            mode: mkdir.mode as i32,
            make_parents: mkdir.parents,
            owner: mkdir.owner.as_ref().map(|owner| owner_message(owner, base)),
            timestamp: mkdir.timestamp.unwrap_or(-1),
        }),
        FileAction::Mkfile(mkfile) => Action::Mkfile(pb::FileActionMkFile {
            path: absolute(&mkfile.path, Slash::Drop),
            mode: mkfile.mode as i32,
            data: mkfile.data.clone(),
            owner: mkfile.owner.as_ref().map(|owner| owner_message(owner, base)),
            timestamp: mkfile.timestamp.unwrap_or(-1),
        }),
        FileAction::Rm(rm) => {
            if rm.wildcard {
                caps.insert("file.rm.wildcard");
            }
            Action::Rm(pb::FileActionRm {
                path: absolute(&rm.path, Slash::Drop),
                allow_not_found: rm.allow_missing,
                allow_wildcard: rm.wildcard,
            })
        }
        FileAction::Symlink(link) => {
            caps.insert("file.symlink.create");
            Action::Symlink(pb::FileActionSymlink {
                oldpath: link.target.clone(),
                newpath: absolute(&link.path, Slash::Drop),
                owner: link.owner.as_ref().map(|owner| owner_message(owner, base)),
                timestamp: link.timestamp.unwrap_or(-1),
            })
        }
    }
}

fn owner_message(owner: &Owner, base: i64) -> pb::ChownOpt {
    use pb::user_opt::User;
    let account = |account: &Account| pb::UserOpt {
        user: Some(match account {
            Account::Id(id) => User::ById(*id),
            Account::Name(name) => User::ByName(pb::NamedUserOpt { name: name.clone(), input: base }),
        }),
    };
    pb::ChownOpt { user: owner.user.as_ref().map(account), group: owner.group.as_ref().map(account) }
}

enum Slash {
    Drop,
    Keep,
}

/// An absolute path without `.`, `..` and doubled slashes.
fn absolute(path: &str, slash: Slash) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut clean = format!("/{}", parts.join("/"));
    if matches!(slash, Slash::Keep) && clean != "/" && path.ends_with('/') {
        clean.push('/');
    }
    clean
}
