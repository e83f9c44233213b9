//! Every row of our tables is what the real engines say.

use serde_json::{Value as Json, json};
use werf::template::value::Value;

use super::oracle::Oracle;
use super::ours::HELM_4;

/// Rows of texts, and what Go's `text/template` makes of them.
fn check_language(rows: &str, missing: &str) {
    let mut oracle = Oracle::start();
    let values = Value::from_json(&serde_json::from_str(include_str!("../../../src/template/tests/data.json")).expect("JSON"));
    let mut differing = Vec::new();
    for row in rows.lines() {
        let row: Json = serde_json::from_str(row).expect("JSON");
        let expected = match row["error"].as_str() {
            Some(error) => Err(error.replace("HELM_ERR_START", "").replace("HELM_ERR_END", "")),
            None => Ok(row["output"].as_str().unwrap_or("").to_owned()),
        };
        let text = row["text"].as_str().expect("a text");
        let answer = oracle.go(text, &values, missing);
        if answer != expected {
            differing.push(format!("{text}\n  row {expected:?}\n  Go  {answer:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn rows_of_the_language_are_what_go_says() {
    check_language(include_str!("../../../src/template/tests/zero.jsonl"), "zero");
    check_language(include_str!("../../../src/template/tests/random.jsonl"), "zero");
}

#[test]
fn rows_of_missing_keys_are_what_go_says() {
    check_language(include_str!("../../../src/template/tests/invalid.jsonl"), "invalid");
}

/// The texts of the function table, and what each row says of them.
fn function_rows() -> Vec<(&'static str, Result<String, String>)> {
    let lines: Vec<&str> =
        include_str!("../../../src/template/functions/cases.txt").lines().filter(|line| !line.starts_with('#')).collect();
    let told = |row: &str| serde_json::from_str::<String>(&row[2..]).expect("JSON");
    lines.chunks(2).map(|row| (row[0], if row[1].starts_with('=') { Ok(told(row[1])) } else { Err(told(row[1])) })).collect()
}

fn function_values() -> Value {
    Value::from_json(&serde_json::from_str(include_str!("../../../src/template/functions/values.json")).expect("JSON"))
}

#[test]
fn rows_of_functions_are_what_helm_3_says() {
    let mut oracle = Oracle::start();
    let mut differing = Vec::new();
    for (text, expected) in function_rows() {
        let answer = oracle.helm("helm3", text, &function_values());
        if answer != expected {
            differing.push(format!("{text}\n  row  {expected:?}\n  Helm {answer:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Helm 4 has other names of types and another layout of errors, so it is our answer that is held against it.
#[test]
fn rows_of_functions_render_as_in_helm_4() {
    let mut oracle = Oracle::start();
    let mut differing = Vec::new();
    for (text, _) in function_rows() {
        let (ours, answer) = (HELM_4.render(text, &function_values()), oracle.helm("helm4", text, &function_values()));
        if ours != answer {
            differing.push(format!("{text}\n  ours {ours:?}\n  Helm {answer:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn rows_of_printf_are_what_go_says() {
    let mut oracle = Oracle::start();
    for row in include_str!("../../../src/template/tests/printf.jsonl").lines() {
        let row: Json = serde_json::from_str(row).expect("JSON");
        let operands = json!({ "k": "list", "v": row["args"] });
        assert_eq!(oracle.printf_typed(row["format"].as_str().expect("a text"), &operands), row["output"], "{row}");
    }
}
