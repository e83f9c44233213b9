//! A signed text and its signature, taken apart (RFC 4880, sections 6 and 7).

use base64::Engine as _;

use super::packet::packets;
use super::signature::{Signature, signature};

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// A text with the signature over it.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The text with line feeds.
    pub text: String,
    /// The signature.
    pub signature: Signature,
}

impl Signed {
    /// What is hashed: lines without white space at their ends, joined as mail joins them, then the signature's own part.
    pub fn hashed(&self) -> Vec<u8> {
        let lines: Vec<&str> = self.text.split('\n').map(|line| line.trim_end_matches([' ', '\t', '\r'])).collect();
        let mut bytes = lines.join("\r\n").into_bytes();
        bytes.extend(&self.signature.hashed);
        bytes
    }
}

/// Takes a file apart. The error is the text of a problem.
pub fn parse(file: &str) -> Result<Signed, String> {
    let file = file.replace("\r\n", "\n");
    let (_, rest) = file.split_once(BEGIN).ok_or("it does not begin as a signed message")?;
    let (head, rest) = rest.split_once("\n\n").ok_or("its head does not end")?;
    if head.lines().any(|line| !line.trim().is_empty() && !line.starts_with("Hash:")) {
        return Err("its head has more than the name of a hash".into());
    }
    let (text, rest) = rest.split_once(&format!("\n{SIGNATURE}")).ok_or("it has no signature")?;
    let (armored, _) = rest.split_once(END).ok_or("its signature does not end")?;
    let text: Vec<&str> = text.split('\n').map(|line| line.strip_prefix("- ").unwrap_or(line)).collect();
    let (_, encoded) = armored.split_once("\n\n").ok_or("its signature has no blank line")?;
    let encoded: String = encoded.lines().take_while(|line| !line.starts_with('=')).map(str::trim).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).map_err(|_| "its signature is not base64")?;
    let packets = packets(&bytes)?;
    let packet = packets.iter().find(|packet| packet.tag == 2).ok_or("its signature is none")?;
    Ok(Signed { text: text.join("\n"), signature: signature(packet)? })
}
