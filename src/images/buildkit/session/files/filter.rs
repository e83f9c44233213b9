//! Which files a daemon asks for.
//!
//! A frontend narrows a transfer by include patterns and by the paths that its instructions copy. Sending more than that is right
//! too, only slower, so what is not understood here passes. Exclude patterns are for the source: it gives no file that a build
//! may not see.

use tonic::metadata::MetadataMap;

/// The paths asked for; empty for all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    include: Vec<String>,
    follow: Vec<String>,
}

impl Filter {
    /// Reads the metadata of a request.
    pub fn read(metadata: &MetadataMap) -> Self {
        Filter { include: texts(metadata, "include-patterns"), follow: texts(metadata, "followpaths") }
    }

    /// Whether a file is to be sent. Where the source has symbolic links, a followed path may lead anywhere.
    pub fn passes(&self, path: &str, source_has_links: bool) -> bool {
        let all = self.include.is_empty() && self.follow.is_empty();
        let anywhere = !self.follow.is_empty() && source_has_links;
        all || anywhere || self.include.iter().chain(&self.follow).any(|pattern| may_match(pattern, path))
    }
}

/// Whether a pattern names the path, a directory above it, or anything that is not plain.
fn may_match(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches('/').trim_end_matches('/');
    let plain = !pattern.contains(['*', '?', '[', '\\', '!']);
    let below = || path.strip_prefix(pattern).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !plain || pattern.is_empty() || pattern == "." || below()
}

fn texts(metadata: &MetadataMap, key: &str) -> Vec<String> {
    let encoded = metadata.get(format!("{key}-encoded")).is_some_and(|value| value == "1" || value == "true");
    let text = |value: &str| if encoded { unescape(value) } else { value.to_owned() };
    metadata.get_all(key).iter().filter_map(|value| value.to_str().ok().map(text)).collect()
}

/// Undoes URL query escaping.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |at: usize| tail.get(at).and_then(|byte| (*byte as char).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            (b'+', ..) => {
                bytes.push(b' ');
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_patterns_narrow_and_others_pass() {
        let filter = |include: &[&str], follow: &[&str]| Filter {
            include: include.iter().map(|text| text.to_string()).collect(),
            follow: follow.iter().map(|text| text.to_string()).collect(),
        };
        let cases = [
            (filter(&[], &[]), "a/b", false, true),
            (filter(&["Dockerfile"], &[]), "Dockerfile", false, true),
            (filter(&["Dockerfile"], &[]), "Dockerfile.old", false, false),
            (filter(&["/src/"], &[]), "src/a/b", false, true),
            (filter(&["*.go"], &[]), "a", false, true),
            (filter(&[], &["src"]), "lib/a", false, false),
            (filter(&[], &["src"]), "lib/a", true, true),
            (filter(&["."], &[]), "a", false, true),
        ];
        for (filter, path, links, expect) in cases {
            assert_eq!(filter.passes(path, links), expect, "{filter:?} {path}");
        }
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape("a%20b+c%C3%A4%2"), "a b cä%2");
    }
}
