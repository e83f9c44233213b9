//! Random texts through the readers and the interpreter: none panics or runs without end. `PROPTEST_CASES` makes the runs longer.

use std::sync::Arc;

use miette::Diagnostic;
use proptest::prelude::*;
use werf::template::determined::{Determined, Seed};
use werf::template::host::NoHost;
use werf::template::lexer::Delimiters;
use werf::template::parser;
use werf::template::value::Value;
use werf::template::{Failure, JinjaFile, Limits, Options, Templates, functions};
use werf::yaml;

/// Executes a text over a few values; what it says in the end, good or bad.
fn render(text: &str) -> String {
    execute(text).unwrap_or_else(|error| error)
}

/// The same, good and bad apart.
fn execute(text: &str) -> Result<String, String> {
    let limits = Limits { steps: 20_000, output: 1 << 20, text: 1 << 16, list: 10_000, ..Limits::default() };
    let mut templates = Templates::new(Arc::new(functions::helm()), Options { limits, ..Options::helm() });
    templates.parse("t", text).map_err(|error| error.to_string())?;
    let values =
        serde_json::json!({"Values": {"n": 3, "f": 1.5, "s": "a b-c", "t": true, "nul": null, "l": [1, "x", [2]], "m": {"k": {"d": 1}}}});
    let host = Determined::new(&NoHost, Seed { names: vec!["fuzz".into()], time: 1_700_000_000 });
    let text = templates.execute("t", &Value::from_json(&values), &host).map_err(|error| error.to_string())?;
    Ok(text.letters().into_owned())
}

/// The tree of a text as it prints itself; `None` where the text is no template.
fn printed(text: &str) -> Option<String> {
    let parsed = parser::parse("t", text.as_bytes(), &Delimiters::default(), &functions::helm()).ok()?;
    Some(parsed.get("t")?.root.to_string())
}

/// Executes a text of the second language over the same values.
fn render_jinja(text: &str) -> String {
    let limits = Limits { output: 1 << 20, text: 1 << 16, list: 10_000, ..Limits::default() };
    let mut templates = Templates::new(Arc::new(functions::helm()), Options { limits, ..Options::helm() });
    if let Err(errors) = templates.set_jinja(&[JinjaFile { name: "t.j2", folder: "", text }]) {
        return errors.iter().map(|error| format!("{error} {:?}", error.labels().map(|labels| labels.count()))).collect();
    }
    let values =
        serde_json::json!({"Values": {"n": 3, "f": 1.5, "s": "a b-c", "t": true, "nul": null, "l": [1, "x", [2]], "m": {"k": {"d": 1}}}});
    let host = Determined::new(&NoHost, Seed { names: vec!["fuzz".into()], time: 1_700_000_000 });
    match templates.execute("t.j2", &Value::from_json(&values), &host) {
        Ok(text) => text.letters().into_owned(),
        Err(error) => format!("{:?}", Failure::from(*error)),
    }
}

/// Names of functions that are quick: no keys, no password hashes.
fn names() -> Vec<String> {
    let slow = ["gen", "bcrypt", "htpasswd", "derivePassword"];
    let table = functions::helm();
    let mut names: Vec<String> =
        table.names().into_iter().map(|name| name.to_string()).filter(|name| !slow.iter().any(|slow| name.starts_with(slow))).collect();
    names
        .extend(["printf", "print", "index", "slice", "len", "eq", "lt", "and", "not", "html", "js", "urlquery", "call"].map(String::from));
    names.sort();
    names
}

const OPERANDS: &[&str] = &[
    "1",
    "-1",
    "0",
    "3.0",
    "1e300",
    "9223372036854775807",
    "-9223372036854775808",
    "70000",
    "\"\"",
    "\"a\"",
    "\"a,b c\"",
    "\"ä→😀\"",
    "\"\\xff\"",
    "\"1.2.3\"",
    "\">=1.2, <3 || ~1.x\"",
    "\"(a|b)*[^c]{2,}\"",
    "\"2006-01-02 15:04\"",
    "\"2024-02-30\"",
    "\"1h5m\"",
    "\"%5.2f|%-8q|%+v|%T|%x\"",
    "\"{\\\"a\\\": [1, null]}\"",
    "\"a: [1, &x {b: 2}, *x]\"",
    "\"a = 1979-05-27\\n[b]\\nc=[1,2]\"",
    "\"http://u:p@h:1/p?q#f\"",
    "true",
    "nil",
    ".",
    "$",
    ".Values.n",
    ".Values.f",
    ".Values.s",
    ".Values.t",
    ".Values.nul",
    ".Values.l",
    ".Values.m",
    "(list 1 \"b\" nil)",
    "(dict \"a\" 1)",
    "(now)",
    "'x'",
];

fn call() -> impl Strategy<Value = String> {
    let operand = prop::sample::select(OPERANDS);
    (prop::sample::select(names()), prop::collection::vec(operand, 0..4))
        .prop_map(|(name, operands)| format!("{name} {}", operands.join(" ")))
}

fn template() -> impl Strategy<Value = String> {
    let pipe = prop::collection::vec(call(), 1..4).prop_map(|calls| calls.join(" | ")).boxed();
    let action = pipe.clone().prop_map(|pipe| format!("{{{{ {pipe} }}}}"));
    action.prop_recursive(3, 12, 3, move |inner| {
        let body = prop::collection::vec(inner, 0..3).prop_map(|parts| parts.concat());
        let head = prop::sample::select(&["if", "with", "range", "range $i, $e :=", "$x :="][..]);
        (head, pipe.clone(), body).prop_map(|(head, pipe, body)| match head {
            "$x :=" => format!("{{{{ $x := {pipe} }}}}{body}{{{{ $x }}}}"),
            head => format!("{{{{ {head} {pipe} }}}}{body}{{{{ else }}}}n{{{{ end }}}}"),
        })
    })
}

/// Texts of the second language: calls and filters of all functions, over values, literals and what operators make of them.
fn jinja_template() -> impl Strategy<Value = String> {
    let words = [
        "1",
        "-1",
        "0",
        "2.5",
        "70000",
        "9223372036854775807",
        "\"\"",
        "\"a,b c\"",
        "\"ä→😀\"",
        "\"1.2.3\"",
        "\"%5.2f|%-8q|%T\"",
        "\"{{ .Values.n }}\"",
        "true",
        "none",
        "nope",
        "Values",
        "Values.n",
        "Values.f",
        "Values.s",
        "Values.nul",
        "Values.l",
        "Values.m",
        "Values.m.k",
        "Values.no",
        "Values.l[0]",
        "context",
        "[1, \"b\", none]",
        "{\"a\": 1}",
        "now()",
        "range(5)",
        "trunc",
        "list",
        "Values.l * 70000",
        "semver(\"1.2.3\")",
    ];
    let word = prop::sample::select(words.to_vec()).prop_map(str::to_owned);
    let own = [
        "range",
        "namespace",
        "items",
        "length",
        "map",
        "select",
        "sort",
        "unique",
        "batch",
        "slice",
        "string",
        "max",
        "sum",
        "groupby",
        "zip",
    ];
    let names: Vec<String> =
        names().into_iter().filter(|name| !["and", "not", "call", "slice"].contains(&&**name)).chain(own.map(str::to_owned)).collect();
    let expression = word.prop_recursive(3, 12, 3, move |inner| {
        let arguments = prop::collection::vec(inner.clone(), 0..4).prop_map(|arguments| arguments.join(", "));
        let operator = prop::sample::select(&["+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "in", "and", "or"][..]);
        prop_oneof![
            (prop::sample::select(names.clone()), arguments.clone()).prop_map(|(name, arguments)| format!("{name}({arguments})")),
            (inner.clone(), prop::sample::select(names.clone()), arguments)
                .prop_map(|(piped, name, arguments)| format!("({piped}) | {name}({arguments})")),
            (inner.clone(), operator, inner.clone()).prop_map(|(a, operator, b)| format!("({a}) {operator} ({b})")),
            (inner.clone(), prop::sample::select(&[".k", "[0]", "[1:]", ".Get(\"a\")", ".items()", " is defined"][..]))
                .prop_map(|(a, part)| format!("({a}){part}")),
        ]
    });
    let statement = (expression, 0..4).prop_map(|(expression, shape)| match shape {
        0 => format!("{{{{ {expression} }}}}"),
        1 => format!("{{% if {expression} %}}a{{% else %}}b{{% endif %}}"),
        2 => format!("{{% for x in {expression} %}}{{{{ x }}}}{{% endfor %}}"),
        _ => format!("{{% set x = {expression} %}}{{{{ x | toJson }}}}"),
    });
    prop::collection::vec(statement, 1..3).prop_map(|parts| parts.concat())
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof!["\\PC{0,12}", "[-a-z0-9:#.,&*!|>'\"%@`{}\\[\\] \n\t]{0,16}", "(a b ){0,40}"];
    // Upstream prints this key bare, and reads it as a merge.
    let key = text.clone().prop_filter("a merge key", |key| key != "<<").boxed();
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        text.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(key.clone(), inner, 0..4).prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Equality where a number is its nearest float.
fn same(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (one, other) {
        (Number(a), Number(b)) => a.as_f64() == b.as_f64(),
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Object(a), Object(b)) => a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other))),
        _ => one == other,
    }
}

proptest! {
    #[test]
    fn random_templates_of_known_words_end(text in template()) {
        prop_assert_eq!(render(&text), render(&text));
    }

    #[test]
    fn a_tree_that_is_printed_reads_back(text in template(), before in "[a-z \n}]{0,6}", trim in any::<bool>()) {
        let text = format!("{before}{}", if trim { text.replace("{{ ", "{{- ").replace(" }}", " -}}") } else { text });
        let once = printed(&text);
        prop_assume!(once.is_some());
        let once = once.unwrap_or_default();
        prop_assert_eq!(printed(&once), Some(once.clone()), "{}", text);
        if let Ok(rendered) = execute(&text) {
            prop_assert_eq!(execute(&once), Ok(rendered), "{}", text);
        }
    }

    #[test]
    fn random_templates_of_the_second_language_end(text in jinja_template()) {
        prop_assert_eq!(render_jinja(&text), render_jinja(&text));
    }

    #[test]
    fn random_letters_of_the_second_language_end(text in r#"([a-z.$ ]|\{[{%#]-? |-?[}%#]\}|[|()"':=,/*0-9\\\n~]|if |endif|for x in |endfor|macro a\(\)|endmacro|é){0,40}"#) {
        render_jinja(&text);
    }

    #[test]
    fn random_letters_end(text in r#"([a-z.$ ]|\{\{-? |-?\}\}|[|()"`':=,/*0-9\\\n]|if |end|range |define "a"|template "a"|é){0,40}"#) {
        render(&text);
    }

    #[test]
    fn random_formats_end(format in r"(%[-+# 0]{0,2}[0-9]{0,3}(\.[0-9]{0,3})?[a-zA-Z%*\[\]0-9]|\PC){0,6}") {
        let quoted = serde_json::to_string(&format).expect("a text");
        render(&format!("{{{{ printf {quoted} 1 1.5 \"ä\" .Values.m .Values.nul (list 1) }}}}"));
    }

    #[test]
    fn random_texts_of_readers_end(text in r#"([-a-z0-9:#.,&*!|>'"%@{}\[\] \n\t=<^~?+()\\]|\PC){0,40}"#) {
        let quoted = serde_json::to_string(&text).expect("a text");
        for function in ["fromYaml", "fromJson", "fromToml", "mustRegexMatch \"x\"", "semver", "toDate \"2006-01-02\"", "duration", "urlParse", "tpl"] {
            let dot = if function == "tpl" { "." } else { "" };
            render(&format!("{{{{ {function} {quoted} {dot} }}}}"));
        }
        render(&format!("{{{{ mustRegexMatch {quoted} \"abc\" }}}}{{{{ mustRegexReplaceAll {quoted} \"abc\" {quoted} }}}}"));
        render(&format!("{{{{ semverCompare {quoted} \"1.2.3\" }}}}"));
        render(&format!("{{{{ now | date {quoted} }}}}{{{{ mustToDate {quoted} {quoted} }}}}"));
        let _ = yaml::parse_documents(&text);
    }

    #[test]
    fn yaml_that_is_printed_reads_back(value in json()) {
        let text = yaml::emit(&value);
        let read = yaml::parse_json(&text);
        prop_assert!(read.as_ref().is_ok_and(|read| same(read, &value)), "{}\n{:?}", text, read);
    }
}

/// What random texts have found.
#[test]
fn findings() {
    assert_eq!(render("{{ now | date \"\u{1f300}\" }}"), "\u{1f300}");
    for (format, number) in [("%.70000U", "1"), ("%.70000x", "1.5"), ("%.70000f", "1.5"), ("%.70000d", "1")] {
        let rendered = render(&format!("{{{{ printf \"{format}\" {number} }}}}"));
        assert!(rendered.contains("bytes, more than the 65536 allowed"), "{format}: {rendered}");
    }
}
