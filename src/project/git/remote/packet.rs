//! Packet lines (gitprotocol-common(5)): four hexadecimal digits of length, then the bytes.

/// One packet of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// Bytes.
    Data(Vec<u8>),
    /// `0000`: the end of a message or list.
    Flush,
    /// `0001`: the end of a section.
    Delimiter,
    /// `0002`: the end of an answer over HTTP.
    End,
}

impl Packet {
    /// Its bytes as text without the line's end; `None` for those without bytes.
    pub fn text(&self) -> Option<String> {
        let Packet::Data(bytes) = self else { return None };
        Some(String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(bytes)).into_owned())
    }
}

/// `0000`.
pub(super) const FLUSH: &[u8] = b"0000";
/// `0001`.
pub(super) const DELIMITER: &[u8] = b"0001";

/// Appends a line of text with the line's end.
pub(super) fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(format!("{:04x}{text}\n", text.len() + 5).as_bytes());
}

/// Takes the first packet off; `Ok(None)` where more bytes are needed first, `Err` where there is no length.
pub(super) fn take(buffer: &[u8]) -> Result<Option<(Packet, usize)>, ()> {
    let Some(digits) = buffer.get(..4) else { return Ok(None) };
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())).ok_or(())?;
    match usize::from_str_radix(digits, 16).map_err(drop)? {
        0 => Ok(Some((Packet::Flush, 4))),
        1 => Ok(Some((Packet::Delimiter, 4))),
        2 => Ok(Some((Packet::End, 4))),
        3 => Err(()),
        length => Ok(buffer.get(4..length).map(|bytes| (Packet::Data(bytes.to_vec()), length))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_taken_one_by_one() {
        let data = |text: &str| Packet::Data(text.as_bytes().to_vec());
        for (bytes, expect) in [
            ("0000rest", Ok(Some((Packet::Flush, 4)))),
            ("0001", Ok(Some((Packet::Delimiter, 4)))),
            ("0002", Ok(Some((Packet::End, 4)))),
            ("0006a\n", Ok(Some((data("a\n"), 6)))),
            ("0004", Ok(Some((data(""), 4)))),
            ("0006a", Ok(None)),
            ("000", Ok(None)),
            ("0003", Err(())),
            ("<htm", Err(())),
            ("+00a", Err(())),
        ] {
            assert_eq!(take(bytes.as_bytes()), expect, "{bytes}");
        }
        let mut out = Vec::new();
        line(&mut out, "want x");
        assert_eq!(out, b"000bwant x\n");
        assert_eq!(data("a\n").text().as_deref(), Some("a"));
    }
}
