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
