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
