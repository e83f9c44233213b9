//! The log as JSON lines: each event of [`crate::event`] as one object, whose names are those of the events and of what they tell. The page
//! `docs/log.md` lists them.

use miette::Diagnostic;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::style::Style;
use super::{report, write_stderr};
use crate::concealed::masked;
use crate::event::Facts;

/// Prints until the senders are gone.
pub async fn run(mut events: Facts) {
    while let Some(event) = events.recv().await {
        print(&event);
    }
}

/// How a command ended that failed.
pub fn error(diagnostic: &dyn Diagnostic, postscript: &str) {
    let message = diagnostic.to_string();
    let causes = std::iter::successors(diagnostic.source(), |cause| cause.source()).map(|cause| cause.to_string());
    // what the message repeats is told
    let causes = causes.filter(|cause| !message.contains(cause.as_str()));
    print(&json!({
        "event": "failed",
        "message": message,
        "causes": causes.collect::<Vec<_>>(),
        "help": diagnostic.help().map(|help| help.to_string()),
        "text": report::render(diagnostic, Style::new(false)) + postscript,
    }));
}

fn print(told: &impl Serialize) {
    write_stderr(&line(told, &jiff::Timestamp::now()));
}

fn line(told: &impl Serialize, now: &jiff::Timestamp) -> String {
    let mut object = Map::from_iter([("time".to_owned(), Value::from(format!("{now:.3}")))]);
    // an event is always an object of texts, numbers and lists
    if let Ok(Value::Object(told)) = serde_json::to_value(told) {
        object.extend(told);
    }
    let mut object = Value::Object(object);
    conceal(&mut object);
    format!("{object}\n")
}

/// Takes secret values out of texts before quotes and line breaks in them are written otherwise.
fn conceal(value: &mut Value) {
    match value {
        Value::String(text) => *text = masked(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(conceal),
        Value::Object(fields) => fields.values_mut().for_each(conceal),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::concealed;
    use crate::event::Event;

    #[test]
    fn an_event_is_one_line_with_its_own_names() {
        let now = "2026-11-28T00:10:05.12345Z".parse().unwrap();
        let took = Duration::from_millis(4012);
        let event = Event::ImagePublished { image: "web".into(), reference: "r.io/web:1".into(), digest: "sha256:1".into(), took };
        let told: Value = serde_json::from_str(&line(&event, &now)).unwrap();
        let expect = json!({
            "time": "2026-11-28T00:10:05.123Z", "event": "image-published",
            "image": "web", "reference": "r.io/web:1", "digest": "sha256:1", "took": 4.012,
        });
        assert_eq!(told, expect);
    }

    #[test]
    fn secrets_that_json_writes_otherwise_are_left_out() {
        let secret = "json \"quoted\"\nsecret of a test";
        concealed::conceal([secret.into()]);
        let event = Event::Warned { message: format!("before {secret} after"), help: None };
        let told: Value = serde_json::from_str(&line(&event, &jiff::Timestamp::now())).unwrap();
        assert_eq!(told["message"], "before *** after");
        assert_eq!(told["help"], Value::Null);
    }
}
