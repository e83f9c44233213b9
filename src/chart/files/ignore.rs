//! `.helmignore`: which files of a chart's directory are no part of the chart.
//!
//! Follows Helm 3: rules are tried in order and the first that speaks decides, a negated rule ignores whatever it does not match,
//! `**` is refused, and dot files below `templates/` are always ignored.

use super::glob::{BadPattern, PathPattern};

/// The rules of one `.helmignore`.
#[derive(Debug, Default)]
pub struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    /// `None` matches nothing.
    pattern: Option<PathPattern>,
    negate: bool,
    only_directories: bool,
    base_name: bool,
}

/// A line of `.helmignore` that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// `**` has no meaning here.
    #[error("line {line}: double-star (**) syntax is not supported")]
    DoubleStar {
        /// 1-based.
        line: usize,
    },
    /// The pattern does not parse.
    #[error("line {line}: `{rule}` is not a pattern")]
    Syntax {
        /// 1-based.
        line: usize,
        /// The line.
        rule: String,
    },
}

/// Parses the file's text and appends the built-in rule.
pub fn parse(text: &str) -> Result<Rules, BadRule> {
    let mut rules = Rules::default();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        rules.push(line, index + 1)?;
    }
    rules.push("templates/.?*", 0)?;
    Ok(rules)
}

impl Rules {
    fn push(&mut self, line: &str, number: usize) -> Result<(), BadRule> {
        let rule = line.trim();
        if rule.is_empty() || rule.starts_with('#') {
            return Ok(());
        }
        if rule.contains("**") {
            return Err(BadRule::DoubleStar { line: number });
        }
        if let Err(BadPattern) = PathPattern::parse(rule) {
            return Err(BadRule::Syntax { line: number, rule: rule.to_owned() });
        }
        let negate = rule.starts_with('!');
        let rule = rule.strip_prefix('!').unwrap_or(rule);
        let only_directories = rule.ends_with('/');
        let rule = rule.strip_suffix('/').unwrap_or(rule);
        let base_name = !rule.contains('/');
        let pattern = PathPattern::parse(rule.strip_prefix('/').unwrap_or(rule)).ok();
        self.0.push(Rule { pattern, negate, only_directories, base_name });
        Ok(())
    }

    /// Whether a file is left out, by itself or with a directory above it. `path` is from the chart's directory.
    pub fn ignores(&self, path: &str) -> bool {
        let directories = path.match_indices('/').map(|(at, _)| &path[..at]);
        directories.into_iter().any(|directory| self.decides(directory, true)) || self.decides(path, false)
    }

    fn decides(&self, path: &str, is_directory: bool) -> bool {
        for rule in &self.0 {
            let name = if rule.base_name { path.rsplit('/').next().unwrap_or(path) } else { path };
            let matches = || rule.pattern.as_ref().is_some_and(|pattern| pattern.matches(name));
            if rule.negate {
                if (rule.only_directories && !is_directory) || !matches() {
                    return true;
                }
            } else if (!rule.only_directories || is_directory) && matches() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_decide_as_in_helm() {
        let cases: &[(&str, &str, bool)] = &[
            ("", "Chart.yaml", false),
            ("", "templates/.hidden.yaml", true),
            ("", "templates/.", false),
            ("", "sub/.hidden", false),
            ("*.txt", "a.txt", true),
            ("*.txt", "sub/a.txt", true),
            ("sub/*.txt", "sub/a.txt", true),
            ("sub/*.txt", "other/sub/a.txt", false),
            ("/a.txt", "a.txt", true),
            ("/a.txt", "sub/a.txt", false),
            (".git/", ".git/config", true),
            (".git/", ".git", false),
            ("docs", "docs/deep/file.md", true),
            ("# comment\n\n*.bak", "x.bak", true),
            ("!keep.txt", "keep.txt", false),
            ("!keep.txt", "drop.txt", true),
            ("!keep.txt\nkeep.*", "keep.txt", true),
            ("*~", "file~", true),
            ("f[oa]o", "fao", true),
            ("f?o", "f/o", false),
        ];
        for (rules, path, expected) in cases {
            assert_eq!(parse(rules).unwrap().ignores(path), *expected, "{rules:?} on {path}");
        }
        assert_eq!(parse("ok\na/**").unwrap_err(), BadRule::DoubleStar { line: 2 });
        assert_eq!(parse("[").unwrap_err(), BadRule::Syntax { line: 1, rule: "[".into() });
    }
}
