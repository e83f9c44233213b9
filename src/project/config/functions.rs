//! What werf.yaml's templates can call beside sprig: `env`, `include`, `tpl`, `required`, `fromYaml`, `toYaml`, the debug functions and
//! `.Files`.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::ConfigInput;
use super::template_files;
use crate::file_tree::bytes_of_text;
use crate::project::document::Warning;
use crate::project::giterminism::{Giterminism, Mode};
use crate::template::call::{FunctionError, Rest, Scope, Table};
use crate::template::functions;
use crate::template::host::{Host, NoHost};
use crate::template::value::{Map, Str, Value};

/// The function table of werf.yaml: sprig's and these.
pub(super) fn table() -> Table {
    let mut table = functions::sprig();
    table.add_scoped("include", |scope: &mut dyn Scope, name: Str, data: Value| scope.include(&name, data));
    table.add_scoped("tpl", |scope: &mut dyn Scope, text: Str, data: Value| scope.tpl(&text, data));
    table.add_scoped("env", env);
    table.add("required", |message: Str, value: Value| match &value {
        Value::Nil => Err(FunctionError::Refused(message.shown().into_owned())),
        Value::String(text) if text.is_empty() => Err(FunctionError::Refused(message.shown().into_owned())),
        _ => Ok(value),
    });
    // Unlike Helm's, a text that cannot be read is an error here.
    table.add("fromYaml", |text: Str| match functions::from_yaml(text.as_bytes()) {
        Ok(Value::Nil) => Ok(Value::Map(Map::new())),
        Ok(Value::Map(map)) => Ok(Value::Map(map)),
        Ok(other) => Err(format!("expected a mapping, not {}", other.type_name()).into()),
        Err(error) => Err(FunctionError::from(error.to_string())),
    });
    table.add("toYaml", |value: Value| functions::to_yaml(&value).unwrap_or_default());
    functions::debugging(&mut table, None);
    template_files::register(&mut table);
    table
}

/// `env NAME [DEFAULT]`: an unset variable without a default is an error, and the default also stands for an empty one.
fn env(scope: &mut dyn Scope, name: Value, default: Rest<Str>) -> Result<Str, FunctionError> {
    let name = name.to_text();
    let name = name.shown();
    let found = scope.host().env(&name)?;
    let found = found.map(|value| Str::from_slice(&bytes_of_text(&value)));
    match (found, default.as_slice()) {
        (_, [_, _, ..]) => Err("more than 1 optional argument prohibited".into()),
        (Some(value), []) => Ok(value),
        (Some(value), [default]) => Ok(if value.is_empty() { default.clone() } else { value }),
        (None, [default]) => Ok(default.clone()),
        (None, []) => {
            Err(format!("the environment variable `{name}` is not set: set it, or give `env` a default: `env \"{name}\" \"…\"`").into())
        }
    }
}

/// What a template asks for that no commit has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Chance {
    Time,
    Random,
    Hosts,
}

/// The gates of werf.yaml's templates.
pub(super) struct Gates<'a> {
    giterminism: &'a Giterminism,
    variable: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    host: &'a dyn Host,
    /// What was asked for that differs from run to run.
    asked: Mutex<BTreeSet<Chance>>,
}

impl<'a> Gates<'a> {
    /// The gates of one run.
    pub fn new(input: &'a ConfigInput<'a>) -> Self {
        let host = input.host.unwrap_or(&NoHost);
        Gates { giterminism: input.giterminism, variable: input.variable, host, asked: Mutex::default() }
    }

    /// That a file is not the same in each run, if it has asked for such things.
    pub fn warning(self, file: &str) -> Option<Warning> {
        let asked = self.asked.into_inner().unwrap_or_else(PoisonError::into_inner);
        let words = asked.iter().map(|chance| match chance {
            Chance::Time => "the present time",
            Chance::Random => "random values",
            Chance::Hosts => "addresses of hosts",
        });
        let words: Vec<&str> = words.collect();
        let (last, others) = words.split_last()?;
        let what = if others.is_empty() { (*last).to_owned() } else { format!("{} and {last}", others.join(", ")) };
        Some(Warning {
            message: format!("{file} asks for {what}: names of images that depend on that change from run to run"),
            help: "such images are built anew each time that the value is another one; a fixed value, or one of `.Commit`, keeps the names of a commit"
                .to_owned(),
        })
    }

    fn ask(&self, chance: Chance) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(chance);
    }
}

impl Host for Gates<'_> {
    fn now(&self) -> jiff::Zoned {
        self.ask(Chance::Time);
        self.host.now()
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), FunctionError> {
        self.ask(Chance::Random);
        self.host.random(buffer)
    }

    fn host_by_name(&self, name: &str) -> Result<String, FunctionError> {
        self.ask(Chance::Hosts);
        self.host.host_by_name(name)
    }

    fn env(&self, name: &str) -> Result<Option<String>, FunctionError> {
        if !self.giterminism.allows(|policy| policy.template_env.allow(name)) {
            let message = format!(
                "giterminism does not allow the environment variable `{name}`: if the result may depend on it, commit \
                 `config.goTemplateRendering.allowEnvVariables: [{name}]` in werf-giterminism.yaml"
            );
            return Err(message.into());
        }
        let found = (self.variable)(name);
        Ok(if self.giterminism.mode() == Mode::Loose { Some(found.unwrap_or_default()) } else { found })
    }
}
