//! Every row of our tables is what the real engines say.

use serde_json::Value as Json;
use werf::template::value::Value;

use super::oracle::Oracle;

/// Rows of `cases.txt` where Helm 4 answers otherwise than Helm 3, by how their templates begin, with the reason.
const OTHERWISE_IN_HELM_4: &[(&str, &str)] = &[];

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

/// Rows of the function table, and what a Helm engine makes of them.
fn check_functions(engine: &str, otherwise: &[(&str, &str)]) {
    let mut oracle = Oracle::start();
    let values: Json = serde_json::from_str(include_str!("../../../src/template/functions/values.json")).expect("JSON");
    let mut lines = include_str!("../../../src/template/functions/cases.txt").lines().filter(|line| !line.starts_with('#'));
    let mut differing = Vec::new();
    while let (Some(text), Some(row)) = (lines.next(), lines.next()) {
        let told: String = serde_json::from_str(&row[2..]).expect("JSON");
        let expected = if row.starts_with('=') { Ok(told) } else { Err(told) };
        let answer = oracle.helm(engine, text, &Value::from_json(&values));
        if (answer == expected) == otherwise.iter().any(|(start, _)| text.starts_with(start)) {
            differing.push(format!("{text}\n  row  {expected:?}\n  {engine} {answer:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn rows_of_functions_are_what_helm_3_says() {
    check_functions("helm3", &[]);
}

#[test]
fn rows_of_functions_are_what_helm_4_says() {
    check_functions("helm4", OTHERWISE_IN_HELM_4);
}
