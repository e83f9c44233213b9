//! The names of werf 2: its flags with their variables and commands.

/// A flag of werf 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its long name, without dashes; empty for a variable that has no flag.
    pub name: &'static str,
    /// Its short name.
    pub short: Option<char>,
    /// The value that it has where nobody gives one, as the reference prints it.
    pub default: &'static str,
    /// Its variables; one that ends in `*` stands for all that begin so.
    pub variables: Vec<&'static str>,
    /// The commands that have it, such as `helm secret values edit`, with commas between.
    commands: &'static str,
}

/// All flags of werf 2, by name.
pub fn flags() -> impl Iterator<Item = Flag> {
    rows().map(|[name, short, default, variables, commands]| Flag {
        name: name.trim_start_matches('-'),
        short: short.chars().next(),
        default,
        variables: variables.split(' ').filter(|name| !name.is_empty()).collect(),
        commands,
    })
}

/// Whether werf 2 has a command, or a group of commands, of this name.
pub fn is_command(name: &str) -> bool {
    let fits = |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    name == "kubectl" || rows().any(|[.., commands]| commands.split(',').any(fits))
}

fn rows() -> impl Iterator<Item = [&'static str; 5]> {
    let lines = include_str!("names.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split('\t').collect::<Vec<_>>().try_into().ok())
}

impl Flag {
    /// Whether a command of werf 2 has it.
    pub fn is_of(&self, command: &str) -> bool {
        self.commands().any(|known| known == command)
    }

    /// The commands that have it, such as `helm secret values edit`.
    pub fn commands(&self) -> impl Iterator<Item = &'static str> {
        self.commands.split(',').filter(|name| !name.is_empty())
    }

    /// Whether it is a switch, which may stand without a value.
    pub fn is_switch(&self) -> bool {
        matches!(self.default, "true" | "false")
    }

    /// How much of a variable's name says that it is this flag's; `None` where it is not.
    pub fn variable_fits(&self, variable: &str) -> Option<usize> {
        let fits = |name: &&str| match name.strip_suffix('*') {
            Some(prefix) => variable.starts_with(prefix) && variable.len() > prefix.len(),
            None => *name == variable,
        };
        self.variables.iter().filter(|name| fits(name)).map(|name| name.len()).max()
    }

    /// Whether a value is what the flag has without one.
    pub fn is_default(&self, value: &str) -> bool {
        let bare = self.default.trim_matches('"');
        value == bare || self.default == "false" && super::super::go_bool(value) == Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let lines = include_str!("names.tsv").lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(flags().count(), lines);
        let flag = |name: &str| flags().find(|flag| flag.name == name).unwrap();
        assert_eq!(flag("set").variables, ["WERF_SET_*"]);
        assert!(flag("set").is_of("converge") && flag("set").is_of("helm template") && !flag("set").is_of("build"));
        assert!(flag("parallel").is_switch() && !flag("repo").is_switch());
        assert!(flags().all(|flag| flag.name.is_empty() || flag.commands().next().is_some()));
    }

    #[test]
    fn commands_and_groups() {
        for name in ["converge", "helm secret values edit", "helm secret", "bundle", "cr login", "kubectl"] {
            assert!(is_command(name), "{name}");
        }
        for name in ["converg", "helm sec", "secret", "con"] {
            assert!(!is_command(name), "{name}");
        }
    }

    #[test]
    fn the_longest_name_says_whose_a_variable_is() {
        let fits = |name: &str, variable: &str| flags().find(|flag| flag.name == name).unwrap().variable_fits(variable);
        assert!(fits("set-string", "WERF_SET_STRING_1") > fits("set", "WERF_SET_STRING_1"));
        assert_eq!(fits("set", "WERF_SET_"), None);
        assert_eq!(fits("repo", "WERF_REPO"), Some(9));
        assert_eq!(fits("repo", "WERF_REPO_X"), None);
    }

    #[test]
    fn values_that_change_nothing() {
        let is_default = |name: &str, value: &str| flags().find(|flag| flag.name == name).unwrap().is_default(value);
        assert!(is_default("virtual-merge", "false") && is_default("virtual-merge", "0") && !is_default("virtual-merge", "1"));
        assert!(is_default("tag", "latest") && !is_default("tag", "v1"));
    }
}
