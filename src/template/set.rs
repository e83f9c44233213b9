//! A set of templates that see one another, and what its caller decides: options, limits, which text is parsed when.

use std::collections::HashMap;
use std::sync::Arc;

use super::ast::Tree;
use super::call::{FunctionError, Table};
use super::error::{ExecError, ParseError};
use super::exec;
use super::host::Host;
use super::jinja::{Jinja, JinjaFile};
use super::lexer::Delimiters;
use super::parser::{self, Parsed};
use super::texts::Texts;
use super::trace::Trace;
use super::value::{Str, Value};

/// What a key that a map lacks gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// No value: prints `<no value>`, and fields of it give no value again. Go's default, and werf.yaml's.
    #[default]
    Invalid,
    /// The zero value of the map's element type, as Helm has it: nil for `interface {}`, whose fields are an error.
    Zero,
    /// An error.
    Error,
}

/// What becomes of the text `<no value>` in results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoValue {
    /// It stays.
    #[default]
    Keep,
    /// It is removed from the text of a file and of `tpl`, wherever it came from, as Helm does.
    Remove,
}

/// Who sees what a text given to `tpl` defines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TplDefinitions {
    /// Only what runs inside of that `tpl`: Helm.
    #[default]
    Inside,
    /// Everything that runs later: werf.yaml.
    Shared,
}

/// Bounds that no honest template reaches.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of output of one file, results of includes in progress included.
    pub output: usize,
    /// Bytes of one text that a function makes.
    pub text: usize,
    /// Elements of one list that a function makes.
    pub list: usize,
    /// Nodes executed and turns of loops, of one file.
    pub steps: u64,
    /// How often one name may be on the way to be included at once; Helm's is 1000.
    pub includes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { output: 64 << 20, text: 64 << 20, list: 1_000_000, steps: 100_000_000, includes: 1000 }
    }
}

impl Limits {
    /// What a function made, unless it is larger than a template may make.
    pub(super) fn check(&self, value: Value) -> Result<Value, FunctionError> {
        match &value {
            Value::String(text) if text.len() > self.text => {
                Err(format!("the result has {} bytes, more than the {} allowed", text.len(), self.text).into())
            }
            Value::List(list) if list.len() > self.list => {
                Err(format!("the result has {} elements, more than the {} allowed", list.len(), self.list).into())
            }
            _ => Ok(value),
        }
    }
}

/// How a set of templates behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Marks of an action.
    pub delimiters: Delimiters,
    /// What a missing key gives.
    pub missing_key: MissingKey,
    /// What becomes of `<no value>`.
    pub no_value: NoValue,
    /// Who sees the definitions of `tpl`.
    pub tpl_definitions: TplDefinitions,
    /// The name of the set itself, which errors of `tpl` show; Helm's is `gotpl`.
    pub name: Arc<str>,
    /// Bounds.
    pub limits: Limits,
}

impl Options {
    /// Go's defaults, as werf.yaml has them.
    pub fn go(name: &str) -> Self {
        Options {
            delimiters: Delimiters::default(),
            missing_key: MissingKey::Invalid,
            no_value: NoValue::Keep,
            tpl_definitions: TplDefinitions::Shared,
            name: name.into(),
            limits: Limits::default(),
        }
    }

    /// Helm's way.
    pub fn helm() -> Self {
        Options {
            missing_key: MissingKey::Zero,
            no_value: NoValue::Remove,
            tpl_definitions: TplDefinitions::Inside,
            ..Options::go("gotpl")
        }
    }
}

/// A set of templates by name. Cloning shares what is parsed.
#[derive(Clone, Debug)]
pub struct Templates {
    pub(super) options: Arc<Options>,
    pub(super) table: Arc<Table>,
    pub(super) trees: Arc<Layer>,
    /// The templates of the second language.
    pub(super) jinja: Option<Arc<Jinja>>,
    /// Texts that `tpl` has parsed before.
    pub(super) texts: Arc<Texts>,
}

/// What a missing value prints as.
pub(super) const NO_VALUE: &str = "<no value>";

impl Templates {
    /// An empty set. The table must hold every function that texts parsed later name.
    pub fn new(table: Arc<Table>, options: Options) -> Self {
        Templates { options: Arc::new(options), table, trees: Arc::default(), jinja: None, texts: Arc::default() }
    }

    /// Parses a text and adds it and what it defines. Of two templates with one name the later one stays, unless it is blank.
    pub fn parse(&mut self, name: &str, text: impl AsRef<[u8]>) -> Result<(), ParseError> {
        let parsed = self.parse_only(name, text)?;
        self.add(&parsed);
        Ok(())
    }

    /// Parses a text without adding it, for those who parse many at once. Add the results in the order that decides redefinitions.
    pub fn parse_only(&self, name: &str, text: impl AsRef<[u8]>) -> Result<Parsed, ParseError> {
        parser::parse(name, text.as_ref(), &self.options.delimiters, &self.table)
    }

    /// Adds what was parsed with the same options and the same functions.
    pub fn add(&mut self, parsed: &Parsed) {
        Arc::make_mut(&mut self.trees).add(parsed);
    }

    /// Parses the files of the second language, in place of those that are there. Each file with a mistake is in the error.
    pub fn set_jinja(&mut self, files: &[JinjaFile<'_>]) -> Result<(), Vec<ParseError>> {
        self.jinja = Some(Arc::new(Jinja::parse(files, &self.table, self.options.limits)?));
        Ok(())
    }

    /// Whether there is a template of this name, in either language.
    pub fn contains(&self, name: &str) -> bool {
        self.trees.get(name).is_some() || self.jinja.as_ref().is_some_and(|jinja| jinja.contains(name))
    }

    /// The names of all templates, sorted.
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.trees.own.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Executes a template. `data` is its dot and its `$`. The text is what was written, byte for byte.
    pub fn execute(&self, name: &str, data: &Value, host: &dyn Host) -> Result<Str, Box<ExecError>> {
        self.run(name, data, host, None)
    }

    /// The same, and which place wrote what; slower.
    pub fn execute_traced(&self, name: &str, data: &Value, host: &dyn Host) -> Result<(Str, Trace), Box<ExecError>> {
        let mut trace = Trace::default();
        self.run(name, data, host, Some(&mut trace)).map(|text| (text, trace))
    }

    fn run(&self, name: &str, data: &Value, host: &dyn Host, trace: Option<&mut Trace>) -> Result<Str, Box<ExecError>> {
        let own = host.of_file(name);
        let host = own.as_deref().unwrap_or(host);
        match self.jinja.as_ref().filter(|jinja| jinja.contains(name)) {
            Some(jinja) => exec::execute_jinja(self, jinja, name, data, host, trace),
            None => exec::execute(self, name, data, host, trace),
        }
    }

    /// What `tpl` parses, remembered by its text.
    pub(super) fn parse_text(&self, text: &Str) -> Result<Arc<Parsed>, ParseError> {
        if let Some(parsed) = self.texts.get(text) {
            return Ok(parsed);
        }
        let parsed = Arc::new(self.parse_only(&self.options.name, text.as_bytes())?);
        self.texts.insert(text, parsed.clone());
        Ok(parsed)
    }
}

/// Templates by name, above others that they hide.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    below: Option<Arc<Layer>>,
    own: HashMap<Arc<str>, Arc<Tree>>,
}

impl Layer {
    /// An empty layer above another.
    pub(super) fn above(below: Arc<Layer>) -> Self {
        Layer { below: Some(below), own: HashMap::new() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Tree>> {
        self.own.get(name).or_else(|| self.below.as_ref()?.get(name))
    }

    /// The names of all templates, of the layers below too.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = self.own.keys().cloned().collect();
        names.extend(self.below.iter().flat_map(|below| below.names()));
        names
    }

    /// Adds templates by Go's rule: the later one stays, but a blank one never replaces another.
    pub(super) fn add(&mut self, parsed: &Parsed) {
        for (name, tree) in parsed {
            if !tree.root.is_blank() || self.get(name).is_none() {
                self.own.insert(name.clone(), tree.clone());
            }
        }
    }
}
