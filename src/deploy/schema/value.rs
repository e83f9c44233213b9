//! One value against its schema: type, allowed values, limits, alternatives. Mappings go on in [`object`](super::object).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::error::Found;
use super::schemas::Schema;
use crate::words::near::nearest;
use crate::words::quoted::quoted;
use crate::yaml::{self, Node, NodeValue};

/// Deeper than this no reference is followed: it may lead to itself.
const MAX_REFERENCES: usize = 32;

/// Where a value is: `spec.containers[0].image`.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(String);

impl Path {
    pub fn field(&self, name: &str) -> Path {
        let is_plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'));
        match (is_plain, self.0.is_empty()) {
            (true, true) => Path(name.to_owned()),
            (true, false) => Path(format!("{}.{name}", self.0)),
            (false, _) => Path(format!("{}[{name:?}]", self.0)),
        }
    }

    pub fn item(&self, at: usize) -> Path {
        Path(format!("{}[{at}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in the text.
pub(super) type Span = std::ops::Range<usize>;

/// A walk through one object beside its schema.
pub(super) struct Walk<'a> {
    pub document: &'a Value,
    /// Fields that nobody declared are no problem: the kind keeps them, or this is an alternative, which declares nothing.
    pub is_open: bool,
    /// We are among the types of Kubernetes itself: their objects without declared fields hold any, and empty values count as none.
    pub is_builtin: bool,
    pub found: &'a mut Vec<Found>,
}

/// A schema with all that it is made of: what it refers to, and every part of its `allOf`.
pub(super) struct Facets<'a> {
    pub all: Vec<&'a Value>,
    /// It refers to a type of Kubernetes itself.
    is_builtin: bool,
}

impl<'a> Facets<'a> {
    pub fn values(&self, keyword: &'static str) -> impl Iterator<Item = &'a Value> + '_ {
        self.all.iter().filter_map(move |schema| schema.get(keyword))
    }

    pub fn says(&self, keyword: &'static str) -> bool {
        self.values(keyword).any(|value| *value == Value::Bool(true))
    }

    pub fn is_format(&self, name: &str) -> bool {
        self.values("format").any(|format| format == name)
    }
}

impl<'a> Walk<'a> {
    pub fn new(schema: &Schema<'a>, found: &'a mut Vec<Found>) -> Self {
        Walk { document: schema.document, is_open: schema.is_open, is_builtin: schema.is_builtin, found }
    }

    /// Checks a value that is written at `at`: its key, or itself in a list.
    pub fn value(&mut self, node: &Node, schema: &'a Value, path: &Path, at: Span) {
        // null is how a field is left out; whether it may be is its object's to know
        if node.is_null() {
            return;
        }
        let facets = self.facets(schema);
        let outside = self.is_builtin;
        self.is_builtin |= facets.is_builtin;
        self.typed(node, &facets, path, &at);
        self.is_builtin = outside;
    }

    fn typed(&mut self, node: &Node, facets: &Facets<'a>, path: &Path, at: &Span) {
        if let Some(wanted) = wrong_type(node, facets) {
            return self.wrong(path, node, at, format!("must be {wanted}"), type_help(node, &wanted));
        }
        match &node.value {
            NodeValue::Mapping(entries) => self.object(entries, facets, path, at),
            NodeValue::Sequence(items) => self.list(items, facets, path, at),
            _ => self.scalar(node, facets, path, at),
        }
        self.alternatives(node, facets, path, at);
    }

    pub fn report(&mut self, path: &Path, span: Span, problem: String, help: Option<String>) {
        let field = path.to_string();
        let message = if field.is_empty() { format!("the object {problem}") } else { format!("`{field}` {problem}") };
        self.found.push(Found { message, field, seen: None, span, help });
    }

    /// Reports a value by what it is.
    fn wrong(&mut self, path: &Path, node: &Node, at: &Span, problem: String, help: Option<String>) {
        self.report(path, span_of(node, at), problem, help);
        if let Some(found) = self.found.last_mut() {
            found.seen = Some(described(node));
        }
    }

    /// Follows references and `allOf`.
    pub fn facets(&self, schema: &'a Value) -> Facets<'a> {
        let mut facets = Facets { all: Vec::new(), is_builtin: false };
        self.collect(schema, &mut facets, 0);
        facets
    }

    fn collect(&self, schema: &'a Value, facets: &mut Facets<'a>, depth: usize) {
        facets.all.push(schema);
        if depth > MAX_REFERENCES {
            return;
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            facets.is_builtin |= reference.contains("/io.k8s.");
            if let Some(target) = reference.strip_prefix('#').and_then(|pointer| self.document.pointer(pointer)) {
                self.collect(target, facets, depth + 1);
            }
        }
        for part in list(schema, "allOf") {
            self.collect(part, facets, depth + 1);
        }
    }

    fn list(&mut self, items: &[Node], facets: &Facets<'a>, path: &Path, at: &Span) {
        self.limits(items.len(), ["minItems", "maxItems"], "items", facets, path, at);
        for schema in facets.values("items").filter(|schema| schema.is_object()) {
            let has_objects = self.facets(schema).values("type").any(|name| name == "object");
            for (number, item) in items.iter().enumerate() {
                if has_objects && item.is_null() {
                    self.wrong(&path.item(number), item, at, "must be a mapping".into(), None);
                }
                self.value(item, schema, &path.item(number), item.span.start..item.span.end);
            }
        }
        let kind = facets.values("x-kubernetes-list-type").find_map(Value::as_str);
        let keys: Vec<&str> =
            facets.values("x-kubernetes-list-map-keys").filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
        let is_unique = facets.says("uniqueItems") || kind == Some("set");
        let mut seen: Vec<(Value, usize)> = Vec::new();
        for (number, item) in items.iter().enumerate().filter(|_| is_unique || (kind == Some("map") && !keys.is_empty())) {
            let Ok(whole) = yaml::to_json(item) else { continue };
            let identity = if is_unique { whole } else { self.keys_of(&whole, &keys, facets) };
            if let Some((_, first)) = seen.iter().find(|(known, _)| *known == identity) {
                let (first, problem) = (path.item(*first), if is_unique { "repeats" } else { "has the same keys as" });
                let help = (!is_unique).then(|| format!("items of this list differ in {}", quoted(&keys)));
                self.report(&path.item(number), item.span.clone(), format!("{problem} `{first}`"), help);
            } else {
                seen.push((identity, number));
            }
        }
    }

    /// What tells an item of a list from others, with the defaults of what is left out.
    fn keys_of(&self, item: &Value, keys: &[&str], facets: &Facets<'a>) -> Value {
        let inner: Vec<&Value> = facets.values("items").flat_map(|schema| self.facets(schema).all).collect();
        let default = |key: &str| inner.iter().find_map(|schema| schema.get("properties")?.get(key)?.get("default"));
        let value = |key: &&str| item.get(key).or_else(|| default(key)).cloned().unwrap_or_default();
        keys.iter().map(value).collect()
    }

    fn scalar(&mut self, node: &Node, facets: &Facets<'a>, path: &Path, at: &Span) {
        let span = || span_of(node, at);
        let Ok(value) = yaml::to_json(node) else { return };
        for allowed in facets.values("enum").filter_map(Value::as_array) {
            // an empty text is how Go's programs leave a field out
            let is_left_out = self.is_builtin && value == "";
            if !is_left_out && !allowed.contains(&value) {
                let near = node.as_str().and_then(|text| nearest(text, allowed.iter().filter_map(Value::as_str)));
                self.wrong(path, node, at, format!("must be {}", one_of(allowed)), near.map(|near| format!("did you mean `{near}`?")));
            }
        }
        if let Value::String(text) = &value {
            self.limits(text.chars().count(), ["minLength", "maxLength"], "characters", facets, path, &span());
            for pattern in facets.values("pattern").filter_map(Value::as_str) {
                if regex::Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text)) {
                    self.wrong(path, node, at, format!("must match `{pattern}`"), None);
                }
            }
            let is_base64 = || STANDARD.decode(text.replace(['\n', '\r'], "")).is_ok();
            if facets.is_format("byte") && !is_base64() {
                let help = "`{{ value | b64enc }}` makes it; a Secret's `stringData` takes plain text".to_owned();
                self.report(path, span(), "must be base64".into(), Some(help));
            }
            return;
        }
        let Some(number) = value.as_f64() else { return };
        let is_out = |from: i64, to: i64| number < from as f64 || number > to as f64;
        if facets.is_format("int32") && is_out(i32::MIN.into(), i32::MAX.into()) {
            self.wrong(path, node, at, "must fit in 32 bits".into(), None);
        }
        type Test = fn(f64, f64) -> bool;
        let tests: [(&'static str, Test, &str); 2] = [("minimum", |a, b| a < b, "at least"), ("maximum", |a, b| a > b, "at most")];
        for (keyword, fails, words) in tests {
            for schema in facets.all.iter() {
                let Some(limit) = schema.get(keyword) else { continue };
                let exclusive = if keyword == "minimum" { "exclusiveMinimum" } else { "exclusiveMaximum" };
                let is_exclusive = schema.get(exclusive) == Some(&Value::Bool(true));
                let bound = limit.as_f64().unwrap_or(number);
                if fails(number, bound) || (is_exclusive && number == bound) {
                    let than = if is_exclusive { if keyword == "minimum" { "more than" } else { "less than" } } else { words };
                    self.wrong(path, node, at, format!("must be {than} {limit}"), None);
                }
            }
        }
        for step in facets.values("multipleOf") {
            if step.as_f64().is_some_and(|step| step > 0.0 && (number / step).fract() != 0.0) {
                self.wrong(path, node, at, format!("must be a multiple of {step}"), None);
            }
        }
    }

    pub fn limits(&mut self, size: usize, keywords: [&'static str; 2], what: &str, facets: &Facets<'a>, path: &Path, at: &Span) {
        for (keyword, words) in keywords.into_iter().zip(["at least", "at most"]) {
            for limit in facets.values(keyword).filter_map(Value::as_u64) {
                let limit = limit as usize;
                if (keyword.starts_with("min") && size < limit) || (keyword.starts_with("max") && size > limit) {
                    self.report(path, at.clone(), format!("must have {words} {limit} {what}, it has {size}"), None);
                }
            }
        }
    }

    /// `anyOf`, `oneOf` and `not`: they say nothing of what is declared, only what holds.
    fn alternatives(&mut self, node: &Node, facets: &Facets<'a>, path: &Path, at: &Span) {
        if is_int_or_string(facets) {
            return;
        }
        for (keyword, schema) in facets.all.iter().flat_map(|schema| [("anyOf", *schema), ("oneOf", *schema)]) {
            let branches = list(schema, keyword);
            if branches.is_empty() {
                continue;
            }
            let problems: Vec<Vec<Found>> = branches.iter().map(|branch| self.problems(node, branch, path, at)).collect();
            let fitting = problems.iter().filter(|found| found.is_empty()).count();
            if fitting == 1 || (fitting > 1 && keyword == "anyOf") {
                continue;
            }
            if fitting > 1 {
                self.report(path, at.clone(), "fits several of the forms of which one is allowed".into(), None);
                continue;
            }
            // the form that is missed by the least is the one that was most likely meant
            let nearest = problems.into_iter().min_by_key(Vec::len).unwrap_or_default();
            self.found.extend(nearest);
        }
        for schema in facets.values("not") {
            if self.problems(node, schema, path, at).is_empty() {
                self.report(path, at.clone(), "has a form that is not allowed".into(), None);
            }
        }
    }

    fn problems(&self, node: &Node, schema: &'a Value, path: &Path, at: &Span) -> Vec<Found> {
        let mut found = Vec::new();
        let mut walk = Walk { document: self.document, is_open: true, is_builtin: self.is_builtin, found: &mut found };
        walk.value(node, schema, path, at.clone());
        found
    }
}

pub(super) fn list<'v>(schema: &'v Value, keyword: &str) -> &'v [Value] {
    schema.get(keyword).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn is_int_or_string(facets: &Facets<'_>) -> bool {
    facets.says("x-kubernetes-int-or-string") || facets.is_format("int-or-string")
}

/// The type that is wanted, in words, where the value has another one.
fn wrong_type(node: &Node, facets: &Facets<'_>) -> Option<String> {
    if is_int_or_string(facets) {
        return (!["integer", "string"].iter().any(|name| fits(node, name))).then(|| "a whole number or a string".into());
    }
    for wanted in facets.values("type") {
        let names: Vec<&str> = match wanted {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => continue,
        };
        if !names.iter().any(|name| fits(node, name)) {
            return Some(names.iter().filter(|name| **name != "null").map(|name| words_of(name)).collect::<Vec<_>>().join(" or "));
        }
    }
    // a choice between types only, such as a quantity: a string or a number
    for branches in facets.all.iter().flat_map(|schema| [list(schema, "oneOf"), list(schema, "anyOf")]).filter(|list| !list.is_empty()) {
        let types: Option<Vec<Vec<&str>>> = branches.iter().map(only_type).collect();
        if let Some(types) = types
            && !types.iter().flatten().any(|name| fits(node, name))
        {
            let words = types.iter().flatten().filter(|name| **name != "null").map(|name| words_of(name));
            return Some(words.collect::<Vec<_>>().join(" or "));
        }
    }
    None
}

/// The types of a schema that says nothing else.
fn only_type(schema: &Value) -> Option<Vec<&str>> {
    let fields = schema.as_object()?;
    match (fields.len(), fields.get("type")?) {
        (1, Value::String(name)) => Some(vec![name]),
        (1, Value::Array(names)) => Some(names.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn fits(node: &Node, name: &str) -> bool {
    match (name, &node.value) {
        ("object", NodeValue::Mapping(_)) | ("array", NodeValue::Sequence(_)) | ("string", NodeValue::String(_)) => true,
        ("boolean", NodeValue::Bool(_)) | ("null", NodeValue::Null) => true,
        ("integer" | "number", NodeValue::Int(_) | NodeValue::Uint(_)) | ("number", NodeValue::Float(_)) => true,
        // Helm sends 3.0 as 3
        ("integer", NodeValue::Float(value)) => value.fract() == 0.0,
        ("object" | "array" | "string" | "boolean" | "null" | "integer" | "number", _) => false,
        _ => true,
    }
}

fn words_of(name: &str) -> &str {
    match name {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "a string",
        "boolean" => "a boolean",
        "integer" => "a whole number",
        "number" => "a number",
        other => other,
    }
}

/// What a value is, and a scalar's text.
fn described(node: &Node) -> String {
    match &node.value {
        NodeValue::Null => "null".into(),
        NodeValue::Bool(value) => format!("the boolean {value}"),
        NodeValue::Int(_) | NodeValue::Uint(_) | NodeValue::Float(_) => format!("the number {}", node.text().unwrap_or_default()),
        NodeValue::String(text) => match text.char_indices().nth(60) {
            Some((end, _)) => format!("the string {:?}", format!("{}…", &text[..end])),
            None => format!("the string {text:?}"),
        },
        NodeValue::Sequence(_) => "a list".into(),
        NodeValue::Mapping(_) => "a mapping".into(),
    }
}

fn type_help(node: &Node, wanted: &str) -> Option<String> {
    let text = node.as_str();
    let help = match wanted {
        "a string" if !matches!(node.value, NodeValue::Mapping(_) | NodeValue::Sequence(_)) => {
            "quote the value in the template: `{{ value | quote }}` makes a string of a number or a boolean"
        }
        "a whole number" | "a number" if text.is_some_and(|text| text.parse::<f64>().is_ok()) => {
            "leave the quotes out: `{{ value | int }}` writes a number"
        }
        "a boolean" if matches!(text, Some("true" | "false")) => "leave the quotes out",
        "a list" | "a mapping" if text.is_some() => "`{{ toYaml value | nindent N }}` writes a list or a mapping",
        _ => return None,
    };
    Some(help.into())
}

/// Where a wrong value is shown: a scalar itself, a collection at its key.
fn span_of(node: &Node, at: &Span) -> Span {
    match node.value {
        NodeValue::Mapping(_) | NodeValue::Sequence(_) => at.clone(),
        _ if node.span.is_empty() => at.clone(),
        _ => node.span.clone(),
    }
}

fn one_of(allowed: &[Value]) -> String {
    let texts: Vec<String> = allowed
        .iter()
        .filter(|value| **value != "")
        .map(|value| format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    match texts.as_slice() {
        [only] => only.clone(),
        several => format!("one of {}", several.join(", ")),
    }
}
