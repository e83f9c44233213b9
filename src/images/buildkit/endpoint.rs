//! Where a daemon listens.

use std::fmt;
use std::path::PathBuf;

use super::error::ConnectError;

/// A daemon's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `unix:///path/to/socket`.
    Unix(PathBuf),
    /// `tcp://host:port`.
    Tcp {
        /// Host name or address, IPv6 in brackets.
        host: String,
        /// Port.
        port: u16,
        /// How to speak TLS; `None` for plain HTTP/2.
        tls: Option<TlsOptions>,
    },
}

/// Files and names for mutual TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM file of the authorities that may sign the daemon's certificate; `None` for the system's.
    pub ca: Option<PathBuf>,
    /// PEM file of the client's certificate.
    pub cert: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
    /// Name that the daemon's certificate must have; `None` for the address's host.
    pub server_name: Option<String>,
}

impl Endpoint {
    /// Reads `unix://…` and `tcp://…`; TLS only concerns the latter.
    pub fn parse(address: &str, tls: Option<TlsOptions>) -> Result<Self, ConnectError> {
        let malformed = |problem| ConnectError::Malformed { address: address.to_owned(), problem };
        if let Some(path) = address.strip_prefix("unix://") {
            return match path {
                path if path.starts_with('/') => Ok(Endpoint::Unix(path.into())),
                _ => Err(malformed("the path of a socket is absolute, as in `unix:///run/buildkit/buildkitd.sock`")),
            };
        }
        let Some(authority) = address.strip_prefix("tcp://") else {
            return Err(malformed("it begins with neither `unix://` nor `tcp://`"));
        };
        let Some((host, port)) = authority.trim_end_matches('/').rsplit_once(':') else {
            return Err(malformed("the port is missing, as in `tcp://buildkitd.example.org:1234`"));
        };
        let port = port.parse().map_err(|_| malformed("the port is no number between 0 and 65535"))?;
        if host.is_empty() || host.contains(['/', '@']) {
            return Err(malformed("the host is missing or has characters that a host cannot have"));
        }
        Ok(Endpoint::Tcp { host: host.to_owned(), port, tls })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => write!(f, "unix://{}", path.display()),
            Endpoint::Tcp { host, port, .. } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_print_alike() {
        for address in ["unix:///run/a.sock", "tcp://host:1234", "tcp://[::1]:1"] {
            assert_eq!(Endpoint::parse(address, None).unwrap().to_string(), address);
        }
    }

    #[test]
    fn malformed_addresses_say_what_is_wrong() {
        let cases = [
            ("docker://", "neither"),
            ("unix://a.sock", "absolute"),
            ("tcp://host", "port is missing"),
            ("tcp://host:x", "no number"),
            ("tcp://host:70000", "no number"),
            ("tcp://:1", "host is missing"),
            ("tcp://user@host:1", "cannot have"),
        ];
        for (address, expect) in cases {
            let error = Endpoint::parse(address, None).unwrap_err();
            assert!(error.to_string().contains(address) && error.to_string().contains(expect), "{error}");
        }
    }
}
