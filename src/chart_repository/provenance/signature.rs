//! Signatures, taken apart (RFC 4880, section 5.2).

use super::packet::{Packet, numbers};

/// A version 4 signature.
#[derive(Clone, Debug, Default)]
pub struct Signature {
    /// What kind of thing is signed: 1 is text.
    pub kind: u8,
    /// Algorithm of the key.
    pub key_algorithm: u8,
    /// Algorithm of the hash.
    pub hash_algorithm: u8,
    /// What of the signature itself is hashed, its trailer included.
    pub hashed: Vec<u8>,
    /// Id of the key.
    pub issuer: Option<[u8; 8]>,
    /// When it was made, in seconds since 1970.
    pub created: Option<u64>,
    /// After how many seconds it is worth nothing.
    pub lasts: Option<u64>,
    /// After how many seconds the signed key is worth nothing.
    pub key_lasts: Option<u64>,
    /// A signature within it, by which a subkey says whose it is.
    pub embedded: Option<Box<Signature>>,
    /// The numbers of the signature itself.
    pub numbers: Vec<Vec<u8>>,
}

/// Reads a signature packet. The error is the text of a problem.
pub fn signature(packet: &Packet<'_>) -> Result<Signature, String> {
    read(packet.body, true)
}

/// Reads a signature; one within it, if there may be any.
fn read(body: &[u8], is_outer: bool) -> Result<Signature, String> {
    const TORN: &str = "its signature is torn";
    let [4, kind, key_algorithm, hash_algorithm, high, low, ..] = *body else {
        return Err("its signature is of a version that is not known".into());
    };
    let end = 6 + usize::from(u16::from_be_bytes([high, low]));
    let hashed = body.get(..end).ok_or(TORN)?;
    let length = body.get(end..end + 2).ok_or(TORN)?;
    let after = end + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    let unhashed = body.get(end + 2..after).ok_or(TORN)?;
    let mut signature = Signature { kind, key_algorithm, hash_algorithm, hashed: hashed.to_vec(), ..Signature::default() };
    signature.hashed.extend([4, 0xff]);
    signature.hashed.extend(u32::try_from(end).map_err(|_| TORN)?.to_be_bytes());
    for (is_hashed, area) in [(true, &hashed[6..]), (false, unhashed)] {
        for (kind, value) in subpackets(area).ok_or(TORN)? {
            let seconds = || Some(u64::from(u32::from_be_bytes(value.try_into().ok()?)));
            match kind {
                2 if is_hashed => signature.created = seconds(),
                3 if is_hashed => signature.lasts = seconds().filter(|seconds| *seconds > 0),
                9 if is_hashed => signature.key_lasts = seconds().filter(|seconds| *seconds > 0),
                32 if is_outer => signature.embedded = read(value, false).ok().map(Box::new),
                16 => signature.issuer = value.try_into().ok(),
                33 if value.len() == 21 => signature.issuer = value[13..].try_into().ok(),
                _ => {}
            }
        }
    }
    // two bytes of the hash, for a quick look, are left out
    signature.numbers = numbers(body.get(after + 2..).ok_or(TORN)?).ok_or(TORN)?;
    Ok(signature)
}

fn subpackets(mut area: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut found = Vec::new();
    while let [first, ..] = *area {
        let (length, head): (usize, usize) = match first {
            0..192 => (usize::from(first), 1),
            192..255 => ((usize::from(first) - 192) * 256 + usize::from(*area.get(1)?) + 192, 2),
            255 => (usize::try_from(u32::from_be_bytes(area.get(1..5)?.try_into().ok()?)).ok()?, 5),
        };
        let value = area.get(head..head.checked_add(length)?)?;
        // the highest bit says that it must be understood
        found.push((value.first()? & 0x7f, &value[1..]));
        area = &area[head + length..];
    }
    Some(found)
}
