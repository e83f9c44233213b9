//! What werf.yaml's templates can call beside sprig: `env`, `include`, `tpl`, `required`, `fromYaml`, `toYaml` and `.Files`.

use std::sync::Arc;

use crate::file_tree::FileTree;
use crate::project::giterminism::{Giterminism, Purpose};
use crate::template::call::{FunctionError, ObjectType, Ref, Rest, Scope, Table};
use crate::template::functions;
use crate::template::host::Host;
use crate::template::value::{Map, Object, Str, Value};

/// The function table of werf.yaml: sprig's and these.
pub(super) fn table() -> Table {
    let mut table = functions::sprig();
    table.add_scoped("include", |scope: &mut dyn Scope, name: Arc<str>, data: Value| scope.include(&name, data));
    table.add_scoped("tpl", |scope: &mut dyn Scope, text: Arc<str>, data: Value| scope.tpl(&text, data));
    table.add_scoped("env", env);
    table.add("required", |message: Arc<str>, value: Value| match &value {
        Value::Nil => Err(FunctionError::Refused(message.to_string())),
        Value::String(text) if text.is_empty() => Err(FunctionError::Refused(message.to_string())),
        _ => Ok(value),
    });
    // Unlike Helm's, a text that cannot be read is an error here.
    table.add("fromYaml", |text: Arc<str>| match functions::from_yaml(&text) {
        Ok(Value::Nil) => Ok(Value::Map(Map::new())),
        Ok(value) => Ok(value),
        Err(error) => Err(FunctionError::from(error.to_string())),
    });
    table.add("toYaml", |value: Value| functions::to_yaml(&value).unwrap_or_default());
    table.method(TemplateFiles::NAME, "Get", |files: Ref<TemplateFiles>, path: Arc<str>| files.get(&path));
    table.method(TemplateFiles::NAME, "Glob", |files: Ref<TemplateFiles>, glob: Arc<str>| files.glob(&glob));
    table.method(TemplateFiles::NAME, "Exists", |files: Ref<TemplateFiles>, path: Arc<str>| files.exists(&path));
    table.method(TemplateFiles::NAME, "IsDir", |files: Ref<TemplateFiles>, path: Arc<str>| files.is_dir(&path));
    table
}

/// `env NAME [DEFAULT]`: an unset variable without a default is an error, and the default also stands for an empty one.
fn env(scope: &mut dyn Scope, name: Value, default: Rest<Arc<str>>) -> Result<String, FunctionError> {
    let name = name.to_text();
    let found = scope.host().env(&name.to_str())?;
    match (found, default.as_slice()) {
        (_, [_, _, ..]) => Err("more than 1 optional argument prohibited".into()),
        (Some(value), []) => Ok(value),
        (Some(value), [default]) => Ok(if value.is_empty() { default.to_string() } else { value }),
        (None, [default]) => Ok(default.to_string()),
        (None, []) => {
            Err(format!("the environment variable `{name}` is not set: set it, or give `env` a default: `env \"{name}\" \"…\"`").into())
        }
    }
}

/// The gates of werf.yaml's templates.
pub(super) struct Gates<'a> {
    pub giterminism: &'a Giterminism,
    pub variable: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    pub host: Option<&'a dyn Host>,
    /// Unset variables are empty.
    pub is_loose: bool,
}

impl Host for Gates<'_> {
    fn now(&self) -> jiff::Zoned {
        match self.host {
            Some(host) => host.now(),
            None => crate::template::host::NoHost.now(),
        }
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), FunctionError> {
        match self.host {
            Some(host) => host.random(buffer),
            None => crate::template::host::NoHost.random(buffer),
        }
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
        Ok(if self.is_loose { Some(found.unwrap_or_default()) } else { found })
    }
}

/// `.Files` of werf.yaml's templates.
pub(super) struct TemplateFiles(Arc<Giterminism>);

impl TemplateFiles {
    pub(super) fn new(giterminism: Arc<Giterminism>) -> Self {
        TemplateFiles(giterminism)
    }

    fn get(&self, path: &str) -> Result<Str, FunctionError> {
        match self.0.files(Purpose::TemplateFile).read(&super::paths::relative(path)).map_err(failed)? {
            Some(bytes) => Ok(Str::from_slice(&bytes)),
            None => Err(format!("commit {} has no file `{path}`", self.0.commit()).into()),
        }
    }

    /// Contents by path. The files that a glob names are found from the directory before its first wildcard.
    fn glob(&self, glob: &str) -> Result<Map, FunctionError> {
        let glob = super::paths::relative(glob);
        let fixed = glob.find(['*', '?', '[', '{', '\\']).map_or(glob.as_str(), |at| &glob[..at]);
        let dir = fixed.rfind('/').map_or("", |at| &fixed[..at]);
        let files = self.0.files(Purpose::TemplateFile);
        let mode = gix::glob::wildmatch::Mode::NO_MATCH_SLASH_LITERAL;
        let matches = |path: &str| gix::glob::wildmatch(glob.as_str().into(), path.into(), mode);
        let found = Map::new();
        let entries = files.list_where(dir, &matches).map_err(failed)?;
        files.fetch(&entries.iter().collect::<Vec<_>>()).map_err(failed)?;
        for entry in entries {
            if let Some(bytes) = files.read(&entry.path).map_err(failed)? {
                found.insert(entry.path.as_str(), Value::String(Str::from_slice(&bytes)));
            }
        }
        Ok(found)
    }

    fn exists(&self, path: &str) -> Result<bool, FunctionError> {
        let path = super::paths::relative(path);
        let files = self.0.files(Purpose::TemplateFile);
        Ok(files.read(&path).map_err(failed)?.is_some() || self.is_dir(&path)?)
    }

    fn is_dir(&self, path: &str) -> Result<bool, FunctionError> {
        self.0.files(Purpose::TemplateFile).is_dir(&super::paths::relative(path)).map_err(failed)
    }
}

fn failed(error: crate::file_tree::ReadError) -> FunctionError {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    FunctionError::from(format!("{error}{cause}"))
}

impl std::fmt::Debug for TemplateFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

impl Object for TemplateFiles {
    fn type_name(&self) -> &'static str {
        Self::NAME
    }

    fn text(&self) -> String {
        "files".to_owned()
    }
}

impl ObjectType for TemplateFiles {
    const NAME: &'static str = "config.files";
}
