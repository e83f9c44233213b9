//! Which names Kubernetes takes for which kinds.

use std::sync::LazyLock;

use regex::Regex;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and \
end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an \
alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LETTER_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, \
and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

/// What is wrong with the name of an object of a kind, in Kubernetes' words.
pub fn problems(kind: &str, name: &str) -> Vec<String> {
    static IS_SUBDOMAIN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z").ok());
    let is_subdomain = IS_SUBDOMAIN.as_ref().is_none_or(|pattern| pattern.is_match(name));
    let is_label = is_subdomain && !name.contains('.');
    match kind.to_lowercase().as_str() {
        "service" => {
            let fits = is_label && name.starts_with(|first: char| first.is_ascii_lowercase());
            told(name, 63, (!fits).then_some(LETTER_LABEL))
        }
        "namespace" if is_subdomain => told(name, 63, (!is_label).then_some("must not contain dots")),
        "namespace" => told(name, 63, Some(LABEL)),
        "certificatesigningrequest" => Vec::new(),
        "role" | "clusterrole" | "rolebinding" | "clusterrolebinding" => match name {
            "." | ".." => vec![format!("may not be '{name}'")],
            name => {
                ['/', '%'].iter().filter(|letter| name.contains(**letter)).map(|letter| format!("may not contain '{letter}'")).collect()
            }
        },
        _ => told(name, 253, (!is_subdomain).then_some(SUBDOMAIN)),
    }
}

fn told(name: &str, limit: usize, form: Option<&str>) -> Vec<String> {
    let length = (name.len() > limit).then(|| format!("must be no more than {limit} characters"));
    length.into_iter().chain(form.map(str::to_owned)).collect()
}
