//! Many paths for one pattern at a time: only those paths are looked at that begin and end as the pattern does.

use std::ops::Range;

use super::alternatives::{alternatives, parts};
use super::part::Part;

/// Paths of files, and of the directories that they make.
#[derive(Debug, Default)]
pub struct PathIndex {
    /// Files, sorted.
    paths: Vec<Box<str>>,
    /// Files and directories, in the order of the first file that each has.
    nodes: Vec<Node>,
    /// Numbers of nodes, sorted by their paths read backwards.
    by_end: Vec<u32>,
    /// Numbers of nodes, sorted by their names.
    by_name: Vec<u32>,
}

/// A file or a directory: the first `length` bytes of the path of its first file.
#[derive(Clone, Copy, Debug)]
struct Node {
    first: u32,
    length: u32,
    /// The number of the file after its last one.
    end: u32,
}

impl PathIndex {
    /// Takes sorted paths of files, with `/` between their parts.
    pub fn new<'p>(paths: impl IntoIterator<Item = &'p str>) -> Self {
        let paths: Vec<Box<str>> = paths.into_iter().map(Box::from).collect();
        let mut nodes: Vec<Node> = Vec::with_capacity(paths.len() * 2);
        let mut open: Vec<usize> = Vec::new();
        for (at, path) in paths.iter().enumerate() {
            let is_in = |node: &Node| path.starts_with(&paths[node.first as usize][..node.length as usize]);
            while let Some(last) = open.pop_if(|last| !is_in(&nodes[*last]) || path.as_bytes()[nodes[*last].length as usize] != b'/') {
                nodes[last].end = at as u32;
            }
            let known = open.last().map_or(0, |last| nodes[*last].length as usize + 1);
            for (slash, _) in path.match_indices('/').filter(|(slash, _)| *slash >= known) {
                open.push(nodes.len());
                nodes.push(Node { first: at as u32, length: slash as u32, end: 0 });
            }
            nodes.push(Node { first: at as u32, length: path.len() as u32, end: at as u32 + 1 });
        }
        for last in open {
            nodes[last].end = paths.len() as u32;
        }
        let all = 0..nodes.len() as u32;
        let index = PathIndex { paths, nodes, ..PathIndex::default() };
        let (mut by_end, mut by_name): (Vec<u32>, Vec<u32>) = (all.clone().collect(), all.collect());
        by_end.sort_unstable_by(|a, b| index.path(*a).bytes().rev().cmp(index.path(*b).bytes().rev()));
        by_name.sort_unstable_by_key(|node| index.name(*node));
        PathIndex { by_end, by_name, ..index }
    }

    /// The files that a pattern matches, or of which it matches a directory: their numbers in order, each once.
    pub fn find(&self, pattern: &str) -> Vec<usize> {
        let mut found: Vec<Range<u32>> = Vec::new();
        for alternative in alternatives(pattern) {
            let parts: Vec<Part> = parts(&alternative).into_iter().map(Part::new).collect();
            let is_match = |node: &u32| matches(&parts, self.path(*node));
            let files = |node: u32| self.nodes[node as usize].first..self.nodes[node as usize].end;
            let Some(last) = parts.last() else {
                found.push(0..self.paths.len() as u32);
                continue;
            };
            let below = self.below(&parts);
            let (ending, named) = (self.ending(&last.suffix()), self.named(&last.prefix()));
            let fewest = if named.len() < ending.len() { named } else { ending };
            match fewest.len() < below.len() {
                true => found.extend(fewest.iter().copied().filter(is_match).map(files)),
                false => found.extend(below.filter(is_match).map(files)),
            }
        }
        let mut numbers: Vec<usize> = found.into_iter().flatten().map(|number| number as usize).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn path(&self, node: u32) -> &str {
        let Node { first, length, .. } = self.nodes[node as usize];
        &self.paths[first as usize][..length as usize]
    }

    fn name(&self, node: u32) -> &str {
        let path = self.path(node);
        path.rsplit_once('/').map_or(path, |(_, name)| name)
    }

    /// The nodes that can begin with the names at the beginning of a pattern.
    fn below(&self, parts: &[Part]) -> Range<u32> {
        let mut start = String::new();
        for name in parts.iter().map_while(|part| if let Part::Literal(name) = part { Some(name) } else { None }) {
            if !start.is_empty() {
                start.push('/');
            }
            start += name;
        }
        let from = self.paths.partition_point(|path| **path < *start);
        let to = from + self.paths[from..].partition_point(|path| path.starts_with(&start));
        let node = |path: usize| self.nodes.partition_point(|node| (node.first as usize) < path) as u32;
        node(from)..node(to)
    }

    /// The nodes whose paths end with a text.
    fn ending(&self, end: &str) -> &[u32] {
        let from = self.by_end.partition_point(|node| self.path(*node).bytes().rev().lt(end.bytes().rev()));
        let rest = &self.by_end[from..];
        &rest[..rest.partition_point(|node| self.path(*node).ends_with(end))]
    }

    /// The nodes whose names begin with a text.
    fn named(&self, start: &str) -> &[u32] {
        let from = self.by_name.partition_point(|node| self.name(*node) < start);
        let rest = &self.by_name[from..];
        &rest[..rest.partition_point(|node| self.name(*node).starts_with(start))]
    }
}

/// Whether a pattern fits a path as a whole, by backtracking over the last `**`.
fn matches(parts: &[Part], path: &str) -> bool {
    let name = |at: usize| &path[at..path[at..].find('/').map_or(path.len(), |slash| at + slash)];
    let (mut part, mut at) = (0, 0);
    let mut any: Option<(usize, usize)> = None;
    while at <= path.len() {
        match parts.get(part) {
            Some(Part::Any) => {
                any = Some((part, at));
                part += 1;
            }
            Some(other) if other.fits(name(at)) => {
                part += 1;
                at += name(at).len() + 1;
            }
            _ => {
                let Some((star, from)) = any else { return false };
                at = from + name(from).len() + 1;
                any = Some((star, at));
                part = star + 1;
            }
        }
    }
    parts[part..].iter().all(|part| matches!(part, Part::Any))
}

#[cfg(test)]
mod tests {
    use super::super::Globs;
    use super::*;

    const PATHS: [&str; 9] = ["a", "b.txt", "b/x.txt", "b/y/x.txt", "b/y/z", "c-d/x", "c/d.d/e", "c/x.txt", "ä/ö.txt"];

    #[test]
    fn one_pattern_over_many_paths_finds_what_many_patterns_over_one_path_do() {
        let index = PathIndex::new(PATHS);
        let patterns = [
            "",
            ".",
            "*",
            "**",
            "**/*",
            "a",
            "a/*",
            "b",
            "b/*",
            "b/*/*",
            "b/**/x.txt",
            "**/x.txt",
            "**/*.txt",
            "*.txt",
            "*/*.txt",
            "{a,c}",
            "{a,b/y}/*",
            "**/y",
            "**/y/**",
            "c/*.d",
            "?",
            "[a-c]",
            "[!a-c]*/*",
            "b/?/*",
            "**/[xz]*",
            "nothing",
            "b/nothing",
            "c-d",
            "**/ö*",
            "**/y/*/x",
            "/b/*",
            "./b/",
            "b/**/y/**/z",
        ];
        for pattern in patterns {
            let globs = Globs::new(&[pattern]);
            let expect: Vec<&str> = PATHS.into_iter().filter(|path| globs.matches(path)).collect();
            let found: Vec<&str> = index.find(pattern).into_iter().map(|at| PATHS[at]).collect();
            assert_eq!(found, expect, "{pattern}");
        }
        assert_eq!(PathIndex::new([]).find("**"), [] as [usize; 0]);
    }

    proptest::proptest! {
        #[test]
        fn both_ways_agree(pattern in "[ab*?/]{0,7}|[ab]/\\{a,b\\}/\\*", mut paths in proptest::collection::btree_set("[ab]{1,2}(/[ab]{1,2}){0,3}", 0..12)) {
            // no file is a directory too
            let all = paths.clone();
            paths.retain(|path| !all.iter().any(|other| other.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/'))));
            let index = PathIndex::new(paths.iter().map(String::as_str));
            let globs = Globs::new(&[&pattern]);
            let expect: Vec<usize> = paths.iter().enumerate().filter(|(_, path)| globs.matches(path)).map(|(at, _)| at).collect();
            proptest::prop_assert_eq!(index.find(&pattern), expect);
        }
    }
}
