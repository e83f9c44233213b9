//! A commit's identity and times.

use crate::file_tree::ObjectId;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: ObjectId,
    /// Its root tree.
    pub tree: ObjectId,
    /// Its parents, first parent first.
    pub parents: Vec<ObjectId>,
    /// When the change was written: `.Commit.Date` of templates.
    pub authored: Moment,
    /// When the commit was made: what cleanup counts by.
    pub committed: Moment,
}

impl Commit {
    /// The first seven digits of the id, for messages.
    pub fn short(&self) -> String {
        short(self.id)
    }
}

/// The first seven digits of an id.
pub(super) fn short(id: ObjectId) -> String {
    let mut text = id.to_string();
    text.truncate(7);
    text
}

/// A point in time as a commit records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Seconds since 1970-01-01 UTC.
    pub seconds: i64,
    /// Offset of the writer's clock from UTC in seconds, east is positive.
    pub offset: i32,
}

impl Moment {
    /// The text that Go's `time.Time` prints: `2026-03-01 12:30:00 +0300 +0300`, and `… +0000 UTC` without an offset.
    pub fn human(&self) -> String {
        let zone = match self.offset {
            0 => "+0000 UTC".to_owned(),
            offset => {
                let sign = if offset < 0 { '-' } else { '+' };
                let minutes = offset.unsigned_abs() / 60;
                let zone = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
                format!("{zone} {zone}")
            }
        };
        let local = self.seconds.saturating_add(i64::from(self.offset));
        match jiff::Timestamp::from_second(local) {
            Ok(time) => format!("{} {zone}", time.strftime("%Y-%m-%d %H:%M:%S")),
            Err(_) => format!("{} {zone}", self.seconds),
        }
    }
}

impl From<gix::date::Time> for Moment {
    fn from(time: gix::date::Time) -> Self {
        Moment { seconds: time.seconds, offset: time.offset }
    }
}

pub(super) fn from_gix(commit: &gix::Commit<'_>) -> Result<Commit, gix::Error> {
    Ok(Commit {
        id: to_id(&commit.id),
        tree: to_id(&commit.tree_id()?),
        parents: commit.parent_ids().map(|id| to_id(&id)).collect(),
        authored: commit.author()?.time()?.into(),
        committed: commit.time()?.into(),
    })
}

/// Our id of gix's. Repositories with other ids than SHA-1 are not opened, so the length always fits.
pub(super) fn to_id(id: &gix::oid) -> ObjectId {
    let mut bytes = [0; 20];
    bytes.copy_from_slice(id.as_bytes());
    ObjectId(bytes)
}

/// gix's id of ours.
pub(super) fn to_gix(id: ObjectId) -> gix::ObjectId {
    gix::ObjectId::Sha1(id.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_print_as_go_prints_them() {
        let cases = [
            (0, 0, "1970-01-01 00:00:00 +0000 UTC"),
            (1_767_225_600, 10_800, "2026-01-01 03:00:00 +0300 +0300"),
            (1_767_225_600, -12_600, "2025-12-31 20:30:00 -0330 -0330"),
        ];
        for (seconds, offset, text) in cases {
            assert_eq!(Moment { seconds, offset }.human(), text);
        }
    }
}
