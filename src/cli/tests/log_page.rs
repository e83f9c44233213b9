//! The page "The log" has every event of the JSON log with what it tells.

use std::fmt::Write;
use std::path::Path;

const BEGIN: &str = "<!-- events: made by the tests of `src/cli` with UPDATE_DOCS=1 -->\n";
const END: &str = "<!-- end of events -->\n";

#[test]
fn the_page_has_every_event() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/log.md");
    let page = std::fs::read_to_string(&path).expect("docs/log.md");
    let (head, rest) = page.split_once(BEGIN).expect("the begin of the events");
    let (_, tail) = rest.split_once(END).expect("the end of the events");
    let made = format!("{head}{BEGIN}{}{END}{tail}", table());
    if super::env::text("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).expect("a page that can be written");
    }
    assert!(made == page, "docs/log.md is not up to date: run this test with UPDATE_DOCS=1");
}

/// Events and their fields, as the one place that defines them declares and tells them.
fn table() -> String {
    let source = include_str!("../../event.rs");
    let (_, rest) = source.split_once("pub enum Event {\n").expect("the events");
    let (body, _) = rest.split_once("\n}\n").expect("the end of the events");
    let mut text = String::from("| event | what happened | what it tells |\n| --- | --- | --- |\n");
    let (mut told, mut event, mut fields) = (String::new(), None, Vec::new());
    for line in body.lines().map(str::trim) {
        if let Some(more) = line.strip_prefix("/// ") {
            told = format!("{told} {more}").trim().to_owned();
        } else if let Some(name) = line.strip_suffix(" {") {
            event = Some((name.to_owned(), std::mem::take(&mut told)));
        } else if line == "}," {
            let (name, what) = event.take().expect("an event");
            writeln!(text, "| `{}` | {what} | {} |", kebab(&name), std::mem::take(&mut fields).join("<br>")).expect("a text");
        } else if let Some((name, _)) = line.split_once(": ").filter(|_| !line.starts_with('#')) {
            fields.push(format!("`{name}`: {}", std::mem::take(&mut told)));
        }
    }
    text
}

fn kebab(name: &str) -> String {
    name.char_indices().fold(String::new(), |mut text, (at, letter)| {
        if at > 0 && letter.is_uppercase() {
            text.push('-');
        }
        text.extend(letter.to_lowercase());
        text
    })
}
