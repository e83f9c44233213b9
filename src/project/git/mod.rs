//! Commits, trees, refs and development snapshots, by gix; implements [`crate::file_tree::FileTree`].
