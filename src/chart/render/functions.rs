//! The functions that werf adds to a chart's templates, and the methods of what Helm puts into their data.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{FILES, VersionSet, VersionSet4};
use super::service::ServiceValues;
use crate::chart::files::glob;
use crate::chart::files::model::{Chart, File};
use crate::chart::values::layers::SecretAccess;
use crate::file_tree::{shown, text_of_bytes};
use crate::secret;
use crate::template::call::{FunctionError, ObjectType, Ref, Rest, Table};
use crate::template::functions;
use crate::template::value::{Entries, List, Map, MapType, Str, Value};
use crate::words::near::nearest;
use crate::words::quoted::quoted;
use crate::yaml;

pub use crate::template::functions::DebugLog;

/// The function table of a chart of this project.
pub fn table(chart: &Chart, service: Option<&ServiceValues>, secrets: &SecretAccess, debug: Option<DebugLog>) -> Table {
    let mut table = functions::helm();
    files(&mut table);
    capabilities(&mut table);
    images(&mut table, service);
    secret_files(&mut table, chart, secrets);
    functions::debugging(&mut table, debug);
    table
}

/// Makes `fail` and `required` go on with an empty text: whoever lints has not set all values.
pub fn lenient(table: &mut Table) {
    table.add("fail", |_: Str| "");
    table.add("required", |_: Str, value: Value| if value.is_nil() { Value::from("") } else { value });
}

fn images(table: &mut Table, service: Option<&ServiceValues>) {
    let images: Option<BTreeMap<String, String>> =
        service.map(|service| service.images.iter().map(|(name, image)| (name.clone(), image.reference())).collect());
    table.add("werf_image", move |arguments: Rest<Value>| -> Result<String, FunctionError> {
        // `werf_image "name"`, `werf_image "name" .`, and the old `tuple "name" . | werf_image`; without a name all of these too.
        let name = match arguments.first() {
            Some(Value::List(list)) => list.items().first().and_then(Value::as_str).map(str::to_owned),
            Some(value) => value.as_str().map(str::to_owned),
            None => None,
        };
        let images = images.as_ref().ok_or("there are no images: the chart is rendered without a project")?;
        let nameless = || images.contains_key("").then(String::new);
        let name = name.or_else(nameless).ok_or("expected the name of an image, as in `werf_image \"backend\"`")?;
        images.get(&name).cloned().ok_or_else(|| unknown_image(&name, images).into())
    });
}

fn unknown_image(name: &str, images: &BTreeMap<String, String>) -> String {
    if images.is_empty() {
        return format!("unknown image `{name}`: werf.yaml has no images");
    }
    let known: Vec<&String> = images.keys().collect();
    let hint = match nearest(name, images.keys().map(String::as_str)) {
        Some(near) => format!(", did you mean `{near}`? Images"),
        None => "; images".to_owned(),
    };
    format!("unknown image `{name}`{hint} of werf.yaml: {}", quoted(&known))
}

fn secret_files(table: &mut Table, chart: &Chart, secrets: &SecretAccess) {
    let files: Vec<File> = chart.files.iter().filter(|file| file.name.starts_with("secret/")).cloned().collect();
    let secrets = secrets.clone();
    table.add("werf_secret_file", move |path: Str| -> Result<Str, FunctionError> {
        let path = text_of_bytes(path.as_bytes());
        let file = files.iter().find(|file| file.name.strip_prefix("secret/") == Some(&*path));
        let file = file.ok_or_else(|| format!("there is no secret file `secret/{}` in the chart", shown(&path)))?;
        match &secrets {
            SecretAccess::Ignore => Ok(Str::from("")),
            SecretAccess::NoKey => Err(format!("`secret/{path}` is encrypted and there is no secret key: set WERF_SECRET_KEY").into()),
            SecretAccess::Key(key) => {
                let plain = secret::decrypt(key, &file.shown()).map_err(|error| format!("cannot decrypt `secret/{path}`: {error}"))?;
                Ok(Str::from_bytes(plain))
            }
        }
    });
}

fn files(table: &mut Table) {
    let get = |files: &Map, name: &Str| match files.get_bytes(name.as_bytes()) {
        Some(Value::Bytes(bytes)) => bytes,
        _ => Arc::from([]),
    };
    table.method(FILES, "Get", move |files: Value, name: Str| map(&files).map(|files| Value::string_from_bytes(&*get(files, &name))));
    table.method(FILES, "GetBytes", move |files: Value, name: Str| map(&files).map(|files| Value::Bytes(get(files, &name))));
    table.method(FILES, "Glob", |files: Value, pattern: Str| {
        let glob = glob::file_glob(&text_of_bytes(pattern.as_bytes()));
        let is_match = |name: &Str| glob.is_match(&text_of_bytes(name.as_bytes()));
        let matching = |files: &Map| files.read().iter().filter(|(name, _)| is_match(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
        map(&files).map(|files| Value::Map(Map::with_type(matching(files), files.map_type())))
    });
    table.method(FILES, "Lines", move |files: Value, name: Str| {
        let content = map(&files).map(|files| get(files, &name)).unwrap_or_else(|| Arc::from([]));
        let whole = content.strip_suffix(b"\n").unwrap_or(&content);
        let lines: Vec<Str> = whole.split(|byte| *byte == b'\n').map(Str::from_bytes).collect();
        let lines = if content.is_empty() { Vec::new() } else { lines };
        Value::List(List::strings(lines))
    });
    table.method(FILES, "AsConfig", |files: Value| flat(&files, Str::from_slice));
    table.method(FILES, "AsSecrets", |files: Value| {
        use base64::Engine;
        flat(&files, |bytes| base64::engine::general_purpose::STANDARD.encode(bytes).into())
    });
}

fn map(value: &Value) -> Option<&Map> {
    value.as_map()
}

/// The files by their base names, as YAML. Of two files with one base name, the last stays.
fn flat(files: &Value, text: impl Fn(&[u8]) -> Str) -> String {
    let mut entries = Entries::new();
    for (path, content) in map(files).map(Map::entries).unwrap_or_default() {
        if let Value::Bytes(bytes) = content {
            let name = path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            entries.insert(Str::from_slice(name), Value::String(text(&bytes)));
        }
    }
    let value = Value::Map(Map::with_type(entries, MapType::String));
    yaml::emit(&value.to_json()).trim_end_matches('\n').to_owned()
}

fn capabilities(table: &mut Table) {
    table.method(VersionSet::NAME, "Has", |set: Ref<VersionSet>, version: Str| set.0.has(&version.shown()));
    table.method(VersionSet4::NAME, "Has", |set: Ref<VersionSet4>, version: Str| set.0.0.has(&version.shown()));
    for (kube_version, values) in [("chartutil.KubeVersion", "chartutil.Values"), ("common.KubeVersion", "common.Values")] {
        table.method(kube_version, "GitVersion", |version: Value| match &version {
            Value::Object(version) => version.field("Version"),
            _ => None,
        });
        table.method(kube_version, "String", |version: Value| version.to_text());
        table.method(values, "AsMap", |values: Map| Value::Map(values));
        table.method(values, "YAML", |values: Map| yaml::emit(&Value::Map(values).to_json()));
    }
}
