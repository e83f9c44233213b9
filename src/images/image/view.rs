//! Which part of a tree images see, as a rule: it also holds for files that the tree does not have, such as uncommitted ones.

use std::sync::Arc;

/// The files below a directory that an image sees.
#[derive(Clone)]
pub struct View {
    directory: String,
    keep: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

impl View {
    /// A directory (or one file) of the tree, without slashes around it, and which files below it are seen, by their path there.
    pub(super) fn new(directory: &str, keep: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        View { directory: directory.to_owned(), keep: Arc::new(keep) }
    }

    /// The directory in the tree, or the one file; empty for the whole tree.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// Whether a file is seen. The path is from the tree's root.
    pub fn sees(&self, path: &str) -> bool {
        if self.directory.is_empty() {
            return self.keeps(path);
        }
        match path.strip_prefix(&self.directory) {
            Some("") => true,
            Some(rest) => rest.strip_prefix('/').is_some_and(|rest| self.keeps(rest)),
            None => false,
        }
    }

    /// Whether a file below the directory is seen, by its path there.
    pub(super) fn keeps(&self, path: &str) -> bool {
        (self.keep)(path)
    }

    /// The directories of these views that are in no other one's: all of them together hold every file that is seen.
    pub fn outermost(views: &[View]) -> Vec<&str> {
        let mut directories: Vec<&str> = views.iter().map(View::directory).collect();
        directories.sort_unstable();
        directories.dedup();
        let is_inside = |inner: &str, outer: &str| outer.is_empty() || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        let all = directories.clone();
        directories.retain(|inner| !all.iter().any(|outer| inner != outer && is_inside(inner, outer)));
        directories
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("View").field(&self.directory).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_sees_what_its_rule_keeps_below_its_directory() {
        let view = View::new("app", |path| path.ends_with(".rs"));
        for (path, seen) in
            [("app/a.rs", true), ("app/x/a.rs", true), ("app/a.md", false), ("apps/a.rs", false), ("a.rs", false), ("app", true)]
        {
            assert_eq!(view.sees(path), seen, "{path}");
        }
        assert!(View::new("", |_| true).sees("a/b"));
    }

    #[test]
    fn outermost_directories_hold_all_others() {
        let views = ["a/b", "a", "ab", "a/b/c", "ab"].map(|directory| View::new(directory, |_| true));
        assert_eq!(View::outermost(&views), ["a", "ab"]);
        assert_eq!(View::outermost(&["", "a"].map(|directory| View::new(directory, |_| true))), [""]);
        assert!(View::outermost(&[]).is_empty());
    }
}
