//! Records of what runs found: which image a commit has, where its files alone do not tell.
//!
//! A record is a tag of its own beside the images. Its name says all, so that a list of tags is enough to know every record.

use crate::file_tree::ObjectId;
use crate::registry::reference::Tag;

/// What the tags of records begin with.
const PREFIX: &str = "werf-found-";

/// Digits of an image's tag that a record has.
const DIGITS: usize = 40;

/// At a commit an image was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The commit.
    pub commit: ObjectId,
    /// The beginning of the image's tag.
    pub image: String,
}

impl Record {
    /// That an image with a tag was found at a commit; `None` if the tag is no content digest.
    pub fn new(commit: ObjectId, image: &Tag) -> Option<Self> {
        image.is_content_digest().then(|| Record { commit, image: Record::beginning(image.as_str()).to_owned() })
    }

    /// Reads the tag of a record; `None` for any other tag.
    pub fn parse(tag: &Tag) -> Option<Self> {
        let (commit, image) = tag.as_str().strip_prefix(PREFIX)?.split_once('-')?;
        let is_whole = image.len() == DIGITS && image.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_whole.then_some(Record { commit: ObjectId::parse(commit)?, image: image.to_owned() })
    }

    /// The record's tag.
    pub fn tag(&self) -> String {
        format!("{PREFIX}{}-{}", self.commit, self.image)
    }

    /// What a record has of an image's tag.
    pub fn beginning(tag: &str) -> &str {
        tag.get(..DIGITS).unwrap_or(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_its_tag() {
        let commit = ObjectId([0x12; 20]);
        let image = Tag::parse(&"ab".repeat(32)).unwrap();
        let record = Record::new(commit, &image).unwrap();
        let tag = format!("werf-found-{}-{}", "12".repeat(20), "ab".repeat(20));
        assert_eq!(record.tag(), tag);
        assert_eq!(Record::parse(&Tag::parse(&tag).unwrap()), Some(record));
        for other in ["latest", "werf-found-12-ab", &tag[..tag.len() - 1], &"ab".repeat(32)] {
            assert_eq!(Record::parse(&Tag::parse(other).unwrap()), None, "{other}");
        }
        assert_eq!(Record::new(commit, &Tag::parse("v1").unwrap()), None);
    }
}
