//! Random cases, answered alike. `PROPTEST_CASES` makes the runs longer.

use werf::template::format::sprintf;
use werf::template::value::{List, Value};

use super::dice::{Dice, each};
use super::oracle::{DEATH, Oracle};
use super::ours::{HELM_3, HELM_4, Helm};
use super::{expressions, templates, values};

/// What an engine and ours make of a template, where they part.
fn difference(oracle: &mut Oracle, helm: Helm, text: &str, values: &Value) -> Option<String> {
    let theirs = oracle.helm(helm.engine, text, values);
    let entries = values.as_map().expect("a map").entries();
    let used: Vec<String> = entries
        .iter()
        .filter(|(key, _)| text.contains(&format!(".{}", key.shown())))
        .map(|(key, value)| format!("{key:?}: {value:?}"))
        .collect();
    let ours = helm.render(text, values);
    let is_dead = theirs.as_ref().is_err_and(|error| error == DEATH);
    (!is_dead && comparable(&ours) != comparable(&theirs))
        .then(|| format!("{text}\n  values {}\n  ours {ours:?}\n  {} {theirs:?}", used.join(", "), helm.engine))
}

/// An answer without what is other here on purpose: the words of TOML's errors, lines of YAML's, and nil maps, which are empty ones.
fn comparable(answer: &Result<String, String>) -> Result<String, String> {
    let line = regex::Regex::new("yaml: line [0-9]+: ").expect("an expression");
    let cut = |text: &String| {
        let text = line.replace_all(text, "yaml: ").replace("map[string]interface {} null", "map[string]interface {} {}");
        let text = text.strip_prefix("null|map[]").map_or(text.clone(), |rest| format!("{{}}|map[]{rest}"));
        match text.split_once("toml: line ") {
            Some((before, _)) => before.trim_end_matches(['\'', '"']).to_owned(),
            None => text,
        }
    };
    answer.as_ref().map(cut).map_err(cut)
}

#[test]
fn functions_answer_as_in_helm_3() {
    let mut oracle = Oracle::start();
    each(60, |dice| {
        let text = expressions::shown(dice);
        difference(&mut oracle, HELM_3, &text, &values::of_chart(dice))
    });
}

#[test]
fn functions_answer_as_in_helm_4() {
    let mut oracle = Oracle::start();
    each(60, |dice| {
        let text = expressions::shown(dice);
        difference(&mut oracle, HELM_4, &text, &values::of_chart(dice))
    });
}

#[test]
fn templates_render_as_in_helm_3() {
    let mut oracle = Oracle::start();
    each(200, |dice| {
        let text = templates::template(dice);
        difference(&mut oracle, HELM_3, &text, &values::of_chart(dice))
    });
}

/// What an engine and ours make of bytes, where they part. What they say against a template is compared elsewhere.
fn difference_of_bytes(oracle: &mut Oracle, helm: Helm, text: &[u8], values: &Value) -> Option<String> {
    let theirs = oracle.helm_bytes(helm.engine, text, values);
    let ours = helm.render_bytes(text, values);
    let is_same = match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => ours.as_bytes() == theirs || comparable(&shown(ours.as_bytes())) == comparable(&shown(theirs)),
        (Err(_), Err(_)) => true,
        (_, Err(error)) => error == DEATH,
        (Err(_), Ok(_)) => false,
    };
    let theirs = theirs.map(|bytes| shown(&bytes));
    (!is_same).then(|| format!("{}\n  values {values:?}\n  ours {ours:?}\n  {} {theirs:?}", text.escape_ascii(), helm.engine))
}

/// Bytes as text that loses nothing. Of YAML that is broken in two ways it does not matter which one is told.
fn shown(bytes: &[u8]) -> Result<String, String> {
    let text: String = bytes.utf8_chunks().map(|chunk| format!("{}{}", chunk.valid(), chunk.invalid().escape_ascii())).collect();
    let told = regex::Regex::new("yaml: (invalid|incomplete) [a-zA-Z0-9 -]+").expect("an expression");
    Ok(told.replace_all(&text, "yaml: no UTF-8").into_owned())
}

#[test]
fn functions_keep_bytes_as_in_helm_3() {
    let mut oracle = Oracle::start();
    each(140, |dice| {
        let values = values::of_chart_in_bytes(dice);
        let text = expressions::shown(dice);
        difference_of_bytes(&mut oracle, HELM_3, &values::with_bytes(dice, &text), &values)
    });
}

#[test]
fn functions_keep_bytes_as_in_helm_4() {
    let mut oracle = Oracle::start();
    each(140, |dice| {
        let values = values::of_chart_in_bytes(dice);
        let text = expressions::shown(dice);
        difference_of_bytes(&mut oracle, HELM_4, &values::with_bytes(dice, &text), &values)
    });
}

#[test]
fn templates_keep_bytes_as_in_helm_3() {
    let mut oracle = Oracle::start();
    each(300, |dice| {
        let values = values::of_chart_in_bytes(dice);
        let text = templates::template(dice);
        difference_of_bytes(&mut oracle, HELM_3, &values::with_bytes(dice, &text), &values)
    });
}

#[test]
fn printf_prints_as_in_go() {
    let mut oracle = Oracle::start();
    each(40, |dice| {
        let format = dice.join(4, "", format_part);
        let count = dice.roll(4);
        let operands: Vec<Value> = (0..count).map(|_| values::printable(dice)).collect();
        let theirs = oracle.printf(&format, &List::any(operands.clone()).into());
        let ours = sprintf(format.as_bytes(), &operands);
        let ours = String::from_utf8_lossy(&ours);
        (ours != theirs).then(|| format!("{format:?} {operands:?}\n  ours {ours:?}\n  Go   {theirs:?}"))
    });
}

/// A verb with flags, width and precision, or text.
fn format_part(dice: &mut Dice<'_>) -> String {
    if dice.one_in(5) {
        return dice.pick(&["a", " ", "%%", "é", "%", "%!", "%[1]", "%[2]*d", "%[x]d", "%[3", "%é"]).to_owned();
    }
    let flags = dice.join(2, "", |dice| dice.pick(&["-", "+", "#", " ", "0"]).to_owned());
    let width = dice.pick(&["", "", "", "1", "5", "12", "40", "*", "[1]*"]);
    let precision = dice.pick(&["", "", "", ".", ".0", ".1", ".3", ".10", ".30", ".*", ".[2]*"]);
    let index = dice.pick(&["", "", "", "", "", "[1]", "[2]", "[3]", "[0]", "[9]"]);
    let verb =
        dice.pick(&["v", "s", "d", "q", "x", "X", "f", "e", "g", "G", "E", "F", "t", "T", "c", "U", "b", "o", "O", "w", "z", "i", "u"]);
    format!("%{flags}{width}{precision}{index}{verb}")
}
