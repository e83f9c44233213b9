//! Digests as a person compares them: by their first digits.

/// How many digits are shown.
const SHOWN: usize = 12;

/// How many a digest has: sha256 and BLAKE3 in hexadecimal.
const WHOLE: usize = 64;

/// The text with the first 12 digits of each digest in it, `1f0c12345678…`.
pub fn shortened(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let is_word = |c: char| c.is_ascii_alphanumeric();
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        if word.len() == WHOLE && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            short.push_str(&word[..SHOWN]);
            short.push('…');
        } else {
            short.push_str(word);
        }
        rest = &rest[word.len()..];
        let between = &rest[..rest.find(is_word).unwrap_or(rest.len())];
        short.push_str(between);
        rest = &rest[between.len()..];
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_nothing_else_are_shortened() {
        let digest = "1f0c12345678".to_owned() + &"a".repeat(52);
        for (text, expect) in [
            (format!("r.io/app:{digest} in 3 s"), "r.io/app:1f0c12345678… in 3 s".to_owned()),
            (format!("r.io/app@sha256:{digest}"), "r.io/app@sha256:1f0c12345678…".to_owned()),
            (format!("é{digest}é, {digest}"), "é1f0c12345678…é, 1f0c12345678…".to_owned()),
            (format!("{digest}0 x{digest}"), format!("{digest}0 x{digest}")),
            (digest.to_uppercase(), digest.to_uppercase()),
        ] {
            assert_eq!(shortened(&text), expect);
        }
    }
}
