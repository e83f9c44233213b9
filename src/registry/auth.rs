//! What a registry asks for when it answers 401, and what is shown to it. PURE.
//!
//! Follows RFC 9110 §11 for the header's grammar and the distribution project's token protocol for `Bearer`.

use base64::Engine as _;
use serde::Deserialize;

use super::credentials::{Credentials, Secret};
use crate::words::percent::form_encoded;

/// One challenge of a `WWW-Authenticate` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A user and a password with every request.
    Basic,
    /// A token from a service, made for a scope.
    Bearer {
        /// The service's URL.
        realm: String,
        /// What the service calls the registry.
        service: Option<String>,
    },
}

/// What a token allows: the actions on one repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The repository's path.
    pub path: String,
    /// What is to be done with it.
    pub access: Access,
    /// The path of another repository, of which blobs may be read.
    pub source: Option<String>,
}

/// What is to be done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Read manifests, blobs and tags.
    Pull,
    /// Write them too.
    Push,
    /// Delete manifests.
    Delete,
}

impl Access {
    /// The actions of a token's scope, as distribution's token protocol names them.
    pub fn actions(self) -> &'static str {
        match self {
            Access::Pull => "pull",
            Access::Push => "pull,push",
            Access::Delete => "pull,delete",
        }
    }

    /// What is asked for next where a service refuses these actions: some know no `delete`, and `*` is the right to it.
    pub fn less(self) -> &'static [&'static str] {
        match self {
            Access::Pull => &[],
            Access::Push => &["push"],
            Access::Delete => &["*", "pull,push"],
        }
    }
}

/// Reads a `WWW-Authenticate` header; `Bearer` is preferred where both are offered. `None` where neither is.
pub fn parse_challenge(header: &str) -> Option<Challenge> {
    let mut basic = None;
    let mut rest = header;
    while let Some((Offer { scheme, parameters }, next)) = split_challenge(rest) {
        if scheme.eq_ignore_ascii_case("bearer") {
            let value = |name: &str| parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone());
            if let Some(realm) = value("realm") {
                return Some(Challenge::Bearer { realm, service: value("service") });
            }
        } else if scheme.eq_ignore_ascii_case("basic") {
            basic = Some(Challenge::Basic);
        }
        rest = next;
    }
    basic
}

/// A scheme with its parameters, not yet understood.
struct Offer<'a> {
    scheme: &'a str,
    parameters: Vec<(&'a str, String)>,
}

/// Takes one `scheme key=value, key="value"` off the front.
fn split_challenge(text: &str) -> Option<(Offer<'_>, &str)> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    let end = text.find([' ', ',']).unwrap_or(text.len());
    let (scheme, mut rest) = text.split_at(end);
    if scheme.is_empty() {
        return None;
    }
    let mut parameters = Vec::new();
    loop {
        let candidate = rest.trim_start_matches([' ', '\t', ',']);
        let key_end = candidate.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(candidate.len());
        let (key, after) = candidate.split_at(key_end);
        let Some(value) = after.strip_prefix('=') else { return Some((Offer { scheme, parameters }, candidate)) };
        if key.is_empty() {
            return Some((Offer { scheme, parameters }, ""));
        }
        let (value, after) = take_value(value);
        parameters.push((key, value));
        rest = after;
    }
}

fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// The `Authorization` header of HTTP Basic.
pub fn basic_header(username: &str, password: &Secret) -> Secret {
    let pair = format!("{username}:{}", password.reveal());
    Secret::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

/// A token as its service answers.
#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

/// How a token is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRequest {
    /// GET of a URL, with an `Authorization` header if we are somebody.
    Get {
        /// The URL with its query.
        url: String,
        /// The header's value.
        authorization: Option<Secret>,
    },
    /// POST of a form (OAuth2), for identity tokens.
    Post {
        /// The URL.
        url: String,
        /// The form, which holds the refresh token.
        form: Secret,
    },
}

/// Makes the request for a token that allows some actions on a scope's repository; a login is about no repository and allows nothing.
pub fn token_request(realm: &str, service: Option<&str>, scope: &Scope, actions: Option<&str>, credentials: &Credentials) -> TokenRequest {
    let of_repository = actions.filter(|_| !scope.path.is_empty()).map(|actions| format!("repository:{}:{actions}", scope.path));
    let of_source = scope.source.as_ref().filter(|_| of_repository.is_some()).map(|path| format!("repository:{path}:pull"));
    let scopes: Vec<String> = of_repository.into_iter().chain(of_source).collect();
    let mut query: Vec<(&str, &str)> = service.map(|service| ("service", service)).into_iter().collect();
    if let Credentials::IdentityToken(token) = credentials {
        // OAuth2 has several scopes in one text
        let scopes = scopes.join(" ");
        query.extend(Some(("scope", scopes.as_str())).filter(|(_, scopes)| !scopes.is_empty()));
        query.extend([("grant_type", "refresh_token"), ("client_id", "werf"), ("refresh_token", token.reveal())]);
        return TokenRequest::Post { url: realm.to_owned(), form: Secret::new(form_encoded(&query)) };
    }
    query.extend(scopes.iter().map(|scope| ("scope", scope.as_str())));
    let authorization = match credentials {
        Credentials::Basic { username, password } => {
            query.insert(0, ("account", username));
            Some(basic_header(username, password))
        }
        _ => None,
    };
    let joint = if realm.contains('?') { '&' } else { '?' };
    TokenRequest::Get { url: format!("{realm}{joint}{}", form_encoded(&query)), authorization }
}

/// Reads a token service's answer; `None` where it has no token.
pub fn parse_token(bytes: &[u8]) -> Option<Secret> {
    let answer: TokenAnswer = serde_json::from_slice(bytes).ok()?;
    let token = if answer.token.is_empty() { answer.access_token } else { answer.token };
    if token.is_empty() { None } else { Some(Secret::new(token)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(path: &str, source: Option<&str>) -> Scope {
        Scope { path: path.into(), access: Access::Push, source: source.map(Into::into) }
    }

    #[test]
    fn a_token_may_read_a_second_repository() {
        let request = |scope| token_request("https://a.io/token", None, &scope, Some("pull,push"), &Credentials::Anonymous);
        let url = "https://a.io/token?scope=repository%3Afinal%3Apull%2Cpush&scope=repository%3Aapp%3Apull".to_owned();
        assert_eq!(request(scope("final", Some("app"))), TokenRequest::Get { url, authorization: None });
        let nothing = TokenRequest::Get { url: "https://a.io/token?".into(), authorization: None };
        assert_eq!(request(scope("", Some("app"))), nothing, "a login is about no repository");
        let identity = Credentials::IdentityToken(Secret::new("t"));
        let TokenRequest::Post { form, .. } = token_request("https://a.io/token", None, &scope("b", Some("a")), Some("pull"), &identity)
        else {
            panic!("an identity token is posted")
        };
        let expect = "scope=repository%3Ab%3Apull%20repository%3Aa%3Apull&grant_type=refresh_token&client_id=werf&refresh_token=t";
        assert_eq!(form.reveal(), expect);
    }

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer { realm: realm.into(), service: service.map(Into::into) })
    }

    #[test]
    fn challenges() {
        let cases = [
            (r#"Basic realm="Registry""#, Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (r#"Bearer realm="https://a.io/token",service="r.io",scope="repository:x:pull""#, bearer("https://a.io/token", Some("r.io"))),
            (r#"bearer Service=r.io, realm="https://a.io/t\"x""#, bearer("https://a.io/t\"x", Some("r.io"))),
            (r#"Basic realm="x", Bearer realm="https://a.io""#, bearer("https://a.io", None)),
            (r#"Bearer realm="https://a.io", error="invalid_token", Basic realm=x"#, bearer("https://a.io", None)),
            (r#"Negotiate abc=="#, None),
            ("Bearer", None),
            (r#"Bearer realm="#, bearer("", None)),
            ("", None),
            (",,, =", None),
        ];
        for (header, expect) in cases {
            assert_eq!(parse_challenge(header), expect, "{header}");
        }
    }

    #[test]
    fn token_requests() {
        let ask = |realm: &str, service: Option<&str>, credentials: &Credentials| {
            token_request(realm, service, &scope("team/app", None), Some(Access::Push.actions()), credentials)
        };
        let user = Credentials::Basic { username: "me".into(), password: Secret::new("p&w") };
        assert_eq!(
            ask("https://a.io/token", Some("r.io"), &Credentials::Anonymous),
            TokenRequest::Get {
                url: "https://a.io/token?service=r.io&scope=repository%3Ateam%2Fapp%3Apull%2Cpush".into(),
                authorization: None
            }
        );
        assert_eq!(
            ask("https://a.io/token?x=1", None, &user),
            TokenRequest::Get {
                url: "https://a.io/token?x=1&account=me&scope=repository%3Ateam%2Fapp%3Apull%2Cpush".into(),
                authorization: Some(Secret::new("Basic bWU6cCZ3"))
            }
        );
        let TokenRequest::Post { url, form } = ask("https://a.io/token", Some("r.io"), &Credentials::IdentityToken(Secret::new("a b")))
        else {
            panic!("an identity token is posted")
        };
        for (repository, actions) in [("", Some("pull")), ("team/app", None)] {
            let nothing = token_request("https://a.io/token", None, &scope(repository, None), actions, &Credentials::Anonymous);
            assert_eq!(nothing, TokenRequest::Get { url: "https://a.io/token?".into(), authorization: None });
        }
        assert_eq!(url, "https://a.io/token");
        assert_eq!(
            form.reveal(),
            "service=r.io&scope=repository%3Ateam%2Fapp%3Apull%2Cpush&grant_type=refresh_token&client_id=werf&refresh_token=a%20b"
        );
    }

    #[test]
    fn tokens() {
        for (answer, expect) in [
            (r#"{"token": "t"}"#, Some("t")),
            (r#"{"access_token": "a", "expires_in": 300}"#, Some("a")),
            (r#"{"token": "t", "access_token": "a"}"#, Some("t")),
            (r#"{}"#, None),
            ("no", None),
        ] {
            assert_eq!(parse_token(answer.as_bytes()).as_ref().map(Secret::reveal), expect, "{answer}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_a_challenge_ends(header in ".{0,60}") {
            let _ = parse_challenge(&header);
        }
    }
}
