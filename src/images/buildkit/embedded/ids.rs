//! Which ids a user may map into a namespace of their own.

use std::fs;

use super::find::Search;
use super::plan::{IdMap, IdRange, Namespace};

/// The namespace for a user: none for root, all their subordinate ids where they can be mapped, else their own id alone.
pub fn namespace(uid: u32, search: &Search) -> Namespace {
    if uid == 0 {
        return Namespace::Root;
    }
    let gid = rustix::process::getegid().as_raw();
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let name = user_name(&read("/etc/passwd"), uid);
    let uids = ranges(&read("/etc/subuid"), uid, name.as_deref());
    let gids = ranges(&read("/etc/subgid"), uid, name.as_deref());
    match (search.program("newuidmap"), search.program("newgidmap")) {
        (Some(newuidmap), Some(newgidmap)) if !uids.is_empty() && !gids.is_empty() => Namespace::Subordinate {
            uids: IdMap { own: uid, ranges: uids, tool: newuidmap },
            gids: IdMap { own: gid, ranges: gids, tool: newgidmap },
        },
        _ => Namespace::SingleId { uid, gid },
    }
}

fn user_name(passwd: &str, uid: u32) -> Option<String> {
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let entry = passwd.lines().map(fields).find(|fields| fields.get(2).is_some_and(|id| *id == uid.to_string()))?;
    entry.into_iter().next()
}

/// A user's lines of /etc/subuid or /etc/subgid, `name-or-uid:first:count`.
fn ranges(file: &str, uid: u32, name: Option<&str>) -> Vec<IdRange> {
    let uid = uid.to_string();
    let range = |line: &str| {
        let mut fields = line.trim().split(':');
        let who = fields.next()?;
        let range = IdRange { first: fields.next()?.parse().ok()?, count: fields.next()?.parse().ok()? };
        (Some(who) == name || who == uid).then_some(range).filter(|range| range.count > 0)
    };
    file.lines().filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_and_by_id() {
        let file = "ann:100000:65536\nbob:165536:65536\n1001:300000:10\nbroken:x:1\nbob:1:0\n";
        let range = |first, count| IdRange { first, count };
        assert_eq!(ranges(file, 1001, Some("bob")), [range(165536, 65536), range(300000, 10)]);
        assert_eq!(ranges(file, 1, None), []);
        assert_eq!(user_name("root:x:0:0::/:/bin/sh\nbob:x:1001:1001::/:/bin/sh\n", 1001).as_deref(), Some("bob"));
    }
}
