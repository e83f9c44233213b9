//! What can be wrong with keys, blobs and files of blobs. No message contains a secret.

use miette::Diagnostic;

use crate::yaml::YamlError;

/// What is wrong with a key, a blob or a file of blobs.
#[derive(Clone, Debug, thiserror::Error, Diagnostic)]
pub enum SecretError {
    /// The key has a wrong form.
    #[error("the secret key must have 32, 48 or 64 hexadecimal digits, this one has {problem}")]
    #[diagnostic(help("WERF_SECRET_KEY is used as it is, a file's content without white space around it"))]
    Key {
        /// Its length, or the place of what is no digit.
        problem: String,
    },
    /// A blob is no blob.
    #[error("this is no encrypted value: {reason}")]
    #[diagnostic(help(
        "only encrypted values may be stored here: `werf helm secret encrypt` makes one; what was cut off is whole in Git's history"
    ))]
    Blob {
        /// Why.
        reason: String,
    },
    /// The key does not fit.
    #[error("the value was encrypted with another key, or is damaged")]
    #[diagnostic(help(
        "check WERF_SECRET_KEY; after a change of the key, `werf helm secret rotate-secret-key` re-encrypts what is stored"
    ))]
    WrongKey,
    /// Neither key fits.
    #[error("the value was encrypted with neither the old key nor the new one, or is damaged")]
    #[diagnostic(help("check WERF_OLD_SECRET_KEY, which must be the key that the files are encrypted with"))]
    NeitherKey,
    /// Both keys fit, and nothing tells which is the right one.
    #[error("the value can be decrypted with the old key and with the new one, and either could be right")]
    #[diagnostic(help("this happens by chance, once in thousands of short or binary values: encrypt this one with the new key by hand"))]
    EitherKey,
    /// The decrypted value is not UTF-8, where text is needed.
    #[error("the decrypted value is no text")]
    #[diagnostic(help("a wrong key can lead to this too: check WERF_SECRET_KEY"))]
    NotText,
    /// The file of values is not UTF-8.
    #[error("this is no text in UTF-8 (line {line})")]
    #[diagnostic(help("values are YAML in UTF-8; a binary file belongs into `secret/`, by `werf helm secret file encrypt`"))]
    NotUtf8 {
        /// 1-based.
        line: usize,
    },
    /// The file of values is no YAML. Its text is not shown: it may be a secret.
    #[error("this is no YAML: {problem} (line {line}, column {column})")]
    NotYaml {
        /// What the reader says.
        problem: String,
        /// 1-based.
        line: usize,
        /// 1-based.
        column: usize,
        /// What to do.
        #[help]
        help: Option<String>,
    },
    /// One value of a file is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Value(Box<ValueError>),
}

/// One value of a file of secret values cannot be decrypted. Its text is not shown: a value that nobody encrypted is a secret.
#[derive(Clone, Debug, thiserror::Error, Diagnostic)]
#[error("value `{path}`, line {line}: {cause}")]
pub struct ValueError {
    /// Dotted path of the value.
    pub path: String,
    /// 1-based.
    pub line: usize,
    /// Why.
    pub cause: Box<SecretError>,
    /// What to do.
    #[help]
    pub help: Option<String>,
}

impl SecretError {
    /// The same, of one value of a file.
    pub(super) fn at(self, path: impl Into<String>, line: usize) -> SecretError {
        let help = self.help().map(|help| help.to_string());
        SecretError::Value(Box::new(ValueError { path: path.into(), line, help, cause: Box::new(self) }))
    }
}

impl From<YamlError> for SecretError {
    /// Keeps the place and drops what quotes the text.
    fn from(error: YamlError) -> Self {
        let YamlError { message, line, column, help, .. } = error;
        let (problem, help) = if message.starts_with("unknown anchor") {
            ("an alias has no anchor above it".to_owned(), Some("text that begins with `*` needs quotes".to_owned()))
        } else if message.starts_with("anchor ") {
            ("the value of an anchor contains itself".to_owned(), None)
        } else if message.starts_with("cannot decode") {
            (without_quotes(&message), Some("leave the tag out: what is encrypted comes back as text".to_owned()))
        } else {
            (without_quotes(&message), help)
        };
        SecretError::NotYaml { problem, line, column, help }
    }
}

/// The message without what stands between backticks.
fn without_quotes(message: &str) -> String {
    match (message.find('`'), message.rfind('`')) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &message[..from], message[to + 1..].trim_start()),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn what_is_no_yaml_is_told_without_its_text() {
        let cases = [
            ("a: *s3cret\n", "this is no YAML: an alias has no anchor above it (line 1, column 4)"),
            ("a: !!int s3cret`s\n", "this is no YAML: cannot decode !!str as a !!int (line 1, column 4)"),
            ("a: s3cret\n b: s3cret\n", "this is no YAML: mapping values are not allowed in this context (line 2, column 3)"),
            ("a: [s3cret\n", "this is no YAML: did not find expected ',' or ']' while parsing a flow sequence (line 2, column 1)"),
        ];
        for (text, expected) in cases {
            let error = SecretError::from(yaml::parse(text).unwrap_err());
            assert_eq!(error.to_string(), expected);
            assert!(!error.help().is_some_and(|help| help.to_string().contains("s3cret")), "{error:?}");
        }
    }
}
