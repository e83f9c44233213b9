//! The commands of one stage as one process, and which of them failed.
//!
//! All commands of a stage share one shell, so that `cd` and variables carry over; the first failure ends it. Each is evaluated by
//! itself, so that a syntax error is that command's. The shell is bash where the image has it, since werf's own stages run in bash,
//! else `/bin/sh`. WERF_COMMIT_HASH and the other variables of the commit are not set: they would make every commit build anew.

/// Most bytes of a script: the kernel takes 128 KiB in one argument.
pub const LIMIT: usize = 120_000;

const LAUNCH: &str = r#"if [ -x /bin/bash ]; then exec /bin/bash -e -c "$1" werf; fi; exec /bin/sh -e -c "$1" werf"#;
const TRAP: &str =
    r#"trap 'werf_code=$?; [ "$werf_code" = 0 ] || echo "werf: command $werf_command failed with exit code $werf_code" >&2' EXIT"#;

/// The arguments of the process.
pub fn args<'a>(commands: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut script = String::from(TRAP);
    for (at, command) in commands.into_iter().enumerate() {
        script.push_str(&format!("\nwerf_command={}\neval '{}'", at + 1, command.replace('\'', r"'\''")));
    }
    script.push('\n');
    ["/bin/sh", "-c", LAUNCH, "werf", &script].map(str::to_owned).into()
}

/// Which command failed, by what the process printed at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its place in the stage, from 0.
    pub index: usize,
    /// Its exit code.
    pub exit_code: i32,
}

/// Finds the failed command in the last lines of a stage's output; `None` if the shell was killed before it could say.
pub fn failed(output: &str) -> Option<Failed> {
    output.lines().rev().find_map(|line| {
        let (index, exit_code) = line.trim().strip_prefix("werf: command ")?.split_once(" failed with exit code ")?;
        Some(Failed { index: index.parse::<usize>().ok()?.checked_sub(1)?, exit_code: exit_code.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exit code and output of a stage on this machine.
    fn run(shell: &str, commands: &[&str]) -> (Option<i32>, String) {
        let args = args(commands.iter().copied());
        let output = std::process::Command::new(shell).args(["-e", "-c", &args[4], "werf"]).output().unwrap();
        (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    }

    #[test]
    fn state_carries_over_and_quotes_survive() {
        let (code, output) = run("/bin/sh", &["cd /tmp; a='it'\"'\"'s'", "echo \"$a $PWD\"", "cat <<'E'\n$x 'y'\nE", ""]);
        assert_eq!((code, output.as_str()), (Some(0), "it's /tmp\n$x 'y'\n"));
    }

    #[test]
    fn the_failing_command_says_so() {
        for shell in ["/bin/sh", "/bin/bash"] {
            for (commands, expect) in [
                (&["true", "exit 7", "echo never"][..], Some((1, 7))),
                (&["false", "true"], Some((0, 1))),
                (&["true", "true", "nosuchprogram"], Some((2, 127))),
                (&["echo a\necho b\nfalse\necho c"], Some((0, 1))),
                (&["f() { return 3; }", "f"], Some((1, 3))),
                (&["true || false", "if false; then :; fi"], None),
                (&["exit 0", "false"], None),
            ] {
                let (code, output) = run(shell, commands);
                let found = failed(&output).map(|failed| (failed.index, failed.exit_code));
                assert_eq!(found, expect, "{shell} {commands:?}: {output}");
                assert_eq!(code, Some(expect.map_or(0, |(_, code)| code)));
                assert!(!output.contains("never"));
            }
            let (code, output) = run(shell, &["true", "echo 'open"]);
            assert_ne!(code, Some(0));
            assert_eq!(failed(&output).map(|failed| failed.index), Some(1), "{shell}: {output}");
        }
    }

    #[test]
    fn only_the_last_line_counts() {
        let text = "werf: command 1 failed with exit code 1\nmore\nwerf: command 3 failed with exit code 2\n";
        assert_eq!(failed(text), Some(Failed { index: 2, exit_code: 2 }));
        assert_eq!(failed("werf: command x failed with exit code 1"), None);
        assert_eq!(failed("werf: command 0 failed with exit code 1"), None);
    }
}
