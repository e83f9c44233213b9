//! Letters in bytes of any encoding, as Go sees them: what is UTF-8 is read so, every other byte is a letter of its own.

use std::borrow::Cow;

/// Stands for a byte that is no UTF-8 where offsets must not move: a control character that no one writes.
pub const STAND_IN: char = '\u{1a}';

/// The first letter of bytes and its size. A byte that is no UTF-8 counts as U+FFFD of size 1.
pub fn first(bytes: &[u8]) -> Option<(char, usize)> {
    let lead = *bytes.first()?;
    if lead < 0x80 {
        return Some((lead as char, 1));
    }
    let window = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(window) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&window[..error.valid_up_to()]).unwrap_or(""),
    };
    Some(valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |letter| (letter, letter.len_utf8())))
}

/// The last letter of bytes and its size, by the same rule.
pub fn last(bytes: &[u8]) -> Option<(char, usize)> {
    let end = bytes.len();
    let size = (1..=end.min(4)).find(|size| std::str::from_utf8(&bytes[end - size..]).is_ok_and(|text| text.chars().count() == 1));
    match size {
        Some(size) => first(&bytes[end - size..]),
        None => bytes.last().map(|_| (char::REPLACEMENT_CHARACTER, 1)),
    }
}

/// All letters, one after another, each with its bytes.
pub fn each(mut bytes: &[u8]) -> impl Iterator<Item = (char, &[u8])> {
    std::iter::from_fn(move || {
        let (letter, size) = first(bytes)?;
        let (own, rest) = bytes.split_at(size);
        bytes = rest;
        Some((letter, own))
    })
}

/// The bytes without the letters at both ends that a rule takes.
pub fn trimmed(mut bytes: &[u8], takes: impl Fn(char) -> bool) -> &[u8] {
    while let Some((_, size)) = first(bytes).filter(|(letter, _)| takes(*letter)) {
        bytes = &bytes[size..];
    }
    while let Some((_, size)) = last(bytes).filter(|(letter, _)| takes(*letter)) {
        bytes = &bytes[..bytes.len() - size];
    }
    bytes
}

/// The text of the letters.
pub fn letters(bytes: &[u8]) -> Cow<'_, str> {
    with(bytes, |text, _| text.push(char::REPLACEMENT_CHARACTER))
}

/// A text of the same length, with a [`STAND_IN`] for each byte that is no UTF-8.
pub fn outline(bytes: &[u8]) -> Cow<'_, str> {
    with(bytes, |text, _| text.push(STAND_IN))
}

/// The text for people, in which a byte that is no UTF-8 is written as `\xff`.
pub fn shown(bytes: &[u8]) -> Cow<'_, str> {
    with(bytes, |text, byte| *text += &format!("\\x{byte:02x}"))
}

fn with(bytes: &[u8], mut put: impl FnMut(&mut String, u8)) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| put(&mut text, *byte));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_letters_of_their_own() {
        let bytes = b"a\xe2\x82\xff\xc3\xa9\xe9";
        assert_eq!(letters(bytes), "a\u{fffd}\u{fffd}\u{fffd}é\u{fffd}");
        assert_eq!(shown(bytes), "a\\xe2\\x82\\xffé\\xe9");
        assert_eq!(outline(bytes), "a\u{1a}\u{1a}\u{1a}é\u{1a}");
        assert_eq!(outline(bytes).len(), bytes.len());
        let sizes: Vec<usize> = each(bytes).map(|(_, own)| own.len()).collect();
        assert_eq!(sizes, [1, 1, 1, 1, 2, 1]);
        assert_eq!(last(b"\xc3\xa9"), Some(('é', 2)));
        assert_eq!(last(b"\xa9"), Some(('\u{fffd}', 1)));
        assert_eq!(trimmed(b" \xe9\xc2\xa0", char::is_whitespace), b"\xe9");
    }
}
