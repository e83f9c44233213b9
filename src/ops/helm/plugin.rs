//! Helm 4's plugins for post-rendering: <https://helm.sh/docs/plugins/>.
//!
//! A plugin is a directory with `plugin.yaml` below one of `HELM_PLUGINS`. Those of type `postrenderer/v1` that are programs
//! (`runtime: subprocess`) are run; WebAssembly is not.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::Deserialize;
use thiserror::Error;

use crate::platform::Platform;
use crate::yaml;

const FILE: &str = "plugin.yaml";
const TYPE: &str = "postrenderer/v1";

/// Where plugins are.
#[derive(Clone, Debug)]
pub struct PluginOptions {
    /// `HELM_PLUGINS`.
    pub dirs: Vec<PathBuf>,
    /// A variable of the environment, which may stand in the plugin's command as `$NAME` or `${NAME}`.
    pub variable: fn(&str) -> Option<String>,
}

/// A plugin's command for this machine.
#[derive(Debug, PartialEq, Eq)]
pub struct PluginCommand {
    /// A path, or a name that is looked for.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables that it gets beside the environment.
    pub environment: Vec<(&'static str, String)>,
}

/// Finds the plugin for post-rendering of this name.
pub fn find(name: &str, options: &PluginOptions) -> Result<PluginCommand, PluginError> {
    let (mut names, mut unread) = (Vec::new(), Vec::new());
    for file in options.dirs.iter().flat_map(|dir| files(dir)) {
        match read(&file) {
            Ok(plugin) if plugin.kind == TYPE && plugin.name == name => return command(plugin, &file, options),
            Ok(plugin) if plugin.kind == TYPE => names.push(plugin.name),
            Ok(_) => {}
            Err(problem) => unread.push(format!("{} cannot be read: {problem}", file.display())),
        }
    }
    let dirs = options.dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ");
    let there = if names.is_empty() { "none of this type is there".to_owned() } else { format!("there are {}", names.join(", ")) };
    let unread: String = unread.iter().map(|problem| format!("; {problem}")).collect();
    let help = format!(
        "{there}{unread}. With Helm 4's ways the flag names a plugin, which `helm plugin install` puts there; without `--helm-compat 4` it takes any program"
    );
    Err(PluginError::NotFound { name: name.to_owned(), dirs, help })
}

/// The `plugin.yaml` of every directory below one, in the order of their names.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path().join(FILE)).filter(|file| file.is_file()).collect();
    files.sort();
    files
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plugin {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    runtime: String,
    #[serde(default)]
    runtime_config: RuntimeConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeConfig {
    #[serde(default)]
    platform_command: Vec<PlatformCommand>,
}

#[derive(Deserialize)]
struct PlatformCommand {
    #[serde(default)]
    os: String,
    #[serde(default)]
    arch: String,
    #[serde(default)]
    command: String,
    #[serde(default)]
    args: Vec<String>,
}

fn read(file: &Path) -> Result<Plugin, String> {
    let text = std::fs::read_to_string(file).map_err(|cause| cause.to_string())?;
    let value = yaml::parse_json(&text).map_err(|cause| cause.to_string())?;
    serde_json::from_value(value).map_err(|cause| cause.to_string())
}

fn command(plugin: Plugin, file: &Path, options: &PluginOptions) -> Result<PluginCommand, PluginError> {
    let dir = file.parent().unwrap_or(file).display().to_string();
    if plugin.runtime != "subprocess" {
        return Err(PluginError::Runtime { name: plugin.name, runtime: plugin.runtime, file: file.to_owned() });
    }
    let platform = Platform::new(std::env::consts::OS, std::env::consts::ARCH, "");
    let Some(chosen) = chosen(&plugin.runtime_config.platform_command, &platform) else {
        return Err(PluginError::NoCommand { name: plugin.name, platform: platform.to_string(), file: file.to_owned() });
    };
    let own = [("HELM_PLUGIN_NAME", plugin.name), ("HELM_PLUGIN_DIR", dir)];
    let value = |name: &str| {
        let own = own.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        own.or_else(|| (options.variable)(name)).unwrap_or_default()
    };
    let mut words = chosen.command.split(' ').chain(chosen.args.iter().map(String::as_str)).map(|word| expand(word, value));
    let program = words.next().unwrap_or_default();
    Ok(PluginCommand { program, arguments: words.collect(), environment: own.into() })
}

/// The command for a platform: one for system and processor before the first for the system before the first for all.
fn chosen<'c>(commands: &'c [PlatformCommand], platform: &Platform) -> Option<&'c PlatformCommand> {
    let (os, arch) = (platform.os(), platform.architecture());
    let find = |os: &str, arch: &str| {
        commands.iter().find(|command| command.os.eq_ignore_ascii_case(os) && command.arch.eq_ignore_ascii_case(arch))
    };
    find(os, arch).or_else(|| find(os, "")).or_else(|| find("", "")).filter(|command| !command.command.is_empty())
}

/// Puts values in place of `$NAME` and `${NAME}`, as Go's `os.Expand` does: `$0` and `$@` are names too, what is no name goes.
fn expand(word: &str, value: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let special = after.starts_with(|letter: char| letter.is_ascii_digit() || "*#$@!?-".contains(letter));
        let (name, left) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').unwrap_or(("", braced)),
            None if special => after.split_at(1),
            None => after.split_at(after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(after.len())),
        };
        match name {
            "" if after.starts_with('{') => {}
            "" => out.push('$'),
            name => out.push_str(&value(name)),
        }
        rest = left;
    }
    out + rest
}

/// Why a plugin cannot be run.
#[derive(Debug, Error, Diagnostic)]
pub enum PluginError {
    /// None of this name.
    #[error("--post-renderer: there is no plugin `{name}` for post-rendering in {dirs}")]
    NotFound {
        /// The name.
        name: String,
        /// Where plugins are.
        dirs: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// It is no program.
    #[error("--post-renderer: the plugin `{name}` has the runtime `{runtime}`, and only programs are run here ({})", file.display())]
    #[diagnostic(help("a plugin with `runtime: subprocess` can do the same"))]
    Runtime {
        /// The name.
        name: String,
        /// What it is.
        runtime: String,
        /// Its plugin.yaml.
        file: PathBuf,
    },
    /// It has no command for this machine.
    #[error("--post-renderer: the plugin `{name}` has no command for {platform} ({})", file.display())]
    #[diagnostic(help("add one to `runtimeConfig.platformCommand`"))]
    NoCommand {
        /// The name.
        name: String,
        /// System and processor.
        platform: String,
        /// Its plugin.yaml.
        file: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_command_is_chosen() {
        let commands = |all: &[(&str, &str, &str)]| -> Vec<PlatformCommand> {
            let of = |(os, arch, command): &(&str, &str, &str)| PlatformCommand {
                os: (*os).into(),
                arch: (*arch).into(),
                command: (*command).into(),
                args: vec![],
            };
            all.iter().map(of).collect()
        };
        let all = [("", "", "any"), ("linux", "", "linux"), ("Linux", "arm64", "both"), ("", "amd64", "never"), ("linux", "", "later")];
        for (os, arch, expected) in [("linux", "arm64", "both"), ("linux", "amd64", "linux"), ("darwin", "amd64", "any")] {
            assert_eq!(chosen(&commands(&all), &Platform::new(os, arch, "")).map(|command| command.command.as_str()), Some(expected));
        }
        assert!(chosen(&commands(&all[1..]), &Platform::new("darwin", "amd64", "")).is_none());
    }

    #[test]
    fn variables_are_put_in_as_in_go() {
        let value = |name: &str| format!("<{name}>");
        let cases = [
            ("a", "a"),
            ("$A/x", "<A>/x"),
            ("${A}b$B_1.c", "<A>b<B_1>.c"),
            ("$", "$"),
            ("a${B", "aB"),
            ("a${}b", "ab"),
            ("$12 $$x $@ ${a b}", "<1>2 <$>x <@> <a b>"),
            ("ä$ä", "ä$ä"),
            ("", ""),
        ];
        for (word, expected) in cases {
            assert_eq!(expand(word, value), expected, "{word}");
        }
    }
}
