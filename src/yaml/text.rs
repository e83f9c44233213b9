//! Bytes that are to be YAML: they have to be UTF-8.

use super::error::YamlError;

/// The text, or which byte is none.
///
/// # Errors
/// The first byte that is no UTF-8, with its place in the text as people see it, where such bytes are written as `\xff`.
pub fn text(bytes: &[u8]) -> Result<&str, YamlError> {
    std::str::from_utf8(bytes).map_err(|error| no_text(bytes, error.valid_up_to()))
}

fn no_text(bytes: &[u8], at: usize) -> YamlError {
    let (mut shown, mut start) = (String::with_capacity(bytes.len() + 16), 0);
    for (place, chunk) in bytes.utf8_chunks().scan(0, |next, chunk| {
        let place = *next + chunk.valid().len();
        *next = place + chunk.invalid().len();
        Some((place, chunk))
    }) {
        shown.push_str(chunk.valid());
        if place == at {
            start = shown.len();
        }
        chunk.invalid().iter().for_each(|byte| shown += &format!("\\x{byte:02x}"));
    }
    let message = format!("the byte {:#04x} is no UTF-8", bytes[at]);
    let help = "YAML is text in UTF-8: convert it, as with `iconv -f latin1 -t utf-8`, or write what is no text in base 64".to_owned();
    YamlError::new(&shown, start..start + 4, message, Some(help), format!("yaml: {}", helm_words(bytes, at)))
}

/// What Go's reader says: of the byte that is no UTF-8, or of what it refuses before it.
fn helm_words(bytes: &[u8], at: usize) -> &'static str {
    let before = std::str::from_utf8(&bytes[..at]).unwrap_or_default();
    let is_allowed = |letter: char| match letter {
        '\t' | '\n' | '\r' | '\u{85}' => true,
        letter => !letter.is_control() && !matches!(letter, '\u{fffe}' | '\u{ffff}'),
    };
    if before.chars().all(is_allowed) { octets(&bytes[at..]) } else { "control characters are not allowed" }
}

/// What Go's reader says of the bytes that begin here.
fn octets(bytes: &[u8]) -> &'static str {
    let lead = bytes[0];
    let width = match lead {
        0x00..=0x7f => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => return "invalid leading UTF-8 octet",
    };
    let Some(trailing) = bytes.get(1..width) else { return "incomplete UTF-8 octet sequence" };
    if trailing.iter().any(|byte| byte & 0xc0 != 0x80) {
        return "invalid trailing UTF-8 octet";
    }
    let first = u32::from(lead) & (0x7f >> width);
    let code = trailing.iter().fold(first, |code, byte| code << 6 | u32::from(byte & 0x3f));
    let least = [0, 0, 0x80, 0x800, 0x1_0000][width];
    if code < least { "invalid length of a UTF-8 sequence" } else { "invalid Unicode character" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_is_no_text_is_named() {
        let error = text(b"a: \xc3\xa9\nb: caf\xe9\n\xff").unwrap_err();
        assert_eq!(error.to_string(), "the byte 0xe9 is no UTF-8 (line 2, column 7)");
        assert_eq!(error.source_code.inner(), "a: é\nb: caf\\xe9\n\\xff");
        assert_eq!(&error.source_code.inner()[error.span.offset()..][..error.span.len()], "\\xe9");
        for (bytes, expected) in [
            (&b"\xff"[..], "yaml: invalid leading UTF-8 octet"),
            (b"\xe9\n", "yaml: incomplete UTF-8 octet sequence"),
            (b"\xe9\n\n\n", "yaml: invalid trailing UTF-8 octet"),
            (b"\xc0\x80", "yaml: invalid length of a UTF-8 sequence"),
            (b"\xed\xa0\x80", "yaml: invalid Unicode character"),
            (b"\xf7\xbf\xbf\xbf", "yaml: invalid Unicode character"),
            (b"\x7f\xff", "yaml: control characters are not allowed"),
        ] {
            assert_eq!(text(bytes).unwrap_err().helm_message, expected, "{bytes:?}");
        }
    }
}
