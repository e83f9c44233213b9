//! What is encrypted, what comes back, and what stays.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const PLAIN: &str = "\
# database
db:
  password: \"s3:cret\" # keep
  port: 5432
  none: null
  empty: \"\"
list:
- a
- on: yes
  text: |
    two
    lines
";

fn key() -> SecretKey {
    SecretKey::from_random([1; 16])
}

fn encrypted(previous: Option<&str>, plain: &str, first: u8) -> String {
    let mut next = first;
    let mut iv = || {
        next = next.wrapping_add(1);
        [next; 16]
    };
    encrypt_values_text(Encryption { key: &key(), iv: &mut iv, previous }, plain).unwrap()
}

fn decrypted(text: &str) -> String {
    decrypt_values_text(&key(), text).unwrap()
}

/// Encrypts, and decrypts again.
fn there_and_back(plain: &str) -> String {
    decrypted(&encrypted(None, plain, 0))
}

#[test]
fn values_come_back_and_comments_stay() {
    let file = encrypted(None, PLAIN, 0);
    assert!(file.starts_with("# database\ndb:\n  password: 1000"), "{file}");
    assert!(file.contains(" # keep\n  port: 1000"), "{file}");
    assert!(file.contains("\n  none: null\n  empty: \"\"\nlist:\n- 1000"), "{file}");
    let expected = json!({
        "db": { "password": "s3:cret", "port": "5432", "none": null, "empty": "" },
        "list": ["a", { "on": "yes", "text": "two\nlines\n" }],
    });
    assert_eq!(decrypt_values(&key(), &file).unwrap(), expected);
    let text = decrypted(&file);
    assert_eq!(there_and_back(&text), text, "decrypting is stable");
    assert_eq!(text, PLAIN.replace("\"s3:cret\"", "s3:cret").replace("5432", "\"5432\"").replace("yes", "\"yes\""));
}

/// The document of werf 2's own test of anchors and the blobs of its end-to-end test.
#[test]
fn files_of_werf_2_read_as_there() {
    let anchors = "\
common_values: &common-values
  key1: value1
  key2:
    aa: bb
    cc: dd
  key3:
    - one
    - two
    - three
# Example list
common_list: &common-list
  - name: one
    value: xxx
  - name: two
    value: yyy
    # Some comment with indent
values:
  # Include common values
  !!merge <<: *common-values
  key4: value4
  # include common list
  key5: *common-list
";
    assert_eq!(there_and_back(anchors), anchors);
    let blobs = "\
a: 100052fc795671551b9bf0aa996e7c00997d0343a8f8e770bb94050e533119c43d39
b:
  - 10009bab61e443b9550b1d024788f03f40789bbcfc1135cdfc951bd1445680d590d3
  - 100027133a209b83060bb6b1b9e110dc7806f9671445a5a4d133b8c681e08b652af9
  - 10008917de2e68d056e8e10c9e62915cc01f80d64a3a48e0902d01ec13b60ce8996f
c:
  d: 1000039faf2e22843f41c10d317c86df760e273daedfab601b0dc03dbae398f249ad
";
    let key = SecretKey::parse("82a0f04a09e034421a8978c60bffac87").unwrap();
    let plain = "a: \"1\"\nb:\n  - \"1\"\n  - \"2\"\n  - \"3\"\nc:\n  d: \"4\"\n";
    assert_eq!(decrypt_values_text(&key, blobs).unwrap(), plain);
}

#[test]
fn types_become_text_as_in_werf_2() {
    let plain = "\
mystring: value
mybool: !!bool true
myint: !!int 32
octal: 0755
myfloat: !!float 64.5
whole: 1.0
mytime: !!timestamp 2022-07-15 20:33:23.34
mytext: !!binary aGk=
mybinary: !!binary |
  /wAB
";
    let expected = "\
mystring: value
mybool: \"true\"
myint: \"32\"
octal: \"493\"
myfloat: \"64.5\"
whole: \"1\"
mytime: 2022-07-15 20:33:23.34 +0000 UTC
mytext: hi
mybinary: !!binary /wAB
";
    assert_eq!(there_and_back(plain), expected);
    assert_eq!(there_and_back(expected), expected);
}

#[test]
fn every_scalar_is_encrypted_where_it_stands() {
    // what duplicate keys and merges hide is a secret too
    let plain = "a: &x hush # one\nb: *x\na: hush\nc: {d: [hush, 'hush, hush'], <<: {d: hush}, d: \"hush\"}\n? e\n: - - f: >-\n        hush\n        hush\n...\n---\nhush";
    let file = encrypted(None, plain, 0);
    assert!(!file.contains("hush"), "{file}");
    let stays = regex::Regex::new("1000[0-9a-f]+").unwrap().replace_all(&file, "BLOB").into_owned();
    assert_eq!(
        stays,
        "a: &x BLOB # one\nb: *x\na: BLOB\nc: {d: [BLOB, BLOB], <<: {d: BLOB}, d: BLOB}\n? e\n: - - f: BLOB\n...\n---\nBLOB\n"
    );
    let text = decrypted(&file);
    assert_eq!(
        text,
        "a: &x hush # one\nb: *x\na: hush\nc: {d: [hush, \"hush, hush\"], <<: {d: hush}, d: hush}\n? e\n: - - f: hush hush\n...\n---\nhush\n"
    );
}

#[test]
fn text_of_several_lines_is_literal_where_it_can_be() {
    let plain = "\
- - a: | # why
      one

      \ttwo
  - b: |-
      one
      two # no comment
# after
c: [\"one\\ntwo\"]
";
    // two documents' worth of layouts in one: a sequence cannot have a key
    let (sequence, flow) = plain.split_once("# after\n").unwrap();
    assert_eq!(there_and_back(sequence), sequence);
    assert_eq!(there_and_back(flow), flow);
    for odd in ["\" one\\n two\"", "\"one\\n\\n\"", "\"one\\r\\ntwo\"", "\"\\tone\\ntwo\"", "\"one\\ntwo \"", "\"one\\u2028\\ntwo\""] {
        let plain = format!("a: {odd} # side\n");
        assert_eq!(decrypt_values(&key(), &encrypted(None, &plain, 0)).unwrap(), yaml::parse_json(&plain).unwrap());
        assert_eq!(yaml::parse_json(&there_and_back(&plain)).unwrap(), yaml::parse_json(&plain).unwrap(), "{odd}");
    }
    assert_eq!(there_and_back("a: |\n  one\n  two"), "a: |-\n  one\n  two\n");
}

#[test]
fn unchanged_values_keep_their_blobs() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let old = encrypted(None, "a: one\nb: two\n", 0);
    let new = encrypted(Some(&old), "a: one\nb: three\nc: one\n", 100);
    assert_eq!(lines(&old)[0], lines(&new)[0]);
    assert_ne!(lines(&old)[1], lines(&new)[1]);
    assert_ne!(lines(&old)[0][3..], lines(&new)[2][3..], "a second one is encrypted anew");
    // items of lists move
    let old = encrypted(None, "- one\n- two\n- three\n", 0);
    let new = encrypted(Some(&old), "- zero\n- one\n- two\n- three\n", 100);
    assert_eq!(lines(&old)[..], lines(&new)[1..]);
}

#[test]
fn a_value_that_is_no_blob_is_named_with_its_line() {
    let cases = [
        ("a:\n  b: plain\n", "value `a.b`, line 2: this is no encrypted value: it is not hexadecimal (character 1)"),
        ("a:\n- 12\n", "value `a[0]`, line 2: this is no encrypted value: it is no string"),
    ];
    for (text, message) in cases {
        assert_eq!(decrypt_values_text(&key(), text).unwrap_err().to_string(), message);
        assert_eq!(decrypt_values(&key(), text).unwrap_err().to_string(), message.replace("[0]", ""));
    }
    let other = encrypt(&SecretKey::from_random([2; 16]), [0; 16], b"text");
    let error = decrypt_values_text(&key(), &format!("a: {other}\n")).unwrap_err();
    assert_eq!(error.to_string(), "value `a`, line 1: the value was encrypted with another key, or is damaged");
    assert_eq!(encrypted(None, "", 0), "");
    assert_eq!(encrypted(None, "# nothing", 0), "# nothing\n");
}

/// What the values of a plain file are once they were encrypted: text, or null.
fn as_text(node: &Node) -> Value {
    match &node.value {
        NodeValue::Null => Value::Null,
        NodeValue::Sequence(items) => items.iter().map(as_text).collect(),
        NodeValue::Mapping(entries) => {
            entries.iter().map(|(name, value)| (name.text().unwrap_or_default().to_owned(), as_text(value))).collect()
        }
        _ => Value::String(yaml::go_text(node).unwrap()),
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9 .:#,\\[\\]{}'\"|>&*!%@?-]{0,12}",
        "([a-z #:\t-]{0,9}\n){0,4}[a-z ]{0,5}",
        "\\PC{0,8}",
        proptest::collection::vec(any::<char>(), 0..6).prop_map(|letters| letters.into_iter().filter(|letter| *letter != '\0').collect()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::String),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Null),
    ];
    let keys = "[a-zäß日.0-9 -]{1,8}";
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(keys, inner, 0..4).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn all_values_come_back_as_the_chart_reads_them(value in value()) {
        for plain in [yaml::emit(&value), value.to_string(), format!("a:\n  - b: {}\n", serde_json::to_string(&value).unwrap())] {
            let Ok(node) = yaml::parse(&plain) else { continue };
            let expected = as_text(&node);
            let file = encrypted(None, &plain, 0);
            prop_assert_eq!(&decrypt_values(&key(), &file).unwrap(), &expected, "{}\n{}", plain, file);
            let text = decrypted(&file);
            prop_assert_eq!(&as_text(&yaml::parse(&text).unwrap()), &expected, "{}\n{}", plain, text);
            prop_assert_eq!(encrypted(Some(&file), &text, 100), file, "nothing changed");
        }
    }

    #[test]
    fn no_text_makes_encryption_fall(text in "[a-b \n:#\\[\\]{},'\"|>&*!?0-]{0,30}") {
        let mut iv = || [0; 16];
        if let Ok(file) = encrypt_values_text(Encryption { key: &key(), iv: &mut iv, previous: None }, &text) {
            let plain = yaml::parse(&text).unwrap();
            prop_assert_eq!(decrypt_values(&key(), &file).unwrap(), as_text(&plain), "{}\n{}", text, file);
        }
    }
}
