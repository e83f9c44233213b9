//! From an old key to a new one.

use super::Ivs;
use super::cipher::{SecretKey, decrypt, encrypt};
use super::error::SecretError;
use super::layout::{Content, replaced};
use super::values::value_scalars;

/// A change of the key.
pub struct Rotation<'a> {
    /// The key that blobs have.
    pub old: &'a SecretKey,
    /// The key that they get.
    pub new: &'a SecretKey,
    /// Fresh random bytes for each blob.
    pub iv: Ivs<'a>,
}

impl Rotation<'_> {
    /// The blob under the new key; `None` where it has that already, or is empty.
    pub fn blob(&mut self, blob: &str) -> Result<Option<String>, SecretError> {
        match (decrypt(self.old, blob), decrypt(self.new, blob)) {
            (Err(error @ SecretError::Blob { .. }), _) => Err(error),
            (Err(_), Err(_)) => Err(SecretError::NeitherKey),
            (Err(_), Ok(_)) => Ok(None),
            (Ok(plain), Err(_)) => Ok(Some(self.seal(&plain))),
            (Ok(old), Ok(new)) if old == new => Ok(None),
            (Ok(old), Ok(new)) => match evidence(&old).cmp(&evidence(&new)) {
                std::cmp::Ordering::Less => Ok(None),
                std::cmp::Ordering::Greater => Ok(Some(self.seal(&old))),
                std::cmp::Ordering::Equal => Err(SecretError::EitherKey),
            },
        }
    }

    /// A file of values under the new key; `None` where nothing changes. Values of both keys may stand in it, as after a merge.
    pub fn values(&mut self, text: &str) -> Result<Option<String>, SecretError> {
        let scalars = value_scalars(text)?;
        let mut changes = Vec::new();
        for scalar in &scalars {
            let blob = scalar.node.as_str().ok_or_else(|| SecretError::Blob { reason: "it is no string".into() });
            let blob = blob.and_then(|blob| self.blob(blob)).map_err(|error| error.at(&scalar.path, scalar.node.line))?;
            changes.extend(blob.map(|blob| (scalar, Content::Text(blob))));
        }
        Ok((!changes.is_empty()).then(|| replaced(text, changes)))
    }

    fn seal(&mut self, plain: &[u8]) -> String {
        encrypt(self.new, (self.iv)(), plain)
    }
}

/// How likely it is that this was encrypted: a wrong key gives random bytes, which are seldom text, and seldom end in a long padding.
fn evidence(plain: &[u8]) -> (bool, usize) {
    let is_text = std::str::from_utf8(plain).is_ok();
    (is_text, 16 - plain.len() % 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (SecretKey, SecretKey) {
        (SecretKey::from_random([1; 16]), SecretKey::from_random([2; 16]))
    }

    fn counted() -> impl FnMut() -> [u8; 16] {
        let mut next = 100u8;
        move || {
            next = next.wrapping_add(1);
            [next; 16]
        }
    }

    #[test]
    fn blobs_of_either_key_are_told_apart() {
        let (old, new) = keys();
        let mut iv = counted();
        let mut rotation = Rotation { old: &old, new: &new, iv: &mut iv };
        // among so many some are decrypted by the wrong key too
        for number in 0u32..3000 {
            let seed: [u8; 16] = std::array::from_fn(|at| (number >> (8 * (at % 4))) as u8);
            let plain = format!("a secret with the number {number}");
            let rotated = rotation.blob(&encrypt(&old, seed, plain.as_bytes())).unwrap().unwrap();
            assert_eq!(decrypt(&new, &rotated).unwrap(), plain.as_bytes());
            assert_eq!(rotation.blob(&encrypt(&new, seed, plain.as_bytes())).unwrap(), None);
        }
        assert_eq!(rotation.blob(" \n").unwrap(), None);
        let other = encrypt(&SecretKey::from_random([3; 16]), [0; 16], b"text");
        assert!(matches!(rotation.blob(&other), Err(SecretError::NeitherKey)));
        assert!(matches!(rotation.blob("text"), Err(SecretError::Blob { .. })));
    }

    #[test]
    fn files_of_values_may_have_both_keys() {
        let (old, new) = keys();
        let [one, two] = [encrypt(&old, [5; 16], b"one"), encrypt(&new, [6; 16], b"two")];
        let text = format!("# head\na: {one} # side\nb:\n- {two}\n- null\n- \"\"\n");
        let mut iv = counted();
        let mut rotation = Rotation { old: &old, new: &new, iv: &mut iv };
        let rotated = rotation.values(&text).unwrap().unwrap();
        let sealed = encrypt(&new, [101; 16], b"one");
        assert_eq!(rotated, format!("# head\na: {sealed} # side\nb:\n- {two}\n- null\n- \"\"\n"));
        assert_eq!(rotation.values(&rotated).unwrap(), None);
        let error = rotation.values("a:\n  b: [s3cret]\n").unwrap_err();
        assert_eq!(error.to_string(), "value `a.b[0]`, line 2: this is no encrypted value: it is not hexadecimal (character 1)");
    }
}
