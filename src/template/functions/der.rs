//! As much of ASN.1's DER and of PEM as certificates and keys need.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// One element: tag, length, content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    match content.len() {
        short @ 0..=0x7f => out.push(short as u8),
        _ => {
            let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
            out.push(0x80 | significant.len() as u8);
            out.extend_from_slice(significant);
        }
    }
    out.extend_from_slice(content);
    out
}

/// A sequence of elements.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

/// A bit string of whole bytes.
pub(super) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

/// An unsigned integer from its big-endian bytes.
pub(super) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len().saturating_sub(1))..];
    match significant.first() {
        Some(first) if first & 0x80 != 0 => element(INTEGER, &[&[0], significant].concat()),
        _ => element(INTEGER, significant),
    }
}

/// An element that was read.
#[derive(Clone, Copy)]
pub(super) struct Element<'d> {
    pub(super) tag: u8,
    pub(super) content: &'d [u8],
    /// The element as it was encoded.
    pub(super) whole: &'d [u8],
}

/// Takes the first element off.
pub(super) fn take<'d>(data: &mut &'d [u8]) -> Option<Element<'d>> {
    let (&tag, rest) = data.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (bytes, after) = rest.split_at_checked(count)?;
        rest = after;
        bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
    };
    let (content, after) = rest.split_at_checked(length)?;
    let whole = &data[..data.len() - after.len()];
    *data = after;
    Some(Element { tag, content, whole })
}

/// Takes the first element off, which must have the tag.
pub(super) fn expect<'d>(data: &mut &'d [u8], tag: u8) -> Option<Element<'d>> {
    take(data).filter(|element| element.tag == tag)
}

/// Writes a PEM block.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}

/// Reads the first PEM block of a text: its label and content.
pub(super) fn read_pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    // Headers such as `Proc-Type: …` stand before an empty line.
    let body = body.trim_start().split_once("\n\n").filter(|(headers, _)| headers.contains(": ")).map_or(body, |(_, body)| body);
    let compact: String = body.split_whitespace().collect();
    Some((label, STANDARD.decode(compact).ok()?))
}
