//! A decision as text for people and as JSON for programs.

use std::fmt;

use serde::Serialize;
use serde::ser::SerializeStruct;

use super::{Decision, Fate, Reason, Verdict};

/// One line per tag, those that go first.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let goes = |fate: &&Fate| matches!(fate.verdict, Verdict::Delete(_));
        let widest = |text: fn(&Fate) -> &str| self.fates.iter().map(|fate| text(fate).chars().count()).max().unwrap_or(0);
        let (names, tags) = (widest(name), widest(short_tag));
        let ordered = self.fates.iter().filter(goes).chain(self.fates.iter().filter(|fate| !goes(fate)));
        for fate in ordered {
            let (verb, reason) = match &fate.verdict {
                Verdict::Delete(reason) => ("delete", reason.clone()),
                Verdict::Keep(reasons) => ("keep  ", brief(reasons)),
            };
            writeln!(f, "{verb}  {:names$}  {:tags$}  {reason}", name(fate), short_tag(fate))?;
        }
        Ok(())
    }
}

/// The first three reasons: an image may be wanted by a hundred branches.
fn brief(reasons: &[Reason]) -> String {
    let shown = reasons.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match reasons.len() {
        0..=3 => shown,
        all => format!("{shown}; and {} more", all - 3),
    }
}

fn name(fate: &Fate) -> &str {
    fate.image.as_deref().unwrap_or("-")
}

/// The first 12 digits of a content digest tell images apart; another tag is shown whole.
fn short_tag(fate: &Fate) -> &str {
    short(fate.tag.as_str())
}

pub(super) fn short(tag: &str) -> &str {
    if tag.len() == 64 { tag.get(..12).unwrap_or(tag) } else { tag }
}

impl Serialize for Decision {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Decision", 2)?;
        out.serialize_field("counts", &self.counts())?;
        out.serialize_field("images", &self.fates)?;
        out.end()
    }
}

impl Serialize for Fate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Fate", 5)?;
        out.serialize_field("image", &self.image)?;
        out.serialize_field("tag", self.tag.as_str())?;
        out.serialize_field("digest", self.digest.as_str())?;
        let (action, reasons) = match &self.verdict {
            Verdict::Delete(reason) => ("delete", vec![reason.clone()]),
            Verdict::Keep(reasons) => ("keep", reasons.iter().map(ToString::to_string).collect()),
        };
        out.serialize_field("action", action)?;
        out.serialize_field("reasons", &reasons)?;
        out.end()
    }
}
