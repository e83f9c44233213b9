//! `.dockerignore`: which files of a context are left out.
//!
//! One pattern a line; `#` at its very beginning makes a comment, `!` brings files back. What the lines mean is defined by
//! `moby/patternmatcher` (its `ignorefile`, and `MatchesUsingParentResults` from directory to directory) and by the walk of
//! `tonistiigi/fsutil`, which BuildKit's clients send a context by: patterns count in their order, a directory's matches are its
//! files', and a directory that is left out is entered only where an exception may be inside.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use miette::NamedSource;

use super::error::DockerfileError;
use super::pattern::{Matcher, clean};

/// The patterns of an ignore file, in order. Equal patterns are equal values, with equal hashes and `Debug` texts.
#[derive(Clone, Default)]
pub struct Ignore(Arc<Rules>);

#[derive(Default)]
struct Rules {
    /// As patternmatcher has them: clean, with their `!`.
    patterns: Vec<String>,
    /// For each pattern whether it brings files back.
    exception: Vec<bool>,
    /// Matchers of different patterns, each with the rules that have it.
    matchers: Vec<(Matcher, Vec<u32>)>,
    /// Which matchers need a look, by a piece of text that a path must have, or by the whole path.
    by_piece: HashMap<[u8; 3], Vec<usize>>,
    by_path: HashMap<String, usize>,
    always: Vec<usize>,
    /// The exceptions with a slash at their end, sorted, if no special character is in them: elsewhere nothing comes back.
    exceptions: Option<Vec<String>>,
}

/// The rules that matched a directory, in order.
pub(super) type Matched = Vec<u32>;

/// What is remembered while paths are judged.
#[derive(Default)]
pub(super) struct Memory {
    path: u64,
    /// The last path that a matcher was looked at for.
    looked_at: Vec<u64>,
    /// The rules that match the path itself, in order.
    own: Vec<u32>,
}

impl Ignore {
    /// Parses an ignore file; the path is for people.
    ///
    /// # Errors
    /// A pattern that is none, with its line: BuildKit stops there too.
    pub fn parse(path: &str, text: &str) -> Result<Self, DockerfileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (mut patterns, mut spans, mut start) = (Vec::new(), Vec::new(), 0);
        for whole in text.split_inclusive('\n') {
            let line = whole.trim_end_matches('\n');
            let line = line.strip_suffix('\r').unwrap_or(line);
            if let Some(pattern) = pattern_of_line(line) {
                patterns.push(pattern);
                spans.push(start..start + line.len());
            }
            start += whole.len();
        }
        Ignore::new(&patterns).map_err(|(at, message)| {
            let line = text[..spans[at].start].matches('\n').count() + 1;
            let source_code = Arc::new(NamedSource::new(path, Arc::from(text)));
            DockerfileError::IgnorePattern { path: path.to_owned(), line, message, source_code, span: spans[at].clone().into() }
        })
    }

    /// Takes patterns as they are, each with its `!` if it is an exception. The error names the pattern by its place.
    pub(super) fn new(patterns: &[String]) -> Result<Self, (usize, String)> {
        let mut rules = Rules { exceptions: Some(Vec::new()), ..Rules::default() };
        let mut known: HashMap<&str, usize> = HashMap::new();
        for (at, written) in patterns.iter().enumerate() {
            let (exception, pattern) = written.strip_prefix('!').map_or((false, written.as_str()), |rest| (true, rest));
            if pattern.is_empty() || exception && pattern == "/" {
                return Err((at, "`!` brings nothing back: a pattern belongs after it".into()));
            }
            if exception {
                let literal = pattern.strip_suffix("/**").unwrap_or(pattern);
                let literal = literal.strip_suffix("/*").unwrap_or(literal);
                if literal.contains(['*', '[', ']', '?', '^', '\\']) {
                    rules.exceptions = None;
                }
                if let Some(exceptions) = &mut rules.exceptions {
                    exceptions.push(format!("{literal}/"));
                }
            }
            let matcher = match known.get(pattern) {
                Some(matcher) => *matcher,
                None => {
                    let (matcher, needed) = Matcher::new(pattern).map_err(|message| (at, message))?;
                    known.insert(pattern, rules.matchers.len());
                    rules.place(&matcher, &needed);
                    rules.matchers.push((matcher, Vec::new()));
                    rules.matchers.len() - 1
                }
            };
            rules.matchers[matcher].1.push(u32::try_from(at).unwrap_or(u32::MAX));
            rules.exception.push(exception);
            rules.patterns.push(written.clone());
        }
        if let Some(exceptions) = &mut rules.exceptions {
            exceptions.sort_unstable();
        }
        Ok(Ignore(Arc::new(rules)))
    }

    /// Whether no file is left out.
    pub fn is_empty(&self) -> bool {
        self.0.exception.is_empty()
    }

    /// Whether a file of the context is left out. The path is relative to the context.
    pub fn ignores(&self, path: &str) -> bool {
        let (mut memory, mut parent) = (Memory::default(), Matched::new());
        for (at, _) in path.match_indices('/') {
            let directory = &path[..at];
            let (left_out, matched) = self.judge(directory, &parent, &mut memory);
            if left_out && !self.enters(directory) {
                return true;
            }
            parent = matched;
        }
        self.leaves_out(path, &parent, &mut memory)
    }

    /// Whether the patterns leave a directory out, by what matched the one that it is in; and what matches it, for its own children.
    pub(super) fn judge(&self, path: &str, parent: &[u32], memory: &mut Memory) -> (bool, Matched) {
        let mut matched = Matched::new();
        (self.verdict(path, parent, memory, Some(&mut matched)), matched)
    }

    /// Whether the patterns leave a file out, by what matched the directory that it is in.
    pub(super) fn leaves_out(&self, path: &str, parent: &[u32], memory: &mut Memory) -> bool {
        self.verdict(path, parent, memory, None)
    }

    fn verdict(&self, path: &str, parent: &[u32], memory: &mut Memory, mut matched: Option<&mut Matched>) -> bool {
        let rules = &*self.0;
        rules.match_path(path, memory);
        let exception = |rule: &u32| rules.exception[*rule as usize];
        let (mut left_out, mut rest) = (false, parent);
        for own in &memory.own {
            let (before, behind) = rest.split_at(rest.partition_point(|rule| rule < own));
            left_out = before.last().map_or(left_out, |last| !exception(last));
            if let Some(matched) = &mut matched {
                matched.extend_from_slice(before);
            }
            // A rule that matched the directory counts; another one only if it changes something, and else does not for the children.
            rest = behind;
            if rest.first() != Some(own) && exception(own) == left_out {
                left_out = !exception(own);
                if let Some(matched) = &mut matched {
                    matched.push(*own);
                }
            }
        }
        if let Some(matched) = &mut matched {
            matched.extend_from_slice(rest);
        }
        rest.last().map_or(left_out, |last| !exception(last))
    }

    /// Whether a directory that is left out is looked into.
    pub(super) fn enters(&self, directory: &str) -> bool {
        let Some(exceptions) = &self.0.exceptions else { return true };
        let below = format!("{directory}/");
        let at = exceptions.partition_point(|exception| *exception < below);
        exceptions.get(at).is_some_and(|exception| exception.starts_with(&below))
    }
}

impl Rules {
    /// Notes when to look at the matcher that comes next.
    fn place(&mut self, matcher: &Matcher, needed: &str) {
        let at = self.matchers.len();
        if let Matcher::Exact(path) = matcher {
            self.by_path.insert(path.clone(), at);
            return;
        }
        let bytes = needed.as_bytes();
        // The rarest piece makes for the fewest looks.
        let length = bytes.len().min(3);
        let rarest = match length {
            0 => None,
            length => bytes.windows(length).map(piece).min_by_key(|piece| self.by_piece.get(piece).map_or(0, Vec::len)),
        };
        match rarest {
            Some(piece) => self.by_piece.entry(piece).or_default().push(at),
            None => self.always.push(at),
        }
    }

    /// Finds the rules that match a path itself.
    fn match_path(&self, path: &str, memory: &mut Memory) {
        memory.own.clear();
        memory.path += 1;
        memory.looked_at.resize(self.matchers.len(), 0);
        let mut look = |at: usize| {
            if std::mem::replace(&mut memory.looked_at[at], memory.path) != memory.path && self.matchers[at].0.matches(path) {
                memory.own.extend_from_slice(&self.matchers[at].1);
            }
        };
        if self.matchers.len() <= FEW {
            (0..self.matchers.len()).for_each(look);
        } else {
            self.always.iter().chain(self.by_path.get(path)).for_each(|at| look(*at));
            let lengths = if self.by_piece.is_empty() { 1..1 } else { 1..4 };
            for window in lengths.flat_map(|length| path.as_bytes().windows(length)) {
                self.by_piece.get(&piece(window)).into_iter().flatten().for_each(|at| look(*at));
            }
        }
        memory.own.sort_unstable();
    }
}

/// So many matchers are all looked at: cheaper than to find out which need not be.
const FEW: usize = 32;

/// Up to three bytes as a key. No path has a zero byte.
fn piece(bytes: &[u8]) -> [u8; 3] {
    let mut key = [0; 3];
    key[..bytes.len()].copy_from_slice(bytes);
    key
}

/// The pattern of a line, if it has one.
fn pattern_of_line(line: &str) -> Option<String> {
    let line = if line.starts_with('#') { "" } else { line.trim() };
    let (mark, pattern) = line.strip_prefix('!').map_or(("", line), |rest| ("!", rest.trim()));
    if line.is_empty() {
        return None;
    }
    let pattern = match pattern {
        "" => String::new(),
        pattern => go_clean(pattern),
    };
    Some(format!("{mark}{pattern}"))
}

/// A pattern of `--exclude`, clean.
pub(super) fn pattern_of_flag(text: &str) -> Option<String> {
    let text = text.trim();
    let root = if text.starts_with('/') { "/" } else { "" };
    (!text.is_empty()).then(|| format!("{root}{}", go_clean(text).trim_start_matches('/')))
}

/// `filepath.Clean` without the leading slash: what leads out of the context stays, and so matches nothing.
fn go_clean(pattern: &str) -> String {
    if let Some(absolute) = pattern.strip_prefix('/') {
        let path = clean(absolute);
        return if path.is_empty() { "/".into() } else { path };
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".into() } else { parts.join("/") }
}

impl PartialEq for Ignore {
    fn eq(&self, other: &Self) -> bool {
        self.0.patterns == other.0.patterns
    }
}

impl Eq for Ignore {}

impl Hash for Ignore {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.patterns.hash(state);
    }
}

impl std::fmt::Debug for Ignore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Ignore").field(&self.0.patterns).finish()
    }
}
