//! Texts within URLs and forms (RFC 3986, section 2).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Text as a part of a URL, whatever characters it has.
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Text with `%40` and the like as what they mean.
pub fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// `application/x-www-form-urlencoded`, which serves as a query too.
pub fn form_encoded(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}", percent_encoded(name), percent_encoded(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (text, expected) in [("a b/ü%~", "a%20b%2F%C3%BC%25~"), ("", ""), ("A-z_0.9", "A-z_0.9"), ("\u{1f980}&=", "%F0%9F%A6%80%26%3D")]
        {
            assert_eq!(percent_encoded(text), expected);
            assert_eq!(percent_decoded(expected), text);
        }
        assert_eq!(percent_decoded("50%, 5%zz %4"), "50%, 5%zz %4");
        assert_eq!(form_encoded(&[("scope", "a:b c"), ("x", "")]), "scope=a%3Ab%20c&x=");
    }
}
