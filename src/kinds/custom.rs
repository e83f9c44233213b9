//! A status that is one word of the object.

use serde_json::Value;

use super::Status;
use super::json::{condition, is_unobserved, line, text, why};

/// Where a kind's status is, and what it says there.
#[derive(Clone, Copy)]
pub struct Words {
    /// Where the word is.
    pub place: Place,
    /// Words that say that it works.
    pub ready: &'static [&'static str],
    /// Words that say that it will not.
    pub failed: &'static [&'static str],
    /// JSON pointer to a text that says why; empty where there is none.
    pub message: &'static str,
}

/// Where a word is.
#[derive(Clone, Copy)]
pub enum Place {
    /// A JSON pointer to it.
    Word(&'static str),
    /// It is the status of a condition.
    Condition(&'static str),
}

impl Words {
    /// Ready as soon as a condition is true.
    pub const fn condition(name: &'static str) -> Self {
        Words { place: Place::Condition(name), ready: &["True"], failed: &[], message: "" }
    }
}

/// The status by a kind's words.
pub fn status(object: &Value, rule: &Words) -> Status {
    if is_unobserved(object) {
        return Status::progressing("waits for its controller to see the change");
    }
    let (word, shown, reason) = match rule.place {
        Place::Word(pointer) => (text(object, pointer), text(object, pointer).to_lowercase(), None),
        Place::Condition(name) => {
            let found = condition(object, name);
            let word = found.map_or("", |found| text(found, "/status"));
            let shown = if word == "True" { name.to_lowercase() } else { format!("not {}", name.to_lowercase()) };
            (word, shown, found.and_then(why))
        }
    };
    let message = Some(line(text(object, rule.message))).filter(|_| !rule.message.is_empty()).filter(|text| !text.is_empty());
    match word {
        // Controllers that have not come yet leave the place empty; these kinds always fill it.
        "" => Status::progressing("waits for its controller"),
        word if rule.ready.contains(&word) => Status::ready(shown),
        word if rule.failed.contains(&word) => Status::failed(shown).because(message.or(reason)),
        _ => Status::progressing(shown).because(message.or(reason)),
    }
}
