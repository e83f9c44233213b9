//! The embedded daemon: a private buildkitd for the command.
