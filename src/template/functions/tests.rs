//! The function table held against what Helm 3.22.0 makes of the same templates.

use std::sync::Arc;

use crate::template::call::FunctionError;
use crate::template::host::Host;
use crate::template::value::{Map, MapType, Value};
use crate::template::{Options, Templates, functions};

/// Bytes that only look random, and the Unix epoch for a clock.
struct Counting(std::sync::Mutex<u64>);

impl Host for Counting {
    fn random(&self, buffer: &mut [u8]) -> Result<(), FunctionError> {
        let mut state = self.0.lock().unwrap();
        for byte in buffer {
            *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *byte = (*state >> 56) as u8;
        }
        Ok(())
    }
}

/// What a template of the case file gives: its output, or the error in Helm's words.
fn render(template: &str) -> Result<String, String> {
    let values: serde_json::Value = serde_json::from_str(include_str!("values.json")).unwrap();
    let values = Value::from_json(&values).as_map().unwrap().retyped(MapType::VALUES);
    let chart: Map = [("AppVersion", Value::from(""))].into_iter().collect();
    let data: Map = [("Values", Value::Map(values)), ("Chart", Value::Map(chart))].into_iter().collect();
    let name = "c/templates/t.yaml";
    let mut templates = Templates::new(Arc::new(functions::helm()), Options::helm());
    templates.parse(name, template).map_err(|error| error.helm_text())?;
    let host = Counting(std::sync::Mutex::new(1));
    let text = templates.execute(name, &Value::Map(data), &host).map_err(|error| error.helm_text())?;
    Ok(text.letters().into_owned())
}

#[test]
fn functions_answer_as_in_helm() {
    let mut lines = include_str!("cases.txt").lines().filter(|line| !line.starts_with('#'));
    let (mut count, mut wrong) = (0, Vec::new());
    while let (Some(template), Some(expected)) = (lines.next(), lines.next()) {
        let text: String = serde_json::from_str(&expected[2..]).unwrap();
        let expected = if expected.starts_with('=') { Ok(text) } else { Err(text) };
        let actual = render(template);
        if actual != expected {
            wrong.push(format!("{template}\n  expected {expected:?}\n  actual   {actual:?}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{} of {count} differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 900, "{count}");
}

#[test]
fn the_same_bytes_give_the_same_random_text() {
    let template = "{{ randAlphaNum 12 }} {{ uuidv4 }} {{ shuffle \"abcdef\" }} {{ randInt 1 1000 }}";
    assert_eq!(render(template), render(template));
}

#[test]
fn results_are_bounded() {
    for template in ["{{ repeat 9000000000 \"x\" }}", "{{ indent 900000000 \"x\" }}", "{{ until 900000000 }}", "{{ randAlpha 90000000 }}"] {
        assert!(render(template).is_err(), "{template}");
    }
    for (template, message) in [
        ("{{ join (repeat 1000000 \"x\") (until 1000000) }}", "the result would have 1000004888890 bytes, more than the 67108864 allowed"),
        ("{{ wrapWith 1 (repeat 100000 \"x\") (repeat 100000 \"y\") }}", "bytes, more than the 67108864 allowed"),
        ("{{ genCAWithKey \"a\" 999999999999999999 (genPrivateKey \"ecdsa\") }}", "999999999999999999 days are more than a calendar holds"),
        ("{{ mustRegexMatch \"((a{1000}){1000}){1000}\" \"a\" }}", "error parsing regexp"),
    ] {
        let error = render(template).unwrap_err();
        assert!(error.contains(message), "{template}: {error}");
    }
    let cycle = "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ toJson $d }}{{ toYaml $d }}";
    assert_eq!(render(cycle), Ok(String::new()));
    assert!(render("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ deepCopy $d }}").is_err());
}
