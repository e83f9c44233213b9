//! What a commit's `.gitattributes` say of a file's bytes: gitattributes(5) as far as a checkout on Linux obeys it.
//!
//! Only the files of the commit count. `info/attributes` and `core.attributesFile` are the machine's own, and the names of images have to
//! be the same on every machine. A directory's rules stand on those of the directory above; a directory without rules costs nothing.

use std::collections::HashMap;
use std::sync::Arc;

use gix::attrs::StateRef;
use gix::bstr::{BStr, ByteSlice};
use gix::glob::{Pattern, pattern::Case, wildmatch};

use crate::file_tree::{Conversion, Eol, ObjectId, blob_id};

/// The name of the files that are read.
pub(super) const ATTRIBUTES: &str = ".gitattributes";

/// Longer lines and bigger files are no attributes to Git.
const LONGEST_LINE: usize = 2048;
const LARGEST_FILE: usize = 100 << 20;

/// The attributes that a checkout obeys. Macros follow them in [`Macros`].
const NAMES: [&str; 6] = ["text", "crlf", "eol", "ident", "filter", "working-tree-encoding"];
const TEXT: usize = 0;
const CRLF: usize = 1;
const EOL: usize = 2;
const IDENT: usize = 3;
const FILTER: usize = 4;
const ENCODING: usize = 5;

/// The rules of one directory, on those of the directories above.
#[derive(Debug)]
pub(super) struct Rules {
    above: Option<Arc<Rules>>,
    /// The directory's path from the repository's root, with a `/` at its end unless it is the root.
    directory: Vec<u8>,
    lines: Vec<Line>,
    macros: Arc<Macros>,
    /// Of the file's bytes.
    id: ObjectId,
    /// Whether any line, here or above, could change a file's bytes.
    converts: bool,
}

/// Names for several attributes: `binary`, and those that the root's file defines.
#[derive(Debug)]
struct Macros {
    /// Numbers of all names that matter, those of [`NAMES`] first.
    numbers: HashMap<Vec<u8>, usize>,
    /// What each macro sets, by its number less the number of [`NAMES`].
    meanings: Vec<Vec<Assignment>>,
}

#[derive(Debug)]
struct Line {
    pattern: Pattern,
    assignments: Vec<Assignment>,
}

#[derive(Clone, Debug)]
struct Assignment {
    number: usize,
    value: Value,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Set,
    Unset,
    Unspecified,
    Text(Vec<u8>),
}

impl Rules {
    /// The rules within a directory that has an attributes file, given the rules of the directory above.
    ///
    /// `directory` is the path from the repository's root; there, and only there, macros are defined.
    pub fn new(above: Option<&Arc<Rules>>, directory: &[u8], file: &[u8]) -> Option<Arc<Rules>> {
        let parsed = if file.len() <= LARGEST_FILE { parse(file) } else { Vec::new() };
        let has_macros = directory.is_empty() && parsed.iter().any(|line| matches!(line.name, Named::Macro(_)));
        let macros = match above {
            Some(above) => above.macros.clone(),
            None if directory.is_empty() => Arc::new(Macros::new(&parsed)),
            None => Arc::new(Macros::new(&[])),
        };
        let mut lines = Vec::new();
        for Parsed { name, assignments } in parsed {
            let assignments = macros.resolve(&assignments);
            if let Named::Files(pattern) = name
                && !assignments.is_empty()
            {
                lines.push(Line { pattern, assignments });
            }
        }
        if lines.is_empty() && !has_macros {
            return above.cloned();
        }
        let directory = if directory.is_empty() { Vec::new() } else { [directory, b"/"].concat() };
        let assignments = lines.iter().map(|line| &line.assignments).chain(&macros.meanings).flatten();
        let converts = above.is_some_and(|above| above.converts) || { assignments }.any(Assignment::converts);
        Some(Arc::new(Rules { above: above.cloned(), directory, lines, macros, id: blob_id(file), converts }))
    }

    /// The files that these rules are from, nearest first: the path of the directory and the id of the bytes.
    pub fn files(&self) -> impl Iterator<Item = (&[u8], ObjectId)> {
        std::iter::successors(Some(self), |rules| rules.above.as_deref()).map(|rules| (&*rules.directory, rules.id))
    }

    /// Whether there is a file at all whose bytes a checkout changes: `* text=auto` alone changes none.
    pub fn converts(&self) -> bool {
        self.converts
    }

    /// What a checkout does to the bytes of a file, given by its path from the repository's root.
    pub fn conversion(&self, path: &[u8]) -> Option<Conversion> {
        conversion(&self.values(path))
    }

    /// The values of the attributes by their numbers: the last line of the nearest file that has one for the path decides.
    fn values(&self, path: &[u8]) -> Vec<Option<&Value>> {
        let mut values = vec![None; NAMES.len() + self.macros.meanings.len()];
        let mut rules = Some(self);
        while let Some(here) = rules {
            if let Some(inside) = path.strip_prefix(&*here.directory) {
                for line in here.lines.iter().rev().filter(|line| line.names(inside.as_bstr())) {
                    self.macros.apply(&line.assignments, &mut values);
                }
            }
            rules = here.above.as_deref();
        }
        values
    }
}

impl Assignment {
    /// Whether it could change bytes, by itself or with others.
    fn converts(&self) -> bool {
        match (self.number, &self.value) {
            (EOL, Value::Text(eol)) => eol == b"crlf",
            (IDENT, value) => *value == Value::Set,
            (FILTER, value) => matches!(value, Value::Text(_)),
            (ENCODING, value) => *value != Value::Unspecified,
            _ => false,
        }
    }
}

impl Line {
    fn names(&self, path: &BStr) -> bool {
        use gix::glob::pattern::Mode;
        let is_of_names = self.pattern.mode.contains(Mode::NO_SUB_DIR) && !self.pattern.mode.contains(Mode::ABSOLUTE);
        if !is_of_names && self.pattern.text.contains_str("**") {
            return !self.pattern.mode.contains(Mode::MUST_BE_DIR) && matches_path(&self.pattern.text, path);
        }
        let name = path.rfind_byte(b'/').map(|slash| slash + 1);
        self.pattern.matches_repo_relative_path(path, name, Some(false), Case::Sensitive, wildmatch::Mode::NO_MATCH_SLASH_LITERAL)
    }
}

impl Macros {
    fn new(parsed: &[Parsed]) -> Self {
        let mut numbers: HashMap<Vec<u8>, usize> = NAMES.iter().zip(0..).map(|(name, number)| (name.as_bytes().to_vec(), number)).collect();
        numbers.insert(b"binary".to_vec(), NAMES.len());
        for Parsed { name, .. } in parsed {
            if let Named::Macro(name) = name {
                let next = numbers.len();
                numbers.entry(name.clone()).or_insert(next);
            }
        }
        let mut macros = Macros { meanings: vec![Vec::new(); numbers.len() - NAMES.len()], numbers };
        macros.meanings[0] = vec![Assignment { number: TEXT, value: Value::Unset }];
        for Parsed { name, assignments } in parsed {
            if let Named::Macro(name) = name
                && let Some(at) = macros.numbers.get(name).and_then(|number| number.checked_sub(NAMES.len()))
            {
                macros.meanings[at] = macros.resolve(assignments);
            }
        }
        macros
    }

    /// The assignments of names that matter.
    fn resolve(&self, assignments: &[(Vec<u8>, Value)]) -> Vec<Assignment> {
        let known = |(name, value): &(Vec<u8>, Value)| Some(Assignment { number: *self.numbers.get(name)?, value: value.clone() });
        assignments.iter().filter_map(known).collect()
    }

    /// Takes the assignments of a line, the last first, each where nothing was decided before. A macro that is set brings its own at once.
    fn apply<'v>(&'v self, assignments: &'v [Assignment], values: &mut [Option<&'v Value>]) {
        let mut pending: Vec<&'v Assignment> = assignments.iter().collect();
        while let Some(Assignment { number, value }) = pending.pop() {
            if values[*number].is_some() {
                continue;
            }
            values[*number] = Some(value);
            if *value == Value::Set
                && let Some(at) = number.checked_sub(NAMES.len())
            {
                pending.extend(&self.meanings[at]);
            }
        }
    }
}

/// Whether a pattern with `**` names a path, in time that grows with their lengths alone: a matcher that goes back tries without end where
/// there are many.
fn matches_path(pattern: &[u8], path: &[u8]) -> bool {
    let Some(pattern) = segments(pattern) else { return false };
    let path: Vec<&[u8]> = path.split_str("/").collect();
    // Whether the segments of the pattern so far match so many of the path's.
    let mut matched = vec![false; path.len() + 1];
    matched[0] = true;
    for (at, segment) in pattern.iter().enumerate() {
        if segment.len() > 1 && segment.iter().all(|byte| *byte == b'*') {
            let is_last = at + 1 == pattern.len();
            let first = matched.iter().position(|matched| *matched).map(|first| first + usize::from(is_last));
            (0..=path.len()).for_each(|count| matched[count] = first.is_some_and(|first| count >= first));
        } else {
            let mode = wildmatch::Mode::NO_MATCH_SLASH_LITERAL;
            for count in (1..=path.len()).rev() {
                matched[count] = matched[count - 1] && gix::glob::wildmatch(segment.as_bstr(), path[count - 1].as_bstr(), mode);
            }
            matched[0] = false;
        }
    }
    matched[path.len()]
}

/// The parts of a pattern between slashes, those in brackets left alone; `None` where a bracket is not closed, which matches nothing.
fn segments(pattern: &[u8]) -> Option<Vec<&[u8]>> {
    let mut segments = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < pattern.len() {
        match pattern[at] {
            b'\\' => at += 1,
            b'/' => {
                segments.push(&pattern[start..at]);
                start = at + 1;
            }
            b'[' => at = class_end(pattern, at)?,
            _ => {}
        }
        at += 1;
    }
    segments.push(&pattern[start..]);
    Some(segments)
}

/// The place of the bracket that closes a class.
fn class_end(pattern: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    if matches!(pattern.get(at), Some(b'!' | b'^')) {
        at += 1;
    }
    let first = at;
    loop {
        match pattern.get(at)? {
            b']' if at > first => return Some(at),
            b'\\' => at += 2,
            b'[' if pattern.get(at + 1) == Some(&b':') => at = at + 2 + pattern.get(at + 2..)?.find(":]")? + 2,
            _ => at += 1,
        }
    }
}

/// What Git's `convert.c` makes of the attributes where neither `core.autocrlf` nor `core.eol` is set.
fn conversion(values: &[Option<&Value>]) -> Option<Conversion> {
    if let Some(Value::Text(name)) = values[FILTER]
        && !name.is_empty()
    {
        return Some(if name == b"lfs" { Conversion::Lfs } else { Conversion::Program(name.to_str_lossy().into()) });
    }
    let ident = values[IDENT] == Some(&Value::Set);
    let encoding = encoding(values[ENCODING]);
    let eol = eol(values[TEXT], values[CRLF], values[EOL]);
    (ident || eol != Eol::AsIs || encoding.is_some()).then_some(Conversion::Text { ident, eol, encoding })
}

/// `crlf` is what `text` was called once; `eol` makes text of a file unless that says it is none.
fn eol(text: Option<&Value>, crlf: Option<&Value>, eol: Option<&Value>) -> Eol {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Unknown,
        Text,
        Lf,
        Auto,
        Binary,
    }
    let kind = |value: Option<&Value>| match value {
        Some(Value::Set) => Kind::Text,
        Some(Value::Unset) => Kind::Binary,
        Some(Value::Text(text)) if text == b"input" => Kind::Lf,
        Some(Value::Text(text)) if text == b"auto" => Kind::Auto,
        _ => Kind::Unknown,
    };
    let kind = match kind(text) {
        Kind::Unknown => kind(crlf),
        kind => kind,
    };
    match eol {
        Some(Value::Text(eol)) if eol == b"crlf" && kind == Kind::Auto => Eol::AutoCrlf,
        Some(Value::Text(eol)) if eol == b"crlf" && kind != Kind::Binary => Eol::Crlf,
        _ => Eol::AsIs,
    }
}

/// `true` and `false` are no encodings; Git refuses to check such a file out.
fn encoding(value: Option<&Value>) -> Option<Arc<str>> {
    let name = match value? {
        Value::Unspecified => return None,
        Value::Set => "TRUE".into(),
        Value::Unset => "FALSE".into(),
        Value::Text(name) => name.to_str_lossy().to_uppercase(),
    };
    (!matches!(&*name, "" | "UTF-8" | "UTF8")).then(|| name.into())
}

struct Parsed {
    name: Named,
    assignments: Vec<(Vec<u8>, Value)>,
}

enum Named {
    Files(Pattern),
    Macro(Vec<u8>),
}

/// The lines of an attributes file. Those that Git takes for mistakes are left out, as it does.
fn parse(file: &[u8]) -> Vec<Parsed> {
    let line = |line: &[u8]| {
        let (kind, assignments, _) = gix::attrs::parse(line).next()?.ok()?;
        let assignments = assignments.map(|assignment| {
            let assignment = assignment.ok()?;
            let value = match assignment.state {
                StateRef::Set => Value::Set,
                StateRef::Unset => Value::Unset,
                StateRef::Unspecified => Value::Unspecified,
                StateRef::Value(value) => Value::Text(value.as_bstr().to_vec()),
            };
            Some((assignment.name.as_str().as_bytes().to_vec(), value))
        });
        let name = match kind {
            gix::attrs::parse::Kind::Pattern(pattern) => Named::Files(pattern),
            gix::attrs::parse::Kind::Macro(name) => Named::Macro(name.as_str().as_bytes().to_vec()),
        };
        Some(Parsed { name, assignments: assignments.collect::<Option<_>>()? })
    };
    file.lines().filter(|text| text.len() < LONGEST_LINE).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ident: bool, eol: Eol, encoding: Option<&str>) -> Option<Conversion> {
        Some(Conversion::Text { ident, eol, encoding: encoding.map(Arc::from) })
    }

    #[test]
    fn a_line_decides_what_a_checkout_does() {
        let crlf = text(false, Eol::Crlf, None);
        let cases = [
            ("* text", None),
            ("* text=auto", None),
            ("* text eol=lf", None),
            ("* diff=rust linguist-vendored", None),
            ("* eol=crlf", crlf.clone()),
            ("* text eol=crlf", crlf.clone()),
            ("* crlf eol=crlf", crlf.clone()),
            ("* text=auto eol=crlf", text(false, Eol::AutoCrlf, None)),
            ("* crlf=auto eol=crlf", text(false, Eol::AutoCrlf, None)),
            ("* -text eol=crlf", None),
            ("* -crlf eol=crlf", None),
            ("* !text -crlf eol=crlf", None),
            ("* eol=crlf\n* binary", None),
            ("* binary\n* text eol=crlf", crlf.clone()),
            ("* binary\n* -binary eol=crlf", crlf.clone()),
            ("* eol=crlf eol=lf", None),
            ("* eol=crlf\na !eol", None),
            ("\u{feff}* eol=crlf", crlf.clone()),
            ("# comment\n  \"a\" eol=crlf", crlf.clone()),
            ("!a eol=crlf", None),
            ("* eol=crlf bad@name", None),
            ("* ident", text(true, Eol::AsIs, None)),
            ("* ident=yes -ident", None),
            ("* working-tree-encoding=utf-16le eol=crlf", text(false, Eol::Crlf, Some("UTF-16LE"))),
            ("* working-tree-encoding=utf-8", None),
            ("* working-tree-encoding", text(false, Eol::AsIs, Some("TRUE"))),
            ("* filter=lfs diff=lfs merge=lfs -text", Some(Conversion::Lfs)),
            ("* filter=lfs eol=crlf ident", Some(Conversion::Lfs)),
            ("* filter", None),
            ("* filter=crypt", Some(Conversion::Program("crypt".into()))),
            ("[attr]big filter=lfs -text\na big", Some(Conversion::Lfs)),
            ("[attr]big filter=lfs\n[attr]huge big\na huge", Some(Conversion::Lfs)),
            ("[attr]loop loop eol=crlf\na loop", crlf.clone()),
            ("a big\n[attr]big filter=lfs", Some(Conversion::Lfs)),
            ("[attr]big filter=lfs\n* big\na -big", None),
            ("[attr]big filter=lfs\n* big\na -filter", None),
            ("[attr]binary eol=crlf\na binary", crlf.clone()),
            ("dir/ eol=crlf", None),
            ("/a eol=crlf", crlf),
            ("b/a eol=crlf", None),
        ];
        for (file, expect) in cases {
            let found = Rules::new(None, b"", file.as_bytes()).and_then(|rules| rules.conversion(b"a"));
            assert_eq!(found, expect, "{file}");
        }
    }

    #[test]
    fn the_nearest_file_decides_and_has_the_macros_of_the_root() {
        let root = Rules::new(None, b"", b"[attr]big filter=lfs\n*.txt eol=crlf\nd/x.md eol=crlf\n").unwrap();
        let inner = Rules::new(Some(&root), b"d", b"*.bin big\n/x.txt -text\n[attr]own filter=lfs\n*.own own\n").unwrap();
        let crlf = text(false, Eol::Crlf, None);
        let cases: [(&[u8], _); 7] = [
            (b"d/a.bin", Some(Conversion::Lfs)),
            (b"d/e/a.bin", Some(Conversion::Lfs)),
            (b"d/x.txt", None),
            (b"d/e/x.txt", crlf.clone()),
            (b"d/x.md", crlf),
            (b"d/e/x.md", None),
            (b"d/a.own", None),
        ];
        for (path, expect) in cases {
            assert_eq!(inner.conversion(path), expect, "{}", path.as_bstr());
        }
        let same = Rules::new(Some(&inner), b"d/e", b"*.rs diff=rust\n").unwrap();
        assert!(Arc::ptr_eq(&same, &inner), "nothing that matters");
        let converts = |file: &[u8]| Rules::new(None, b"", file).unwrap().converts();
        assert!(!converts(b"* text=auto\n*.png binary\n*.sh text eol=lf\n"), "nothing to ask for each file");
        assert!(converts(b"[attr]big filter=lfs\n") && converts(b"* eol=crlf") && inner.converts());
        assert!(Rules::new(None, b"", b"*.rs diff=rust\n").is_none());
    }

    #[test]
    fn hostile_patterns_end() {
        let started = std::time::Instant::now();
        let patterns = [
            "*a".repeat(60) + "b",
            "**/*a*".repeat(40) + "/b",
            "**/a/".repeat(100) + "b",
            "**/".repeat(200) + "b",
            "a*/**/".repeat(80) + "b",
            "[a]*".repeat(60) + "b",
            "?*".repeat(60) + "b/x",
            "*a**".repeat(50) + "b",
        ];
        let paths = ["a".repeat(255), vec!["a"; 1000].join("/"), vec!["aaaa"; 400].join("/"), vec!["a".repeat(250); 16].join("/")];
        for pattern in &patterns {
            let rules = Rules::new(None, b"", format!("{pattern} eol=crlf\n").as_bytes()).unwrap();
            assert!(paths.iter().all(|path| rules.conversion(path.as_bytes()).is_none()), "{pattern}");
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
    }

    #[test]
    fn two_stars_match_directories() {
        let cases = [
            ("**/a", "a", true),
            ("**/a", "x/y/a", true),
            ("**/a", "x/ya", false),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "ab", false),
            ("a/**/**/b", "a/b", true),
            ("a/***/b", "a/x/b", true),
            ("a/x**y/b", "a/xzzy/b", true),
            ("a/x**y/b", "a/xz/zy/b", false),
            ("**/[[:alpha:]/]/b", "x/y/b", true),
            ("**/[]/]/b", "x/]/b", true),
            ("**/[/b", "x/[/b", false),
            ("**/\\[/b", "x/[/b", true),
            ("/**", "a/b", true),
        ];
        for (pattern, path, expect) in cases {
            let rules = Rules::new(None, b"", format!("{pattern} eol=crlf\n").as_bytes()).unwrap();
            assert_eq!(rules.conversion(path.as_bytes()).is_some(), expect, "{pattern} {path}");
        }
    }
}
