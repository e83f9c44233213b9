//! An OCI runtime for a namespace with a single id.
//!
//! A container's `/dev/pts` wants to belong to group 5, which such a namespace does not have; the kernel refuses the mount. This
//! wrapper takes the option out of the container's configuration and runs the real runtime in its place.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::Value;

use super::EmbeddedError;

/// Name under which our binary is the wrapper. The real runtime is a link beside it.
pub const NAME: &str = "werf-oci-runtime";
const REAL: &str = "werf-oci-runtime.real";

/// Puts the wrapper into a directory and gives its path.
pub fn install(dir: &Path, own_binary: &Path, real: &Path) -> Result<PathBuf, EmbeddedError> {
    let link = |name: &str, target: &Path| {
        let path = dir.join(name);
        let _ = std::fs::remove_file(&path);
        symlink(target, &path).map(|()| path.clone()).map_err(|cause| EmbeddedError::io("create", &path, cause))
    };
    link(REAL, real)?;
    link(NAME, own_binary)
}

/// Runs the real runtime with these arguments; returns only if that fails.
pub fn run(program: &Path, args: &[OsString]) -> ExitCode {
    let real = program.with_file_name(REAL);
    let error = match adapt(args) {
        Ok(()) => Command::new(&real).args(args).exec(),
        Err(error) => error,
    };
    let _ = writeln!(io::stderr(), "{}: {error}", real.display());
    ExitCode::FAILURE
}

/// Changes the configuration of the bundle that the arguments name, if they name one.
fn adapt(args: &[OsString]) -> io::Result<()> {
    let after = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1));
    let joined = args.iter().find_map(|arg| arg.to_str()?.strip_prefix("--bundle=").map(OsString::from));
    let Some(bundle) = after("--bundle").or(after("-b")).cloned().or(joined) else { return Ok(()) };
    let path = Path::new(&bundle).join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    if without_foreign_groups(&mut config) {
        std::fs::write(&path, config.to_string())?;
    }
    Ok(())
}

/// Takes `gid=…` out of the mount options of every devpts; says whether there was one.
fn without_foreign_groups(config: &mut Value) -> bool {
    let mounts = config.get_mut("mounts").and_then(Value::as_array_mut);
    let devpts = mounts.into_iter().flatten().filter(|mount| mount.get("type").and_then(Value::as_str) == Some("devpts"));
    let mut changed = false;
    for options in devpts.filter_map(|mount| mount.get_mut("options").and_then(Value::as_array_mut)) {
        let before = options.len();
        options.retain(|option| !option.as_str().is_some_and(|option| option.starts_with("gid=")));
        changed |= options.len() != before;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_group_of_devpts_goes() {
        let mut config = serde_json::json!({ "mounts": [
            { "type": "devpts", "options": ["nosuid", "gid=5", "mode=0620"] },
            { "type": "tmpfs", "options": ["gid=7"] },
        ] });
        assert!(without_foreign_groups(&mut config));
        assert_eq!(config["mounts"][0]["options"], serde_json::json!(["nosuid", "mode=0620"]));
        assert_eq!(config["mounts"][1]["options"], serde_json::json!(["gid=7"]));
        assert!(!without_foreign_groups(&mut config));
        assert!(!without_foreign_groups(&mut serde_json::json!({})));
    }
}
