//! Texts that no output shows: the secret values of a run, in the forms in which a text may have them.
//!
//! Who decrypts tells them here ([`conceal`]), and whoever writes for people asks ([`masked`]). What a user asks for by name, such as
//! rendered manifests, is written as it is.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Shorter texts are not hidden: they are words that stand everywhere.
const SHORTEST: usize = 4;
/// Lines of a text of several, and words of a long line, are hidden by themselves from this length on.
const SHORTEST_PART: usize = 8;
/// From this length on a line may have been folded between its words.
const FOLDED: usize = 60;
/// What stands in place of a secret.
const MASK: &str = "***";

/// All that is to be hidden, by descending length, so that no part hides before its whole.
static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Remembers secret texts for the rest of the process.
pub fn conceal<'t>(texts: impl IntoIterator<Item = Cow<'t, str>>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let mut all: BTreeSet<String> = known.drain(..).collect();
    texts.into_iter().for_each(|text| all.extend(forms(&text)));
    known.extend(all);
    known.sort_by_key(|text| std::cmp::Reverse(text.len()));
}

/// The text without what was concealed.
pub fn masked(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut masked = Cow::Borrowed(text);
    for secret in known.iter() {
        if masked.contains(secret.as_str()) {
            masked = Cow::Owned(masked.replace(secret.as_str(), MASK));
        }
    }
    masked
}

/// A secret as it stands in texts: itself, quoted for JSON and YAML, in base 64; of several lines each, of a long line its words.
fn forms(secret: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::new();
    let mut add = |text: &str, shortest: usize| {
        let text = text.trim();
        let is_word = matches!(text, "true" | "false" | "null");
        if text.len() >= shortest && !is_word {
            forms.insert(text.to_owned());
            let json = serde_json::Value::from(text).to_string();
            forms.insert(json.trim_matches('"').to_owned());
            forms.insert(text.replace('\'', "''"));
            forms.insert(text.escape_debug().to_string());
        }
    };
    add(secret, SHORTEST);
    for line in secret.lines() {
        let is_part = line.len() < secret.trim().len();
        if is_part {
            add(line, SHORTEST_PART);
        }
        if line.len() >= FOLDED {
            line.split_whitespace().for_each(|word| add(word, SHORTEST_PART));
        }
    }
    if secret.trim().len() >= SHORTEST {
        // without the padding and the letter before it, which change where more text follows
        let encoded = STANDARD.encode(secret);
        let stable = encoded.trim_end_matches('=');
        forms.insert(stable[..stable.len() - usize::from(stable.len() < encoded.len())].to_owned());
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_concealed_is_not_shown_in_any_form() {
        let key = "-----BEGIN KEY-----\nMIIBvTBXconcealedtest\n-----END KEY-----\n";
        let long = format!("{} unfoldedword-concealed {}", "a".repeat(40), "b".repeat(40));
        conceal(["conceal-pass: {[\"x'".into(), key.into(), long.as_str().into(), "cc".into(), "true".into()]);
        let cases = [
            ("password: conceal-pass: {[\"x'", "password: ***"),
            ("{\"password\":\"conceal-pass: {[\\\"x'\"}", "{\"password\":\"***\"}"),
            ("'conceal-pass: {[\"x'''", "'***'"),
            ("  MIIBvTBXconcealedtest", "  ***"),
            ("unfoldedword-concealed", "***"),
            ("true cc", "true cc"),
            ("nothing", "nothing"),
        ];
        for (text, expected) in cases {
            assert_eq!(masked(text), expected, "{text}");
        }
        let encoded = format!("data: {}", STANDARD.encode("conceal-pass: {[\"x'"));
        assert!(masked(&encoded).starts_with("data: ***"), "{}", masked(&encoded));
    }
}
