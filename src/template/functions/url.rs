//! `urlParse` and `urlJoin`, by the rules of Go's `net/url`.

use crate::file_tree::{bytes_of_text, text_of_bytes};
use crate::template::call::{FunctionError, Table};
use crate::template::format::{quote, quote_bytes};
use crate::template::value::{Map, Str, Value};

pub(super) fn register(table: &mut Table) {
    // parts of a URL are any bytes: here they are the text that stands for them
    table.add("urlParse", |text: Str| {
        let text = text_of_bytes(text.as_bytes());
        let url = Url::parse(&text).map_err(|reason| {
            let before = text.split('#').next().unwrap_or_default();
            let shown = if Url::parse(before).is_err() { before } else { &text };
            format!("unable to parse url: parse {}: {reason}", quoted(shown))
        })?;
        let hostname = url.hostname().to_owned();
        let entries = [
            ("scheme", url.scheme),
            ("userinfo", url.userinfo.unwrap_or_default()),
            ("host", url.host),
            ("hostname", hostname),
            ("path", url.path),
            ("query", url.query),
            ("opaque", url.opaque),
            ("fragment", url.fragment),
        ];
        Ok::<_, FunctionError>(entries.into_iter().map(|(name, part)| (name, Str::from_slice(&bytes_of_text(&part)))).collect::<Map>())
    });
    table.add("urlJoin", join);
}

#[derive(Default)]
struct Url {
    scheme: String,
    opaque: String,
    /// As it is written in a URL, escapes included.
    userinfo: Option<String>,
    host: String,
    path: String,
    /// The path as it was written, where the path's own escaping would differ.
    raw_path: Option<String>,
    query: String,
    fragment: String,
}

impl Url {
    fn parse(text: &str) -> Result<Url, String> {
        let mut url = Url::default();
        let (rest, fragment) = text.split_once('#').map_or((text, None), |(rest, fragment)| (rest, Some(fragment)));
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        url.parse_main(rest)?;
        if let Some(fragment) = fragment {
            url.fragment = unescape(fragment, Part::Fragment)?;
        }
        Ok(url)
    }

    fn parse_main(&mut self, text: &str) -> Result<(), String> {
        if text == "*" {
            self.path = "*".to_owned();
            return Ok(());
        }
        let (scheme, rest) = split_scheme(text)?;
        self.scheme = scheme.to_ascii_lowercase();
        let (mut rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        self.query = query.to_owned();
        if !rest.starts_with('/') {
            if !self.scheme.is_empty() {
                self.opaque = rest.to_owned();
                return Ok(());
            }
            if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        if (!self.scheme.is_empty() || !rest.starts_with("///")) && rest.starts_with("//") {
            let authority = &rest[2..];
            let end = authority.find('/').unwrap_or(authority.len());
            self.parse_authority(&authority[..end])?;
            rest = &authority[end..];
        }
        self.path = unescape(rest, Part::Path)?;
        self.raw_path = (escape(&self.path, Part::Path) != rest).then(|| rest.to_owned());
        Ok(())
    }

    fn parse_authority(&mut self, authority: &str) -> Result<(), String> {
        let (userinfo, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        self.host = parse_host(&self.scheme, host)?;
        if let Some(userinfo) = userinfo {
            let valid = |letter: char| letter.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(letter);
            if !userinfo.chars().all(valid) {
                return Err("net/url: invalid userinfo".to_owned());
            }
            let part = |text: &str| unescape(text, Part::Userinfo).map(|text| escape(&text, Part::Userinfo));
            self.userinfo = Some(match userinfo.split_once(':') {
                None => part(userinfo)?,
                Some((name, password)) => format!("{}:{}", part(name)?, part(password)?),
            });
        }
        Ok(())
    }

    fn hostname(&self) -> &str {
        let host = split_port(&self.host).0;
        host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host)
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.scheme.is_empty() {
            write!(f, "{}:", self.scheme)?;
        }
        if !self.opaque.is_empty() {
            f.write_str(&self.opaque)?;
        } else {
            if !self.scheme.is_empty() || !self.host.is_empty() || self.userinfo.is_some() {
                if !self.host.is_empty() || !self.path.is_empty() || self.userinfo.is_some() {
                    f.write_str("//")?;
                }
                if let Some(userinfo) = &self.userinfo {
                    write!(f, "{userinfo}@")?;
                }
                f.write_str(&escape(&self.host, Part::Host))?;
            }
            let path = match &self.raw_path {
                Some(raw) => raw.clone(),
                None if self.path == "*" => "*".to_owned(),
                None => escape(&self.path, Part::Path),
            };
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                f.write_str("/")?;
            }
            // A first segment with a colon would read as a scheme.
            let nothing_before = self.scheme.is_empty() && self.host.is_empty() && self.userinfo.is_none();
            if nothing_before && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
                f.write_str("./")?;
            }
            f.write_str(&path)?;
        }
        if !self.query.is_empty() {
            write!(f, "?{}", self.query)?;
        }
        if !self.fragment.is_empty() {
            write!(f, "#{}", escape(&self.fragment, Part::Fragment))?;
        }
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    quote_bytes(&bytes_of_text(text))
}

fn join(parts: Map) -> Result<Str, FunctionError> {
    let part = |key: &str| match parts.get(key) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text_of_bytes(text.as_bytes()).into_owned()),
        Some(Value::Nil) => Err(FunctionError::from("runtime error: invalid memory address or nil pointer dereference")),
        Some(other) => Err(format!("unable to parse {key} key, must be of type string, but {} found", other.kind_name()).into()),
    };
    let userinfo = match part("userinfo")? {
        text if text.is_empty() => None,
        text => {
            let whole = format!("proto://{text}@host");
            let parsed = Url::parse(&whole);
            let wrong = |reason| format!("unable to parse userinfo in dict: parse {}: {reason}", quoted(&whole));
            parsed.map_err(wrong)?.userinfo
        }
    };
    let url = Url {
        scheme: part("scheme")?,
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        opaque: part("opaque")?,
        fragment: part("fragment")?,
        userinfo,
        raw_path: None,
    };
    Ok(Str::from_slice(&bytes_of_text(&url.to_string())))
}

fn split_scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn split_port(host: &str) -> (&str, &str) {
    let after_bracket = host.rfind(']').unwrap_or(0);
    match host[after_bracket..].rfind(':') {
        Some(colon) if host[after_bracket + colon + 1..].bytes().all(|byte| byte.is_ascii_digit()) => host.split_at(after_bracket + colon),
        _ => (host, ""),
    }
}

/// Of HTTP the port begins at the first colon, of others at the last one: databases name several hosts.
fn parse_host(scheme: &str, host: &str) -> Result<String, String> {
    if host.starts_with('[') {
        let Some(end) = host.rfind(']') else { return Err("missing ']' in host".to_owned()) };
        check_port(&host[end + 1..])?;
    } else if let Some(colon) = if matches!(scheme, "http" | "https") { host.find(':') } else { host.rfind(':') } {
        check_port(&host[colon..])?;
    }
    unescape(host, Part::Host)
}

fn check_port(port: &str) -> Result<(), String> {
    let valid = port.is_empty() || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    if valid { Ok(()) } else { Err(format!("invalid port {} after host", quote(port))) }
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Path,
    Userinfo,
    Host,
    Fragment,
}

fn unescape(text: &str, part: Part) -> Result<String, String> {
    let bytes = bytes_of_text(text);
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = &*bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' {
            let digits = tail.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            let Some(digits) = digits else {
                return Err(format!("invalid URL escape {}", quote_bytes(&rest[..rest.len().min(3)])));
            };
            let value = u8::from_str_radix(std::str::from_utf8(digits).unwrap_or("0"), 16).unwrap_or(0);
            if part == Part::Host && value < 0x80 && digits != b"25" {
                return Err(format!("invalid URL escape {}", quote_bytes(&rest[..3])));
            }
            out.push(value);
            rest = &tail[2..];
            continue;
        }
        if part == Part::Host && byte < 0x80 && should_escape(byte, part) {
            return Err(format!("invalid character {} in host name", quote(&char::from(byte).to_string())));
        }
        out.push(byte);
        rest = tail;
    }
    Ok(text_of_bytes(&out).into_owned())
}

fn escape(text: &str, part: Part) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in &*bytes_of_text(text) {
        if should_escape(byte, part) {
            out.push_str(&format!("%{byte:02X}"));
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

fn should_escape(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        return false;
    }
    let spared = matches!(
        (part, byte),
        (Part::Host, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'[' | b']' | b'<' | b'>' | b'"',)
            | (Part::Path, b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'@')
            | (Part::Userinfo, b'$' | b'&' | b'+' | b',' | b';' | b'=')
            | (Part::Fragment, b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' | b'!' | b'(' | b')' | b'*')
    );
    !spared
}
