//! Checksums and hashes of text.

use sha1::Digest as _;

use crate::template::call::Table;
use crate::template::value::Str;
use crate::words::hex;

pub(super) fn register(table: &mut Table) {
    table.add("sha1sum", |text: Str| hex::lower(sha1::Sha1::digest(text.as_bytes())));
    table.add("sha256sum", |text: Str| hex::lower(sha2::Sha256::digest(text.as_bytes())));
    table.add("sha512sum", |text: Str| hex::lower(sha2::Sha512::digest(text.as_bytes())));
    table.add("adler32sum", |text: Str| adler_32(text.as_bytes()).to_string());
}

fn adler_32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), &byte| {
        let low = (low + u32::from(byte)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    high << 16 | low
}
