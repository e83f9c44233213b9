//! Provenance files: who packed an archive, and that it is still what was packed. PURE.
//!
//! A provenance file is a text in OpenPGP's cleartext framework: Chart.yaml, `...`, then the SHA-256 of the archive under its file's
//! name. The signature must be of a key in the user's keyring. See <https://helm.sh/docs/topics/provenance/> and RFC 4880.
//!
//! # Why not the crate `pgp`
//! Its 57 further crates are ciphers, curves and key derivations that no verification uses, and 1.8 MB of a program that verifies with it.

mod cleartext;
mod keyring;
mod packet;
mod signature;

use miette::Diagnostic;
use thiserror::Error;

pub use keyring::Keyring;

use crate::yaml;

/// What a signature proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The user ids of the key, such as `Ann <ann@example.org>`.
    pub signers: Vec<String>,
    /// The key's fingerprint in upper-case hex.
    pub fingerprint: String,
    /// SHA-256 of the archive in hex.
    pub digest: String,
}

/// A signature that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum ProvenanceError {
    /// It is no provenance file.
    #[error("it is no provenance file: {0}")]
    #[diagnostic(help("it is what `helm package --sign` writes beside the archive"))]
    Malformed(String),
    /// The keyring is none.
    #[error("the keyring cannot be read: {0}")]
    #[diagnostic(help("it is a file of OpenPGP packets: `gpg --export > keyring.gpg` makes one; `--keyring` names it"))]
    Keyring(String),
    /// The key is not known.
    #[error("it is signed by the unknown key {key}")]
    #[diagnostic(help("if you trust its owner: `gpg --recv-keys {key}`, then `gpg --export > keyring.gpg`; `--keyring` names it"))]
    UnknownKey {
        /// Its id in hex.
        key: String,
    },
    /// The key is not to be used any more.
    #[error("it is signed by the key {key}, which {problem}")]
    #[diagnostic(help("ask the chart's owner for one that is signed anew"))]
    OldKey {
        /// Its id in hex.
        key: String,
        /// Why.
        problem: &'static str,
    },
    /// The signature is of something else.
    #[error("its signature is wrong: the text was changed after it was signed")]
    #[diagnostic(help("do not use the chart: fetch it again from its owner"))]
    Changed,
    /// The file is about other archives.
    #[error("it says nothing of a file named {file}")]
    #[diagnostic(help("archives keep their names: this one was packed as {known}"))]
    OtherFile {
        /// The archive's name.
        file: String,
        /// Names that it has.
        known: String,
    },
    /// The archive is another one.
    #[error("the archive has SHA-256 {actual}, {signed} was signed")]
    #[diagnostic(help("do not use the chart: fetch it again from its owner"))]
    OtherArchive {
        /// Of the archive.
        actual: String,
        /// Of the signed one.
        signed: String,
    },
}

/// Verifies an archive by its SHA-256 in hex and its file's name. `now` is in seconds since 1970.
pub fn verify(provenance: &str, file: &str, digest: &str, keyring: &Keyring, now: u64) -> Result<Verified, ProvenanceError> {
    let signed = cleartext::parse(provenance).map_err(ProvenanceError::Malformed)?;
    let key = keyring.verify(&signed, now)?;
    let digests = digests(&signed.text).map_err(|problem| ProvenanceError::Malformed(problem.to_owned()))?;
    let Some((_, of_file)) = digests.iter().find(|(name, _)| name == file) else {
        let known = digests.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(ProvenanceError::OtherFile { file: file.to_owned(), known });
    };
    let of_file = of_file.trim_start_matches("sha256:").to_owned();
    if of_file != digest {
        return Err(ProvenanceError::OtherArchive { actual: digest.to_owned(), signed: of_file });
    }
    Ok(Verified { signers: key.users.clone(), fingerprint: key.fingerprint_text(), digest: of_file })
}

/// Names and digests of the files that a text is about.
fn digests(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let (_, after) = text.split_once("\n...\n").ok_or("it has no part with the digests of files")?;
    let value = yaml::parse_json(after).map_err(|_| "its part with the digests of files is no YAML")?;
    let files = value.get("files").and_then(|files| files.as_object()).ok_or("it has no `files`")?;
    Ok(files.iter().filter_map(|(name, digest)| Some((name.clone(), digest.as_str()?.to_owned()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYRING: &[u8] = include_bytes!("../../../tests/fixtures/provenance/keyring.gpg");
    const ARCHIVE: &[u8] = include_bytes!("../../../tests/fixtures/provenance/web-1.0.0.tgz");
    const RSA: &str = include_str!("../../../tests/fixtures/provenance/rsa.prov");
    const ED25519: &str = include_str!("../../../tests/fixtures/provenance/ed25519.prov");
    const NOW: u64 = 1_800_000_000;

    fn verified(provenance: &str, file: &str, archive: &[u8], keyring: &[u8]) -> Result<Verified, ProvenanceError> {
        let keyring = Keyring::parse(keyring)?;
        verify(provenance, file, &crate::chart_repository::sha256(archive), &keyring, NOW)
    }

    #[test]
    fn what_helm_signed() {
        for (provenance, signer, fingerprint) in [
            (RSA, "Signer rsa2048 <rsa2048@example.org>", "12AF43DC3A64930C27847DA593C1F8AC46D4FDC2"),
            (ED25519, "Signer ed25519 <ed25519@example.org>", "44C1AF726C2B84A98D27D25578F61967625C06CD"),
        ] {
            let verified = verified(provenance, "web-1.0.0.tgz", ARCHIVE, KEYRING).unwrap();
            assert_eq!((verified.signers, verified.fingerprint.as_str()), (vec![signer.to_owned()], fingerprint));
        }
        // line ends may become others on the way
        assert!(verified(&RSA.replace('\n', "\r\n"), "web-1.0.0.tgz", ARCHIVE, KEYRING).is_ok());
    }

    /// By a subkey that may sign, of a key that may not.
    const SUBKEY: &str = include_str!("../../../tests/fixtures/provenance/subkey.prov");
    const SUBKEY_RING: &[u8] = include_bytes!("../../../tests/fixtures/provenance/subkey.gpg");

    /// A keyring's packets, each with its head.
    fn pieces(keyring: &[u8]) -> Vec<(u8, &[u8])> {
        let bodies = packet::packets(keyring).unwrap();
        let mut rest = keyring;
        let cut = |packet: &packet::Packet<'_>| {
            let head = packet.body.as_ptr().addr() - rest.as_ptr().addr();
            let (piece, after) = rest.split_at(head + packet.body.len());
            rest = after;
            (packet.tag, piece)
        };
        bodies.iter().map(cut).collect()
    }

    #[test]
    fn a_subkey_counts_if_its_key_and_itself_say_so() {
        let file = "web-1.0.0.tgz";
        let found = verified(SUBKEY, file, ARCHIVE, SUBKEY_RING).unwrap();
        assert_eq!(found.fingerprint, "673CDD9AEC97A0B75B7F3EE4C8069360D4866B0F");
        assert_eq!(found.signers, ["Subkey <subkey@example.org>"]);

        let unknown = |keyring: Vec<u8>| matches!(verified(SUBKEY, file, ARCHIVE, &keyring), Err(ProvenanceError::UnknownKey { .. }));
        let pieces = pieces(SUBKEY_RING);
        assert_eq!(pieces.iter().map(|(tag, _)| *tag).collect::<Vec<_>>(), [6, 13, 2, 14, 2]);
        let of = |wanted: &[usize]| wanted.iter().flat_map(|at| pieces[*at].1.iter().copied()).collect::<Vec<u8>>();
        assert!(!unknown(of(&[0, 1, 2, 3, 4])) && !unknown(of(&[0, 3, 4])));
        assert!(unknown(of(&[0, 1, 2, 3])), "nobody has signed it");
        assert!(unknown(of(&[0, 1, 2, 3, 2])), "what is signed is something else");
        assert!(unknown([KEYRING, &of(&[3, 4])].concat()), "another key has signed it");
        assert!(unknown(of(&[3, 4])), "no key is before it");
        // some bits of the binding signature, the subkey's own word in it included
        let binding = of(&[4]);
        for at in (0..binding.len()).step_by(13) {
            let mut changed = binding.clone();
            changed[at] ^= 1;
            let keyring = [of(&[0, 1, 2, 3]), changed].concat();
            let verified = verified(SUBKEY, file, ARCHIVE, &keyring);
            // what is not signed may change: the short look at the hash, and who claims to have signed
            assert!(verified.is_err() || !is_signed(&binding, at), "byte {at} of the binding signature");
        }
    }

    /// Whether a byte of a signature packet is signed, or part of the signature's numbers: not so the two bytes of the hash, and the
    /// unhashed subpackets but for the embedded signature.
    fn is_signed(packet: &[u8], at: usize) -> bool {
        let body = packet::packets(packet).unwrap()[0].body;
        let head = packet.len() - body.len();
        let hashed = 6 + usize::from(u16::from_be_bytes([body[4], body[5]]));
        (head..head + hashed).contains(&at)
    }

    #[test]
    fn what_is_refused() {
        let file = "web-1.0.0.tgz";
        let error =
            |provenance: &str, file: &str, archive: &[u8], keyring: &[u8]| verified(provenance, file, archive, keyring).unwrap_err();
        for provenance in [RSA, ED25519] {
            for changed in [provenance.replace("version: 1.0.0", "version: 1.0.1"), provenance.replace("a dash'", "a dash'\nx: 1")] {
                assert_eq!(error(&changed, file, ARCHIVE, KEYRING), ProvenanceError::Changed);
            }
        }
        assert!(matches!(error(RSA, file, b"other", KEYRING), ProvenanceError::OtherArchive { .. }));
        assert!(matches!(error(RSA, "web.tgz", ARCHIVE, KEYRING), ProvenanceError::OtherFile { .. }));
        assert!(matches!(error(RSA, file, ARCHIVE, b""), ProvenanceError::UnknownKey { .. }));
        assert!(matches!(error(RSA, file, ARCHIVE, b"-----BEGIN"), ProvenanceError::Keyring(_)));
        // a signature of one key under the text of the other: both sign the same text with another salt
        let swapped = format!("{}-----BEGIN PGP SIGNATURE-----{}", RSA.split("-----BEGIN PGP SIGNATURE-----").next().unwrap(), "");
        assert!(matches!(error(&swapped, file, ARCHIVE, KEYRING), ProvenanceError::Malformed(_)));
        for text in [
            "",
            "files: {}",
            "-----BEGIN PGP SIGNED MESSAGE-----\n\nx\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n",
        ] {
            assert!(matches!(error(text, file, ARCHIVE, KEYRING), ProvenanceError::Malformed(_)), "{text}");
        }
    }

    #[test]
    fn torn_bytes_never_panic() {
        for keyring in [KEYRING, SUBKEY_RING] {
            for end in 0..keyring.len() {
                let _ = Keyring::parse(&keyring[..end]);
            }
        }
        let keyring = Keyring::parse(KEYRING).unwrap();
        for at in 0..RSA.len() {
            let _ = verify(&RSA[..at], "web-1.0.0.tgz", "", &keyring, NOW);
            let torn = format!("{}{}", &RSA[..at], &RSA[at + 1..]);
            let _ = verify(&torn, "web-1.0.0.tgz", "", &keyring, NOW);
        }
    }
}
