//! Bits of Go's `os.FileMode`, in which the daemon tells and takes modes.

/// A directory.
pub(super) const DIRECTORY: u32 = 1 << 31;
/// A symbolic link.
pub(super) const SYMLINK: u32 = 1 << 27;
/// Set user id.
pub(super) const SETUID: u32 = 1 << 23;
/// Set group id.
pub(super) const SETGID: u32 = 1 << 22;
/// Sticky.
pub(super) const STICKY: u32 = 1 << 20;
