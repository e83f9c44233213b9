//! values.schema.json: the root chart's first, then each subchart's over its part of the values, with Helm's wording.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;

use super::error::RenderError;
use crate::chart::files::model::{Chart, Values};
use crate::chart::files::numbers::with_plain_numbers;
use crate::chart::files::table::kind_of;
use crate::template::host::Host;

/// Checks the values of a chart and of its subcharts. What schemas refer to elsewhere comes through the host.
pub fn validate(chart: &Chart, values: &Values, host: &dyn Host) -> Result<(), RenderError> {
    let has_schema = |chart: &Chart| chart.schema.is_some();
    if !any(chart, &has_schema) {
        return Ok(());
    }
    let mut details = String::new();
    let mut elsewhere = Elsewhere::new(host);
    check(chart, &with_plain_numbers(&Value::Object(values.clone())), &mut elsewhere, &mut details);
    if details.is_empty() {
        return Ok(());
    }
    let mut places = Vec::new();
    find(chart, &with_plain_numbers(&Value::Object(values.clone())), &[], &mut elsewhere, &mut places);
    Err(RenderError::Schema { details, places, help: None })
}

/// The places of the values that break the schemas of a chart and of its subcharts.
fn find(chart: &Chart, values: &Value, above: &[String], elsewhere: &mut Elsewhere<'_>, places: &mut Vec<Vec<String>>) {
    let schema = chart.schema.as_deref().and_then(|schema| serde_json::from_slice(schema).ok());
    let validator = schema.and_then(|schema: Value| elsewhere.validator(&schema).ok());
    for error in validator.iter().flat_map(|validator| validator.iter_errors(values)) {
        let place: Vec<String> = above.iter().cloned().chain(segments(error.instance_path().as_str())).collect();
        if !places.contains(&place) {
            places.push(place);
        }
    }
    for subchart in &chart.dependencies {
        let inner: Vec<String> = above.iter().cloned().chain([subchart.name().to_owned()]).collect();
        match values.get(subchart.name()) {
            Some(part @ Value::Object(_)) => find(subchart, part, &inner, elsewhere, places),
            Some(other) if !other.is_null() => places.push(inner),
            _ => {}
        }
    }
}

fn any(chart: &Chart, test: &dyn Fn(&Chart) -> bool) -> bool {
    test(chart) || chart.dependencies.iter().any(|subchart| any(subchart, test))
}

fn check(chart: &Chart, values: &Value, elsewhere: &mut Elsewhere<'_>, details: &mut String) {
    if let Some(schema) = &chart.schema {
        let problems = problems_of(schema, values, elsewhere);
        if !problems.is_empty() {
            details.push_str(chart.name());
            details.push_str(":\n");
            problems.iter().for_each(|problem| details.push_str(&format!("{problem}\n")));
        }
    }
    for subchart in &chart.dependencies {
        match values.get(subchart.name()) {
            None | Some(Value::Null) => {}
            Some(part @ Value::Object(_)) => check(subchart, part, elsewhere, details),
            Some(other) => {
                details.push_str(&format!(
                    "{}:\ninvalid type for values: expected object (map), got {}\n",
                    subchart.name(),
                    kind_of(other)
                ));
            }
        }
    }
}

/// What one schema finds wrong with values, a line each.
pub fn problems(schema: &[u8], values: &Values, host: &dyn Host) -> Vec<String> {
    problems_of(schema, &with_plain_numbers(&Value::Object(values.clone())), &mut Elsewhere::new(host))
}

fn problems_of(schema: &[u8], values: &Value, elsewhere: &mut Elsewhere<'_>) -> Vec<String> {
    let schema: Value = match serde_json::from_slice(schema.strip_prefix(b"\xef\xbb\xbf").unwrap_or(schema)) {
        Ok(schema) => schema,
        Err(error) => return vec![format!("values.schema.json is no JSON: {error}")],
    };
    let validator = match elsewhere.validator(&schema) {
        Ok(validator) => validator,
        Err(problem) => return vec![problem],
    };
    let errors: Vec<_> = validator.iter_errors(values).collect();
    let mut lines = Vec::new();
    write(&findings(&errors, 0), &[], Level::Top, &mut lines);
    lines
}

/// How many documents the schemas of a chart may refer to.
const MAX_DOCUMENTS: usize = 100;

/// What schemas refer to outside of themselves: read once, when it is met.
struct Elsewhere<'h> {
    host: &'h dyn Host,
    known: Arc<BTreeMap<String, Value>>,
    failed: BTreeMap<String, String>,
}

impl<'h> Elsewhere<'h> {
    fn new(host: &'h dyn Host) -> Self {
        Elsewhere { host, known: Arc::default(), failed: BTreeMap::new() }
    }

    /// Makes a validator, again with each document that turns out to be missing.
    fn validator(&mut self, schema: &Value) -> Result<Validator, String> {
        loop {
            let missing = Arc::new(Mutex::new(None));
            let retriever = Known { documents: self.known.clone(), missing: missing.clone() };
            let error = match jsonschema::options().with_retriever(retriever).build(schema) {
                Ok(validator) => return Ok(validator),
                Err(error) => error,
            };
            let Some(url) = missing.lock().unwrap_or_else(PoisonError::into_inner).take() else {
                return Err(format!("values.schema.json is no schema: {error}"));
            };
            let failed = self.failed.get(&url).cloned();
            match failed.map_or_else(|| self.load(&url), Err) {
                Ok(document) => drop(Arc::make_mut(&mut self.known).insert(url, document)),
                Err(problem) => {
                    // a schema without an id is a file, as in Helm
                    let told = format!("failing loading {:?}: {problem}", url.replace("json-schema:///", "file:///"));
                    self.failed.insert(url, problem);
                    return Err(told);
                }
            }
        }
    }

    fn load(&self, url: &str) -> Result<Value, String> {
        if self.known.len() >= MAX_DOCUMENTS {
            return Err(format!("schemas refer to more than {MAX_DOCUMENTS} documents"));
        }
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err("only schemas of the chart itself and of http and https URLs can be had".into());
        }
        let text = self.host.schema(url)?;
        serde_json::from_slice(&text).map_err(|error| error.to_string())
    }
}

/// The documents that were read so far; `urn:` ones allow everything, as in Helm.
struct Known {
    documents: Arc<BTreeMap<String, Value>>,
    missing: Arc<Mutex<Option<String>>>,
}

impl Retrieve for Known {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let url = uri.as_str().split('#').next().unwrap_or_default();
        if url.starts_with("urn:") {
            return Ok(Value::Bool(true));
        }
        if let Some(document) = self.documents.get(url) {
            return Ok(document.clone());
        }
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = Some(url.to_owned());
        Err(format!("`{url}` was not read yet").into())
    }
}

/// One error with its place. Errors of one place, and of places below it, are printed as a group under it.
struct Finding {
    place: Vec<String>,
    /// Where it comes among the findings of its place, and whether before those below.
    rank: usize,
    message: String,
}

/// Findings that stand below a place come after those of this rank.
const BELOW: usize = 4;

fn findings(errors: &[ValidationError<'_>], depth: usize) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let mut required: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for error in errors {
        let place = segments(error.instance_path().as_str());
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = quote(property.as_str().unwrap_or_default());
                match required.iter_mut().find(|(known, _)| *known == place) {
                    Some((_, names)) => names.push(name),
                    None => required.push((place, vec![name])),
                }
            }
            kind => found.push(Finding { place, rank: rank(kind), message: message(error, depth) }),
        }
    }
    found.extend(required.into_iter().map(|(place, names)| {
        let word = if names.len() == 1 { "property" } else { "properties" };
        Finding { place, rank: BELOW - 1, message: format!("missing {word} {}", names.join(", ")) }
    }));
    found.sort_by(|a, b| a.rank.cmp(&b.rank).then_with(|| a.message.cmp(&b.message)));
    found
}

fn rank(kind: &ValidationErrorKind) -> usize {
    use ValidationErrorKind as Kind;
    match kind {
        Kind::Type { .. } => 0,
        Kind::Constant { .. } | Kind::Enum { .. } => 1,
        Kind::MinProperties { .. } | Kind::MaxProperties { .. } => 2,
        Kind::MinItems { .. } | Kind::MinLength { .. } => 5,
        Kind::MaxItems { .. } | Kind::MaxLength { .. } => 6,
        Kind::UniqueItems | Kind::Pattern { .. } => 7,
        _ => 8,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Top,
    Nested(usize),
}

fn write(findings: &[Finding], base: &[String], level: Level, out: &mut Vec<String>) {
    let (own, below): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding.place.len() <= base.len());
    let mut children: Vec<&str> = below.iter().filter_map(|finding| finding.place.get(base.len()).map(String::as_str)).collect();
    children.sort_unstable();
    children.dedup();
    let depth = match level {
        Level::Nested(depth) if own.len() + children.len() > 1 => {
            out.push(line(depth, base, "validation failed"));
            depth + 1
        }
        Level::Nested(depth) => depth,
        Level::Top => 0,
    };
    own.iter().filter(|finding| finding.rank < BELOW).for_each(|finding| out.push(line(depth, &finding.place, &finding.message)));
    for child in children {
        let inside: Vec<Finding> = below
            .iter()
            .filter(|finding| finding.place.get(base.len()).is_some_and(|segment| segment == child))
            .map(|finding| Finding { place: finding.place.clone(), rank: finding.rank, message: finding.message.clone() })
            .collect();
        let base: Vec<String> = base.iter().cloned().chain([child.to_owned()]).collect();
        write(&inside, &base, Level::Nested(depth), out);
    }
    own.iter().filter(|finding| finding.rank >= BELOW).for_each(|finding| out.push(line(depth, &finding.place, &finding.message)));
}

fn line(depth: usize, place: &[String], message: &str) -> String {
    let pointer: String = place.iter().map(|segment| format!("/{segment}")).collect();
    format!("{}- at {}: {message}", "  ".repeat(depth), quote(&pointer))
}

fn segments(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(str::to_owned).collect()
}

fn message(error: &ValidationError<'_>, depth: usize) -> String {
    use ValidationErrorKind as Kind;
    let instance = error.instance();
    let base = segments(error.instance_path().as_str());
    let nested = |headline: String, causes: &[Vec<ValidationError<'static>>]| {
        let mut lines = vec![headline];
        causes.iter().for_each(|branch| write(&findings(branch, depth + 1), &base, Level::Nested(depth + 1), &mut lines));
        lines.join("\n")
    };
    let size = || instance.as_array().map(Vec::len).or(instance.as_object().map(|table| table.len())).unwrap_or(0);
    let length = || instance.as_str().map_or(0, |text| text.chars().count());
    let quoted = |names: &[String]| names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    match error.kind() {
        Kind::Type { kind } => {
            let want = match kind {
                TypeKind::Single(one) => one.to_string(),
                TypeKind::Multiple(several) => several.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" or "),
            };
            format!("got {}, want {want}", json_type(instance))
        }
        Kind::Enum { options } => match options.as_array().map(Vec::as_slice) {
            Some(options) if options.iter().any(|option| option.is_array() || option.is_object()) => "'enum' failed".into(),
            Some([only]) => format!("value must be {}", display(only)),
            options => format!("value must be one of {}", options.unwrap_or_default().iter().map(display).collect::<Vec<_>>().join(", ")),
        },
        Kind::Constant { expected_value } if expected_value.is_array() || expected_value.is_object() => "'const' failed".into(),
        Kind::Constant { expected_value } => format!("value must be {}", display(expected_value)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("additional properties {} not allowed", quoted(unexpected))
        }
        Kind::AdditionalItems { limit } => format!("last {} additionalItem(s) not allowed", size().saturating_sub(*limit)),
        Kind::AnyOf { context } => nested("'anyOf' failed".into(), context),
        Kind::OneOfNotValid { context } => nested("'oneOf' failed, none matched".into(), context),
        Kind::OneOfMultipleValid { context } => {
            let valid: Vec<_> = context.iter().enumerate().filter(|(_, errors)| errors.is_empty()).map(|(at, _)| at.to_string()).collect();
            format!("'oneOf' failed, subschemas {} matched", valid[..valid.len().min(2)].join(", "))
        }
        Kind::Not { .. } => "'not' failed".into(),
        Kind::FalseSchema => "false schema".into(),
        Kind::Contains => "no items match contains schema".into(),
        Kind::Pattern { pattern } => format!("{} does not match pattern {}", quote(instance.as_str().unwrap_or_default()), quote(pattern)),
        Kind::Format { format } => format!("{} is not valid {format}", display(instance)),
        Kind::MinProperties { limit } => format!("minProperties: got {}, want {}", grouped(size()), grouped(limit)),
        Kind::MaxProperties { limit } => format!("maxProperties: got {}, want {}", grouped(size()), grouped(limit)),
        Kind::MinItems { limit } => format!("minItems: got {}, want {}", grouped(size()), grouped(limit)),
        Kind::MaxItems { limit } => format!("maxItems: got {}, want {}", grouped(size()), grouped(limit)),
        Kind::MinLength { limit } => format!("minLength: got {}, want {}", grouped(length()), grouped(limit)),
        Kind::MaxLength { limit } => format!("maxLength: got {}, want {}", grouped(length()), grouped(limit)),
        Kind::Minimum { limit } => format!("minimum: got {}, want {}", grouped(instance), grouped(limit)),
        Kind::Maximum { limit } => format!("maximum: got {}, want {}", grouped(instance), grouped(limit)),
        Kind::ExclusiveMinimum { limit } => format!("exclusiveMinimum: got {}, want {}", grouped(instance), grouped(limit)),
        Kind::ExclusiveMaximum { limit } => format!("exclusiveMaximum: got {}, want {}", grouped(instance), grouped(limit)),
        Kind::MultipleOf { multiple_of } => format!("multipleOf: got {}, want {}", grouped(instance), grouped(multiple_of)),
        Kind::UniqueItems => {
            let items = instance.as_array().map(Vec::as_slice).unwrap_or_default();
            let twice = items.iter().enumerate().find_map(|(at, item)| Some((items[..at].iter().position(|other| other == item)?, at)));
            let (first, second) = twice.unwrap_or_default();
            format!("items at {first} and {second} are equal")
        }
        Kind::PropertyNames { error } => {
            let mut lines = vec![format!("invalid propertyName {}", quote(error.instance().as_str().unwrap_or_default()))];
            write(&findings(std::slice::from_ref(error.as_ref()), depth + 1), &base, Level::Nested(depth + 1), &mut lines);
            lines.join("\n")
        }
        _ => error.to_string(),
    }
}

/// A number as English has it: `70,000`.
fn grouped(number: impl ToString) -> String {
    let text = number.to_string();
    let (whole, rest) = text.split_at(text.find(['.', 'e', 'E']).unwrap_or(text.len()));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut out = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + if rest == ".0" { "" } else { rest }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn display(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(_) | Value::Object(_) => "value".to_owned(),
        other => other.to_string(),
    }
}

fn quote(text: &str) -> String {
    let inner = crate::template::format::quote(text).replace("\\\"", "\"").replace('\'', "\\'");
    format!("'{}'", inner.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::host::NoHost;
    use serde_json::json;

    /// Expectations are the lines that `helm3 template` 3.22.0 prints for the same schema and values.
    #[test]
    fn problems_are_worded_as_in_helm() {
        let schema = json!({
            "type": "object",
            "required": ["name", "port"],
            "additionalProperties": false,
            "properties": {
                "name": { "type": "string", "minLength": 3, "pattern": "^[a-z]+$" },
                "port": { "type": ["integer", "null"], "maximum": 65535 },
                "policy": { "enum": ["Always", "Never"] },
                "list": { "type": "array", "minItems": 1, "uniqueItems": true },
                "any": { "anyOf": [{ "type": "string" }, { "type": "integer" }] },
            },
        });
        let cases = [
            (json!({ "name": "web", "port": 80.0 }), vec![]),
            (json!({}), vec!["- at '': missing properties 'name', 'port'"]),
            (json!({ "name": "web", "port": "80" }), vec!["- at '/port': got string, want null or integer"]),
            (
                json!({ "name": "A", "port": 70000, "policy": "x", "list": [1, 1], "odd": 1 }),
                vec![
                    "- at '/list': items at 0 and 1 are equal",
                    "- at '/name': validation failed",
                    "  - at '/name': minLength: got 1, want 3",
                    "  - at '/name': 'A' does not match pattern '^[a-z]+$'",
                    "- at '/policy': value must be one of 'Always', 'Never'",
                    "- at '/port': maximum: got 70,000, want 65,535",
                    "- at '': additional properties 'odd' not allowed",
                ],
            ),
            (
                json!({ "name": "web", "port": null, "any": true }),
                vec!["- at '/any': 'anyOf' failed\n  - at '/any': got boolean, want string\n  - at '/any': got boolean, want integer"],
            ),
        ];
        for (values, expected) in cases {
            assert_eq!(
                problems_of(schema.to_string().as_bytes(), &with_plain_numbers(&values), &mut Elsewhere::new(&NoHost)),
                expected,
                "{values}"
            );
        }
    }
}
