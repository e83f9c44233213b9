//! The bytes that a checkout makes of a blob: `ident`, line endings and `working-tree-encoding` of gitattributes(5), in Git's order.

use gix::bstr::ByteSlice;

use crate::file_tree::{Eol, ObjectId};

/// Why a text cannot be written in its encoding.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum EncodingError {
    /// We do not write it.
    #[error("`{0}` is not among the encodings that werf writes: {list}", list = ENCODINGS.join(", "))]
    Unknown(String),
    /// The blob is not what Git keeps.
    #[error("the committed text is no UTF-8")]
    NotUtf8,
    /// A character that the encoding lacks.
    #[error("the encoding `{encoding}` has no character `{character}`")]
    NoCharacter {
        /// The encoding.
        encoding: String,
        /// The character.
        character: char,
    },
}

/// The encodings that are written, by the names that iconv(1) and Git have for them.
const ENCODINGS: [&str; 10] =
    ["UTF-16", "UTF-16LE", "UTF-16BE", "UTF-16LE-BOM", "UTF-16BE-BOM", "UTF-32", "UTF-32LE", "UTF-32BE", "ISO-8859-1", "US-ASCII"];

/// Converts a blob's bytes by the steps of [`crate::file_tree::Conversion::Text`].
pub(super) fn text(bytes: &[u8], ident: bool, eol: Eol, encoding: Option<&str>, id: ObjectId) -> Result<Vec<u8>, EncodingError> {
    let bytes = if ident { with_ident(bytes, id) } else { bytes.to_vec() };
    let bytes = match eol {
        Eol::AutoCrlf if !is_text_without_cr(&bytes) => bytes,
        Eol::AutoCrlf | Eol::Crlf => with_crlf(&bytes),
        Eol::AsIs => bytes,
    };
    match encoding {
        Some(encoding) => encoded(bytes, encoding),
        None => Ok(bytes),
    }
}

/// Whether [`text`] knows the encoding.
pub(super) fn check_encoding(encoding: &str) -> Result<(), EncodingError> {
    encoded(b"a".to_vec(), encoding).map(drop)
}

/// Each `$Id$`, and each that Git has expanded before, becomes `$Id: ` with the blob's id. One with spaces inside is another system's.
fn with_ident(bytes: &[u8], id: ObjectId) -> Vec<u8> {
    let expanded = format!("$Id: {id} $");
    let mut converted = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(dollar) = rest.find_byte(b'$') {
        converted.extend_from_slice(&rest[..dollar]);
        rest = &rest[dollar..];
        match keyword(rest) {
            Keyword::Ours(length) => {
                converted.extend_from_slice(expanded.as_bytes());
                rest = &rest[length..];
            }
            Keyword::None => {
                converted.push(b'$');
                rest = &rest[1..];
            }
            // No dollar can close a keyword that begins after this one.
            Keyword::Open => break,
        }
    }
    converted.extend_from_slice(rest);
    converted
}

enum Keyword {
    None,
    /// It has so many bytes.
    Ours(usize),
    /// It does not end within the text.
    Open,
}

/// The keyword that begins with this dollar.
fn keyword(text: &[u8]) -> Keyword {
    if text.starts_with(b"$Id$") {
        return Keyword::Ours(4);
    }
    let Some(inside) = text.strip_prefix(b"$Id:") else { return Keyword::None };
    let Some(end) = inside.find_byte(b'$') else { return Keyword::Open };
    let inside = &inside[..end];
    // A space may follow the colon and precede the dollar.
    let is_foreign = inside.get(1..).and_then(|inside| inside.find_byte(b' ')).is_some_and(|space| space + 2 < inside.len());
    if inside.contains(&b'\n') || is_foreign { Keyword::None } else { Keyword::Ours(end + 5) }
}

/// Git's guess: no zero byte, no lone `\r`, and few control characters.
fn is_text_without_cr(bytes: &[u8]) -> bool {
    if bytes.iter().any(|byte| matches!(byte, b'\r' | 0)) {
        return false;
    }
    let end_of_file = usize::from(bytes.last() == Some(&0x1a));
    let is_control = |byte: &u8| matches!(byte, 1..=7 | 11 | 14..=26 | 28..=31 | 127);
    let controls = bytes.iter().filter(|byte| is_control(byte)).count() - end_of_file;
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    let printable = bytes.len() - controls - end_of_file - lines;
    printable >> 7 >= controls
}

fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut converted = Vec::with_capacity(bytes.len() + bytes.len() / 16);
    for line in bytes.lines_with_terminator() {
        match line.strip_suffix(b"\n") {
            Some(text) if !text.ends_with(b"\r") => {
                converted.extend_from_slice(text);
                converted.extend_from_slice(b"\r\n");
            }
            _ => converted.extend_from_slice(line),
        }
    }
    converted
}

/// The text in another encoding, as glibc's iconv writes it. An empty text stays empty, without a mark of the byte order.
fn encoded(bytes: Vec<u8>, encoding: &str) -> Result<Vec<u8>, EncodingError> {
    if bytes.is_empty() {
        return Ok(bytes);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| EncodingError::NotUtf8)?;
    let narrow = |most: u32| {
        let byte = |character: char| match u32::from(character) {
            code if code <= most => Ok(code as u8),
            _ => Err(EncodingError::NoCharacter { encoding: encoding.to_owned(), character }),
        };
        text.chars().map(byte).collect()
    };
    let marked = |mark: &'static str| mark.chars().chain(text.chars());
    match encoding {
        "UTF-16" | "UTF16" | "UTF-16LE-BOM" => Ok(utf_16(marked("\u{feff}"), u16::to_le_bytes)),
        "UTF-16BE-BOM" => Ok(utf_16(marked("\u{feff}"), u16::to_be_bytes)),
        "UTF-16LE" | "UTF16LE" => Ok(utf_16(marked(""), u16::to_le_bytes)),
        "UTF-16BE" | "UTF16BE" => Ok(utf_16(marked(""), u16::to_be_bytes)),
        "UTF-32" | "UTF32" => Ok(utf_32(marked("\u{feff}"), u32::to_le_bytes)),
        "UTF-32LE" | "UTF32LE" => Ok(utf_32(marked(""), u32::to_le_bytes)),
        "UTF-32BE" | "UTF32BE" => Ok(utf_32(marked(""), u32::to_be_bytes)),
        "ISO-8859-1" | "ISO8859-1" | "LATIN1" | "LATIN-1" => narrow(0xff),
        "US-ASCII" | "ASCII" => narrow(0x7f),
        _ => Err(EncodingError::Unknown(encoding.to_owned())),
    }
}

fn utf_16(text: impl Iterator<Item = char>, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.flat_map(|character| character.encode_utf16(&mut [0; 2]).to_vec()).flat_map(bytes).collect()
}

fn utf_32(text: impl Iterator<Item = char>, bytes: fn(u32) -> [u8; 4]) -> Vec<u8> {
    text.map(u32::from).flat_map(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ObjectId = ObjectId([0xab; 20]);

    #[test]
    fn keywords_are_expanded_as_git_expands_them() {
        let full = format!("$Id: {ID} $");
        let cases = [
            ("$Id$", full.clone()),
            ("a $Id$ b $Id: old $ c", format!("a {full} b {full} c")),
            ("$Id:$", full.clone()),
            ("$Id: $", full.clone()),
            ("$Id: v 1.2 2001 $", "$Id: v 1.2 2001 $".into()),
            ("$Id: two\nlines $", "$Id: two\nlines $".into()),
            ("$$Id$$", format!("${full}$")),
            ("$Id: open", "$Id: open".into()),
            ("$Ident$ $id$ $I", "$Ident$ $id$ $I".into()),
            ("$Id: a\n$Id$", format!("$Id: a\n{full}")),
        ];
        for (text, expect) in cases {
            assert_eq!(with_ident(text.as_bytes(), ID).as_bstr(), expect, "{text}");
        }
    }

    #[test]
    fn line_endings() {
        let cases = [
            ("", Eol::Crlf, ""),
            ("a\nb", Eol::Crlf, "a\r\nb"),
            ("a\r\n\n\r", Eol::Crlf, "a\r\n\r\n\r"),
            ("a\n", Eol::AutoCrlf, "a\r\n"),
            ("a\nb\r\n", Eol::AutoCrlf, "a\nb\r\n"),
            ("a\n\0", Eol::AutoCrlf, "a\n\0"),
            ("a\n\0", Eol::Crlf, "a\r\n\0"),
            ("\x01\n", Eol::AutoCrlf, "\x01\n"),
            ("a\n\x1a", Eol::AutoCrlf, "a\r\n\x1a"),
            ("a\n", Eol::AsIs, "a\n"),
        ];
        for (bytes, eol, expect) in cases {
            assert_eq!(text(bytes.as_bytes(), false, eol, None, ID).unwrap().as_bstr(), expect, "{bytes:?}");
        }
    }

    #[test]
    fn what_cannot_be_encoded_says_why() {
        let error = |bytes: &[u8], encoding: &str| text(bytes, false, Eol::AsIs, Some(encoding), ID).unwrap_err().to_string();
        assert_eq!(error(b"\xff", "UTF-16"), "the committed text is no UTF-8");
        assert_eq!(error("€".as_bytes(), "ISO-8859-1"), "the encoding `ISO-8859-1` has no character `€`");
        assert_eq!(
            error(b"a", "SHIFT-JIS"),
            "`SHIFT-JIS` is not among the encodings that werf writes: UTF-16, UTF-16LE, UTF-16BE, UTF-16LE-BOM, UTF-16BE-BOM, UTF-32, UTF-32LE, UTF-32BE, ISO-8859-1, US-ASCII"
        );
    }
}
