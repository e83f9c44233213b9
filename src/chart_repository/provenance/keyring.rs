//! Public keys of a keyring, and whether one of them made a signature (RFC 4880, sections 4, 5.5 and 12).
//!
//! RSA and Ed25519 keys of version 4; others are passed over. What a keyring says of a key counts if the primary key has signed it: how
//! long it lasts, that it was revoked, and that a subkey belongs to it, which the subkey must have signed too (section 11.1).

use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::ProvenanceError;
use super::cleartext::Signed;
use super::packet::{numbers, packets};
use super::signature::{Signature, signature};
use crate::words::hex;

const RSA_KINDS: [u8; 2] = [1, 3];
const EDDSA: u8 = 22;
const ED25519_CURVE: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
const SMALLEST_RSA: usize = 2047;

/// The keys that a user has.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: Vec<Key>,
}

/// A key that may sign.
#[derive(Clone, Debug)]
pub struct Key {
    /// The user ids of its owner.
    pub users: Vec<String>,
    /// Its own fingerprint.
    own: [u8; 20],
    /// The fingerprint of the key that it belongs to; its own for a primary key.
    primary: [u8; 20],
    created: u64,
    lasts: Option<u64>,
    is_revoked: bool,
    /// Whether it belongs to its primary key.
    is_bound: bool,
    /// As keys are hashed when they are signed.
    hashed: Vec<u8>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa(Box<RsaPublicKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    Unknown,
}

impl Keyring {
    /// Reads a keyring's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Keyring, ProvenanceError> {
        let mut keys: Vec<Key> = Vec::new();
        // where the keys of the current owner begin, and what the signatures that follow are about
        let mut owner = 0;
        let mut about = About::Key;
        for packet in packets(bytes).map_err(ProvenanceError::Keyring)? {
            match packet.tag {
                6 => {
                    (owner, about) = (keys.len(), About::Key);
                    keys.extend(Key::read(packet.body, None));
                }
                14 => {
                    let read =
                        keys.get(owner).and_then(|key| Some(Key { users: key.users.clone(), ..Key::read(packet.body, Some(key.own))? }));
                    about = if read.is_some() { About::Subkey } else { About::Nothing };
                    keys.extend(read);
                }
                13 => {
                    about = About::User(packet.body.to_vec());
                    keys[owner..].iter_mut().for_each(|key| key.users.push(String::from_utf8_lossy(packet.body).into_owned()));
                }
                // pictures
                17 => about = About::Nothing,
                2 => {
                    let Ok(signature) = signature(&packet) else { continue };
                    if let Some((primary, others)) = keys[owner..].split_first_mut() {
                        learn(&about, primary, others.last_mut(), &signature);
                    }
                }
                _ => {}
            }
        }
        keys.retain(|key| key.is_bound);
        Ok(Keyring { keys })
    }

    /// The key that made a signature.
    pub fn verify(&self, signed: &Signed, now: u64) -> Result<&Key, ProvenanceError> {
        let signature = &signed.signature;
        let malformed = |problem: &str| ProvenanceError::Malformed(problem.to_owned());
        let issuer = signature.issuer.ok_or_else(|| malformed("its signature does not say by which key it is"))?;
        if signature.kind > 1 {
            return Err(malformed("its signature is over something else than a text"));
        }
        let name = hex::upper(issuer);
        let key = self.keys.iter().find(|key| key.own[12..] == issuer).ok_or(ProvenanceError::UnknownKey { key: name.clone() })?;
        let is_over = |from: u64, lasts: Option<u64>| lasts.is_some_and(|seconds| from.saturating_add(seconds) < now);
        let old = |problem| Err(ProvenanceError::OldKey { key: name.clone(), problem });
        match key {
            key if key.is_revoked => return old("its owner has revoked"),
            key if is_over(key.created, key.lasts) => return old("is no longer valid"),
            _ if is_over(signature.created.unwrap_or_default(), signature.lasts) => return old("made it for a time that is over"),
            _ => {}
        }
        if key.has_made(signature, &signed.hashed()).ok_or_else(|| malformed("its signature is of a kind that is not known"))? {
            Ok(key)
        } else {
            Err(ProvenanceError::Changed)
        }
    }
}

impl Key {
    fn read(body: &[u8], primary: Option<[u8; 20]>) -> Option<Key> {
        let [4, a, b, c, d, algorithm, ref material @ ..] = *body else { return None };
        let hashed = [&[0x99][..], &u16::try_from(body.len()).ok()?.to_be_bytes(), body].concat();
        let own: [u8; 20] = Sha1::digest(&hashed).into();
        Some(Key {
            users: Vec::new(),
            own,
            primary: primary.unwrap_or(own),
            created: u64::from(u32::from_be_bytes([a, b, c, d])),
            lasts: None,
            is_revoked: false,
            is_bound: primary.is_none(),
            hashed,
            material: Material::read(algorithm, material).unwrap_or(Material::Unknown),
        })
    }

    /// The fingerprint that people know: that of the primary key.
    pub fn fingerprint_text(&self) -> String {
        hex::upper(self.primary)
    }

    /// Whether the key made a signature over bytes; `None` where that cannot be told.
    fn has_made(&self, signature: &Signature, bytes: &[u8]) -> Option<bool> {
        let Signature { key_algorithm, hash_algorithm, numbers, .. } = signature;
        match &self.material {
            Material::Rsa(key) if RSA_KINDS.contains(key_algorithm) => {
                let [number] = numbers.as_slice() else { return None };
                let number = padded(number, rsa::traits::PublicKeyParts::size(&**key))?;
                let fits = match hash_algorithm {
                    8 => key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(bytes), &number),
                    9 => key.verify(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(bytes), &number),
                    10 => key.verify(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(bytes), &number),
                    _ => return None,
                };
                Some(fits.is_ok())
            }
            Material::Ed25519(key) if *key_algorithm == EDDSA => {
                let [one, other] = numbers.as_slice() else { return None };
                let bytes = match hash_algorithm {
                    8 => Sha256::digest(bytes).to_vec(),
                    9 => Sha384::digest(bytes).to_vec(),
                    10 => Sha512::digest(bytes).to_vec(),
                    _ => return None,
                };
                let halves = [padded(one, 32)?, padded(other, 32)?].concat();
                let signature = ed25519_dalek::Signature::from_slice(&halves).ok()?;
                Some(key.verify_strict(&bytes, &signature).is_ok())
            }
            _ => None,
        }
    }
}

/// What signatures of a keyring are about.
enum About {
    /// The primary key.
    Key,
    /// A user id of it.
    User(Vec<u8>),
    /// A subkey, the last one.
    Subkey,
    /// What is not known here.
    Nothing,
}

/// Takes over what a signature says of a key, if the primary key has made it.
fn learn(about: &About, primary: &mut Key, subkey: Option<&mut Key>, signature: &Signature) {
    let over = |rest: &[u8]| [&primary.hashed[..], rest, &signature.hashed].concat();
    let is_own = |bytes: &[u8]| primary.has_made(signature, bytes) == Some(true);
    match (about, signature.kind, subkey) {
        (About::Key, 0x1f | 0x20, _) if is_own(&over(&[])) => primary.take(signature),
        (About::User(id), 0x10..=0x13, _) => {
            let length = u32::try_from(id.len()).unwrap_or(u32::MAX).to_be_bytes();
            if is_own(&over(&[&[0xb4][..], &length, id].concat())) {
                primary.take(signature);
            }
        }
        (About::Subkey, 0x18 | 0x28, Some(subkey)) if is_own(&over(&subkey.hashed)) => {
            // without the subkey's word somebody else's key could be called one's own
            let agrees = signature.embedded.as_deref().is_some_and(|back| {
                let bytes = [&primary.hashed[..], &subkey.hashed, &back.hashed].concat();
                back.kind == 0x19 && subkey.has_made(back, &bytes) == Some(true)
            });
            subkey.is_bound |= signature.kind == 0x18 && agrees;
            subkey.take(signature);
        }
        _ => {}
    }
}

impl Key {
    /// Takes over what a signature that holds says.
    fn take(&mut self, signature: &Signature) {
        match signature.kind {
            0x20 | 0x28 => self.is_revoked = true,
            _ => self.lasts = signature.key_lasts.or(self.lasts),
        }
    }
}

impl Material {
    fn read(algorithm: u8, bytes: &[u8]) -> Option<Material> {
        if RSA_KINDS.contains(&algorithm) {
            let numbers = numbers(bytes)?;
            let [modulus, exponent] = numbers.as_slice() else { return None };
            let modulus = BigUint::from_bytes_be(modulus);
            if modulus.bits() < SMALLEST_RSA {
                return None;
            }
            return Some(Material::Rsa(Box::new(RsaPublicKey::new(modulus, BigUint::from_bytes_be(exponent)).ok()?)));
        }
        if algorithm != EDDSA {
            return None;
        }
        let (&length, rest) = bytes.split_first()?;
        let (curve, rest) = rest.split_at_checked(usize::from(length))?;
        let numbers = numbers(rest)?;
        let [0x40, point @ ..] = numbers.first()?.as_slice() else { return None };
        let key = ed25519_dalek::VerifyingKey::from_bytes(point.try_into().ok()?).ok()?;
        (curve == ED25519_CURVE).then(|| Material::Ed25519(Box::new(key)))
    }
}

/// A number with zeros before it, so that it has a length.
fn padded(number: &[u8], length: usize) -> Option<Vec<u8>> {
    let zeros = length.checked_sub(number.len())?;
    Some([&vec![0; zeros][..], number].concat())
}
