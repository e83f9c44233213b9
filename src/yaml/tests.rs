//! What the reader accepts and the emitter prints.

use super::*;
use serde_json::json;

fn check_json(text: &str, expected: serde_json::Value) {
    assert_eq!(parse_json(text).unwrap(), expected, "{text}");
}

#[test]
fn reads_the_types_of_yaml_1_1() {
    check_json("a: yes\nb: off\nn: y\n", json!({"a": true, "b": false, "false": true}));
    check_json("[0755, 0o17, 1_000, 0b11, 0x1F, -0x10, +12, 08, 1e3, .5]", json!([493, 15, 1000, 3, 31, -16, 12, 8.0, 1000.0, 0.5]));
    check_json("[1:20, 2024-01-02, 2024-01-02T03:04:05Z]", json!(["1:20", "2024-01-02", "2024-01-02T03:04:05Z"]));
    check_json("[18446744073709551615, 18446744073709551616]", json!([18446744073709551615u64, 18446744073709551616.0]));
    check_json("[~, null, '', !!str 1, !!int '3', !!float 3, !!binary aGk=]", json!([null, null, "", "1", 3, 3.0, "hi"]));
}

#[test]
fn resolves_aliases_and_merge_keys() {
    check_json("a: &x {k: 1}\nb: *x\nc: {<<: *x, l: 2}\n", json!({"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1, "l": 2}}));
    check_json("a: &x {k: 1}\nc: {k: 5, <<: *x}\nd: {<<: *x, k: 5}", json!({"a": {"k": 1}, "c": {"k": 1}, "d": {"k": 5}}));
    check_json("- &a {k: 1}\n- &b {k: 2, l: 2}\n- {<<: [*a, *b]}", json!([{"k": 1}, {"k": 2, "l": 2}, {"k": 1, "l": 2}]));
}

#[test]
fn knows_where_values_stand() {
    let text = "# ü\nimage: ünï\nfrom:\n- a\n-   bc \n";
    let documents = parse_documents(text).unwrap();
    let root = &documents[0];
    let slice = |node: &Node| &text[node.span.clone()];
    assert_eq!(slice(root.get("image").unwrap()), "ünï");
    assert_eq!(root.get("image").unwrap().line, 2);
    assert_eq!(slice(root.get("from").unwrap()), "- a\n-   bc");
    assert_eq!(slice(&root.get("from").unwrap().as_sequence().unwrap()[1]), "bc");
    assert_eq!(slice(root), text.trim_end().trim_start_matches("# ü\n"));
}

/// Each line of the file: a value and what Helm 3.22.0 and 4.3.1 print for it, as a JSON list.
#[test]
fn prints_as_helm_does() {
    let mut count = 0;
    for line in include_str!("emit_cases.jsonl").lines() {
        let (value, expected): (serde_json::Value, String) = serde_json::from_str(line).unwrap();
        assert_eq!(emit(&value), expected + "\n", "{value}");
        count += 1;
    }
    assert!(count > 400, "{count}");
}

#[test]
fn what_is_printed_reads_back() {
    for line in include_str!("emit_cases.jsonl").lines() {
        let (value, text): (serde_json::Value, String) = serde_json::from_str(line).unwrap();
        if text.starts_with("<<:") {
            // Upstream prints this key bare, and reads it as a merge.
            continue;
        }
        assert!(same(&parse_json(&emit(&value)).unwrap(), &value), "{value}");
    }
}

/// Equality where 1 and 1.0 are the same number.
fn same(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (one, other) {
        (Number(a), Number(b)) => a.as_f64() == b.as_f64(),
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Object(a), Object(b)) => a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other))),
        _ => one == other,
    }
}

fn check_error(text: &str, line: usize, column: usize, message: &str) {
    let error = parse_documents_with(text, Options { duplicate_keys: DuplicateKeys::Refuse }).unwrap_err();
    assert_eq!((error.line, error.column, error.message.as_str()), (line, column, message), "{text}");
}

#[test]
fn errors_name_their_place() {
    check_error("a: b: c", 1, 5, "mapping values are not allowed in this context");
    check_error("a: 1\nb:\n  c: 2\n c: 3\n", 4, 2, "did not find expected key while parsing a block mapping");
    check_error("ü: 1\nü: 2\n", 2, 1, "key `ü` is already set in this mapping");
    check_error("a: *x\n", 1, 4, "unknown anchor 'x' referenced");
    check_error("a: &x [*x]\n", 1, 8, "anchor 'x' value contains itself");
    check_error("a: [!!str, x]\n", 1, 10, "did not find expected whitespace or line break while scanning a tag");
    check_error("a: \u{7}\n", 1, 4, "control characters are not allowed");
    check_error("<<: 5\n", 1, 5, "map merge requires map or sequence of maps as the value");
}

#[test]
fn bounds_hold() {
    let bomb: String =
        (0..12).fold("a0: &a0 [x, x]\n".to_owned(), |text, at| text + &format!("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}]\n", at + 1, at));
    assert_eq!(parse(&bomb).unwrap_err().message, "document contains excessive aliasing");
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(parse(&"- ".repeat(100_000)).is_err());
}

#[test]
fn block_scalars_may_end_the_text() {
    check_json("a: |\n  x\n  y", json!({"a": "x\ny"}));
    check_json("a: |+\n  x\n\n", json!({"a": "x\n\n"}));
    check_json("a: |-\n  x\n", json!({"a": "x"}));
    check_json("a: >\n  x\n  y", json!({"a": "x y"}));
    check_json("a: |\n  x\n ", json!({"a": "x\n"}));
}

/// Made with gopkg.in/yaml.v3 and `%v`.
#[test]
fn go_prints_scalars_so() {
    let cases = [
        ("1.0", "1"),
        ("1e6", "1e+06"),
        ("1000000.5", "1.0000005e+06"),
        ("0.00001", "1e-05"),
        ("0777", "511"),
        ("1_000", "1000"),
        ("18446744073709551615", "18446744073709551615"),
        (".inf", "+Inf"),
        ("-.INF", "-Inf"),
        (".NaN", "NaN"),
        ("True", "true"),
        ("yes", "yes"),
        ("'0777'", "0777"),
        ("!!float 3", "3"),
        ("2001-1-2", "2001-01-02 00:00:00 +0000 UTC"),
        ("'2001-01-02'", "2001-01-02"),
        ("!!timestamp 2022-07-15 20:33:23.340", "2022-07-15 20:33:23.34 +0000 UTC"),
        ("2001-12-14t01:59:43.10-05:00", "2001-12-14 01:59:43.1 -0500 -0500"),
    ];
    for (text, expected) in cases {
        assert_eq!(go_text(&parse(text).unwrap()).as_deref(), Some(expected), "{text}");
    }
    assert_eq!(go_text(&parse("[1]").unwrap()), None);
}

#[test]
fn scalars_have_their_places_and_hidden_ones_too() {
    let text = "a: &x !!str 1 # c\nb: [*x, {k: 'v'}]\na: hidden\nc: {k: own, <<: {k: merged}}\n---\n- |\n  two\n  lines\n-\n...\n";
    let found = scalars(text).unwrap();
    let seen: Vec<_> = found.iter().map(|one| (one.path.as_str(), one.raw.as_str(), &text[one.node.span.clone()], one.in_flow)).collect();
    let expected = [
        ("a", "1", "&x !!str 1", false),
        ("b[1].k", "v", "'v'", true),
        ("a", "hidden", "hidden", false),
        ("c.k", "own", "own", true),
        ("c.<<.k", "merged", "merged", true),
        ("[0]", "two\nlines\n", "|\n  two\n  lines\n", false),
        ("[1]", "", "", false),
    ];
    assert_eq!(seen, expected);
    assert_eq!(found[0].anchor.as_deref(), Some("x"));
    assert!(scalars("a: *none\n").is_err());
}

#[test]
fn texts_of_one_line() {
    let cases = [("a", false, "a"), ("1", false, "\"1\""), ("a, b", false, "a, b"), ("a, b", true, "\"a, b\""), ("", true, "\"\"")];
    for (text, in_flow, expected) in cases {
        assert_eq!(emit_line(text, in_flow), expected, "{text}");
    }
    let long = "word ".repeat(40) + "end";
    assert_eq!(emit_line(&long, false), long);
    assert_eq!(emit_line("two\nlines", false), "\"two\\nlines\"");
}
