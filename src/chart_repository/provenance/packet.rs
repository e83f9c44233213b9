//! What OpenPGP data is made of: packets, and the numbers in them (RFC 4880, sections 3.2 and 4).

/// A piece of OpenPGP data.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'b> {
    /// What it is.
    pub tag: u8,
    /// Its content.
    pub body: &'b [u8],
}

/// Splits bytes into packets. The error is the text of a problem.
pub fn packets(bytes: &[u8]) -> Result<Vec<Packet<'_>>, String> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (packet, after) = packet(rest).ok_or("it is not made of OpenPGP packets")?;
        found.push(packet);
        rest = after;
    }
    Ok(found)
}

fn packet(bytes: &[u8]) -> Option<(Packet<'_>, &[u8])> {
    let number = |from: usize, to: usize| {
        let digits = bytes.get(from..to)?;
        Some(digits.iter().fold(0usize, |number, digit| number << 8 | usize::from(*digit)))
    };
    let first = *bytes.first()?;
    let (tag, length, head) = match first {
        0xc0.. => {
            let (length, head) = match *bytes.get(1)? {
                short @ 0..192 => (usize::from(short), 2),
                middle @ 192..224 => ((usize::from(middle) - 192) * 256 + usize::from(*bytes.get(2)?) + 192, 3),
                255 => (number(2, 6)?, 6),
                // parts of unknown length are for data, which a keyring has not
                224..255 => return None,
            };
            (first & 0x3f, length, head)
        }
        0x80..0xc0 => {
            let head = match first & 3 {
                0 => 2,
                1 => 3,
                2 => 5,
                _ => return None,
            };
            ((first >> 2) & 0x0f, number(1, head)?, head)
        }
        _ => return None,
    };
    let end = head.checked_add(length)?;
    Some((Packet { tag, body: bytes.get(head..end)? }, &bytes[end..]))
}

/// Whole numbers, each behind its length in bits.
pub fn numbers(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while let [high, low, ..] = *bytes {
        let length = usize::from(u16::from_be_bytes([high, low])).div_ceil(8);
        found.push(bytes.get(2..2 + length)?.to_vec());
        bytes = &bytes[2 + length..];
    }
    Some(found)
}
