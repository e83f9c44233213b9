//! Bytes as hexadecimal digits.

/// Two lower-case digits a byte.
pub fn lower(bytes: impl AsRef<[u8]>) -> String {
    base16ct::lower::encode_string(bytes.as_ref())
}

/// Two upper-case digits a byte.
pub fn upper(bytes: impl AsRef<[u8]>) -> String {
    base16ct::upper::encode_string(bytes.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!((lower([0, 10, 255]), upper([0, 10, 255])), ("000aff".to_owned(), "000AFF".to_owned()));
        assert_eq!(lower([]), "");
    }
}
