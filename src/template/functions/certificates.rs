//! Private keys and X.509 certificates, as sprig makes them.
//!
//! RSA (PKCS #1 v1.5 with SHA-256), ECDSA over P-256 and Ed25519. DSA, which nothing accepts any more, is refused.

use std::net::IpAddr;
use std::sync::Arc;

use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _};
use rsa::signature::{SignatureEncoding as _, Signer as _};
use sha2::{Digest as _, Sha256};

use super::primes::prime;
use super::{data, der};
use crate::file_tree::{bytes_of_text, text_of_bytes};
use crate::template::call::{FunctionError, ObjectType, Ref, Scope, Table};
use crate::template::value::{Kind, List, Map, Object, Str, Value};

const GENERATED_KEY_BITS: usize = 4096;
const CERTIFICATE_KEY_BITS: usize = 2048;
const RSA_EXPONENT: u32 = 65_537;
/// Pairs of primes that are tried; one in some thousands does not fit.
const RSA_ATTEMPTS: usize = 10;

pub(super) fn register(table: &mut Table) {
    table.add_scoped("genPrivateKey", |scope: &mut dyn Scope, kind: Str| match &*kind.shown() {
        "" | "rsa" => Ok(PrivateKey::rsa(scope, GENERATED_KEY_BITS)?.pem()?),
        "ecdsa" => Ok(PrivateKey::ecdsa(scope)?.pem()?),
        "ed25519" => Ok(PrivateKey::ed25519(scope)?.pem()?),
        "dsa" => Err("DSA keys are not supported; use rsa, ecdsa or ed25519".into()),
        other => Ok::<_, FunctionError>(format!("Unknown type {other}")),
    });
    table.add_scoped("genCA", |scope: &mut dyn Scope, name: Str, days: isize| {
        let key = PrivateKey::rsa(scope, CERTIFICATE_KEY_BITS)?;
        authority(scope, &name, days, &key)
    });
    table.add_scoped("genCAWithKey", |scope: &mut dyn Scope, name: Str, days: isize, key: Str| {
        let key = given_key(&key)?;
        authority(scope, &name, days, &key)
    });
    table.add_scoped("genSelfSignedCert", |scope: &mut dyn Scope, name: Str, ips: List, names: List, days: isize| {
        let key = PrivateKey::rsa(scope, CERTIFICATE_KEY_BITS)?;
        let subject = Subject::new(&name, &ips, &names, days)?;
        certify(scope, &subject, &key, None)
    });
    table.add_scoped("genSelfSignedCertWithKey", |scope: &mut dyn Scope, name: Str, ips: List, names: List, days: isize, key: Str| {
        let key = given_key(&key)?;
        let subject = Subject::new(&name, &ips, &names, days)?;
        certify(scope, &subject, &key, None)
    });
    table.add_scoped("genSignedCert", |scope: &mut dyn Scope, name: Str, ips: List, names: List, days: isize, ca: Ref<Certificate>| {
        let key = PrivateKey::rsa(scope, CERTIFICATE_KEY_BITS)?;
        let (issuer, signer) = ca.parse()?;
        let subject = Subject::new(&name, &ips, &names, days)?;
        certify(scope, &subject, &key, Some((&issuer, &signer)))
    });
    table.add_scoped(
        "genSignedCertWithKey",
        |scope: &mut dyn Scope, name: Str, ips: List, names: List, days: isize, ca: Ref<Certificate>, key: Str| {
            let key = given_key(&key)?;
            let (issuer, signer) = ca.parse()?;
            let subject = Subject::new(&name, &ips, &names, days)?;
            certify(scope, &subject, &key, Some((&issuer, &signer)))
        },
    );
    table.add("buildCustomCert", |cert: Str, key: Str| {
        let decode = |text: &Str, what: &str| {
            let bytes = data::decode_base_64(text.as_bytes()).map_err(|_| format!("unable to decode base64 {what}"))?;
            Ok::<_, FunctionError>(text_of_bytes(&bytes).into_owned())
        };
        let certificate = Certificate { cert: decode(&cert, "certificate")?, key: decode(&key, "private key")? };
        certificate.parse()?;
        Ok::<_, FunctionError>(Arc::new(certificate))
    });
}

/// A certificate and its private key, both in PEM, around which any bytes may stand: these are the texts that stand for them.
#[derive(Clone, Debug)]
struct Certificate {
    cert: String,
    key: String,
}

impl ObjectType for Certificate {
    const NAME: &'static str = "sprig.certificate";
}

impl Object for Certificate {
    fn type_name(&self) -> &'static str {
        Certificate::NAME
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(Value::String(Str::from_slice(&bytes_of_text(&self.cert)))),
            "Key" => Some(Value::String(Str::from_slice(&bytes_of_text(&self.key)))),
            _ => None,
        }
    }

    fn text(&self) -> String {
        format!("{{{} {}}}", self.cert, self.key)
    }

    fn to_plain(&self) -> Value {
        Value::Map([("Cert", Value::from(self.cert.as_str())), ("Key", Value::from(self.key.as_str()))].into_iter().collect::<Map>())
    }
}

impl Certificate {
    fn parse(&self) -> Result<(Issuer, PrivateKey), FunctionError> {
        let (_, bytes) = der::read_pem(&self.cert).ok_or("unable to decode certificate")?;
        let issuer = Issuer::parse(&bytes).ok_or("error parsing certificate: decodedCert.Bytes: x509: malformed certificate")?;
        let key = PrivateKey::parse(&self.key).map_err(|error| format!("error parsing private key: {error}"))?;
        Ok((issuer, key))
    }
}

/// What a certificate needs to know of the one that signs it.
struct Issuer {
    /// Its subject, encoded.
    name: Vec<u8>,
    public_key: Vec<u8>,
    key_id: Option<Vec<u8>>,
}

impl Issuer {
    fn parse(mut certificate: &[u8]) -> Option<Issuer> {
        let mut body = der::expect(&mut certificate, der::SEQUENCE)?.content;
        let mut fields = der::expect(&mut body, der::SEQUENCE)?.content;
        let first = der::take(&mut fields)?;
        if first.tag == 0xa0 {
            der::expect(&mut fields, der::INTEGER)?;
        }
        for _ in ["signature", "issuer", "validity"] {
            der::expect(&mut fields, der::SEQUENCE)?;
        }
        let name = der::expect(&mut fields, der::SEQUENCE)?.whole.to_vec();
        let public_key = der::expect(&mut fields, der::SEQUENCE)?.whole.to_vec();
        let mut key_id = None;
        while let Some(mut field) = der::take(&mut fields) {
            if field.tag != 0xa3 {
                continue;
            }
            let mut extensions = der::expect(&mut field.content, der::SEQUENCE)?.content;
            while let Some(mut extension) = der::take(&mut extensions) {
                let oid = der::expect(&mut extension.content, der::OID)?;
                let mut value = der::take(&mut extension.content)?;
                if value.tag != der::OCTET_STRING {
                    value = der::expect(&mut extension.content, der::OCTET_STRING)?;
                }
                if oid.content == SUBJECT_KEY_ID {
                    key_id = Some(der::expect(&mut value.content, der::OCTET_STRING)?.content.to_vec());
                }
            }
        }
        Some(Issuer { name, public_key, key_id })
    }
}

/// The bytes that a key is made of: a stream grown from one seed of the host, so that making keys cannot fail half-way.
struct Stream(blake3::OutputReader);

impl Stream {
    fn new(scope: &mut dyn Scope) -> Result<Stream, FunctionError> {
        let mut seed = [0; 32];
        scope.host().random(&mut seed)?;
        let mut hasher = blake3::Hasher::new_derive_key("werf template functions: private keys");
        hasher.update(&seed);
        Ok(Stream(hasher.finalize_xof()))
    }
}

impl Stream {
    /// Another stream, which this one decides.
    fn branch(&mut self) -> Stream {
        let mut seed = [0; 32];
        self.0.fill(&mut seed);
        Stream(blake3::Hasher::new_keyed(&seed).finalize_xof())
    }
}

impl rsa::rand_core::RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, buffer: &mut [u8]) {
        self.0.fill(buffer);
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.0.fill(buffer);
        Ok(())
    }
}

impl rsa::rand_core::CryptoRng for Stream {}

enum PrivateKey {
    Rsa(Box<rsa::RsaPrivateKey>),
    Ecdsa(p256::SecretKey),
    Ed25519(ed25519_dalek::SigningKey),
}

fn given_key(pem: &Str) -> Result<PrivateKey, FunctionError> {
    PrivateKey::parse(&pem.shown()).map_err(|error| format!("parsing private key: {error}").into())
}

impl PrivateKey {
    /// A key of two primes, which are nearly all of the work: it takes longer than the rest of most charts.
    fn rsa(scope: &mut dyn Scope, bits: usize) -> Result<PrivateKey, FunctionError> {
        let mut stream = Stream::new(scope)?;
        for _ in 0..RSA_ATTEMPTS {
            let [p, q] = [stream.branch(), stream.branch()].map(|mut branch| prime(bits / 2, |bytes| branch.0.fill(bytes)));
            // the primes may be equal, or not fit the exponent
            let key = rsa::RsaPrivateKey::from_primes(vec![p, q], RSA_EXPONENT.into()).ok();
            if let Some(key) = key.filter(|key| rsa::traits::PublicKeyParts::n(key).bits() == bits) {
                return Ok(PrivateKey::Rsa(Box::new(key)));
            }
        }
        Err("error generating rsa key: no primes that fit".into())
    }

    fn ecdsa(scope: &mut dyn Scope) -> Result<PrivateKey, FunctionError> {
        Ok(PrivateKey::Ecdsa(p256::SecretKey::random(&mut Stream::new(scope)?)))
    }

    fn ed25519(scope: &mut dyn Scope) -> Result<PrivateKey, FunctionError> {
        let mut secret = [0; 32];
        Stream::new(scope)?.0.fill(&mut secret);
        Ok(PrivateKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&secret)))
    }

    fn parse(pem: &str) -> Result<PrivateKey, String> {
        let (label, bytes) = der::read_pem(pem).ok_or("no PEM data in input")?;
        let rsa = |key| PrivateKey::Rsa(Box::new(key));
        match label {
            "PRIVATE KEY" => rsa::RsaPrivateKey::from_pkcs8_der(&bytes)
                .map(rsa)
                .or_else(|_| p256::SecretKey::from_pkcs8_der(&bytes).map(PrivateKey::Ecdsa))
                .or_else(|_| ed25519_dalek::SigningKey::from_pkcs8_der(&bytes).map(PrivateKey::Ed25519))
                .map_err(|error| format!("decoding PEM as PKCS#8: {error}")),
            "RSA PRIVATE KEY" => {
                rsa::RsaPrivateKey::from_pkcs1_der(&bytes).map(rsa).map_err(|error| format!("parsing RSA private key from PEM: {error}"))
            }
            "EC PRIVATE KEY" => p256::SecretKey::from_sec1_der(&bytes)
                .map(PrivateKey::Ecdsa)
                .map_err(|error| format!("parsing EC private key from PEM: {error}")),
            label => match label.strip_suffix(" PRIVATE KEY") {
                Some(kind) => Err(format!("invalid private key type {kind}")),
                None => Err(format!("no private key data in PEM block of type {label}")),
            },
        }
    }

    fn pem(&self) -> Result<String, FunctionError> {
        let failed = |error: &dyn std::fmt::Display| FunctionError::from(format!("error pem-encoding key: {error}"));
        Ok(match self {
            PrivateKey::Rsa(key) => der::pem("RSA PRIVATE KEY", key.to_pkcs1_der().map_err(|error| failed(&error))?.as_bytes()),
            PrivateKey::Ecdsa(key) => der::pem("EC PRIVATE KEY", &key.to_sec1_der().map_err(|error| failed(&error))?),
            PrivateKey::Ed25519(key) => {
                // The form without the public key, which every reader knows.
                let pair = ed25519_dalek::pkcs8::KeypairBytes { secret_key: key.to_bytes(), public_key: None };
                der::pem("PRIVATE KEY", pair.to_pkcs8_der().map_err(|error| failed(&error))?.as_bytes())
            }
        })
    }

    /// The public key as certificates hold it.
    fn public(&self) -> Result<Vec<u8>, FunctionError> {
        let encoded = match self {
            PrivateKey::Rsa(key) => key.to_public_key().to_public_key_der(),
            PrivateKey::Ecdsa(key) => key.public_key().to_public_key_der(),
            PrivateKey::Ed25519(key) => key.verifying_key().to_public_key_der(),
        };
        encoded.map(|document| document.into_vec()).map_err(|error| format!("error retrieving public key: {error}").into())
    }

    fn algorithm(&self) -> Vec<u8> {
        match self {
            PrivateKey::Rsa(_) => der::sequence(&[&der::element(der::OID, SHA_256_WITH_RSA), &der::element(der::NULL, &[])]),
            PrivateKey::Ecdsa(_) => der::sequence(&[&der::element(der::OID, ECDSA_WITH_SHA_256)]),
            PrivateKey::Ed25519(_) => der::sequence(&[&der::element(der::OID, ED25519)]),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, FunctionError> {
        let failed = |error: rsa::signature::Error| FunctionError::from(format!("error creating certificate: {error}"));
        Ok(match self {
            PrivateKey::Rsa(key) => {
                rsa::pkcs1v15::SigningKey::<Sha256>::new(rsa::RsaPrivateKey::clone(key)).try_sign(message).map_err(failed)?.to_vec()
            }
            PrivateKey::Ecdsa(key) => {
                let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(key).try_sign(message).map_err(failed)?;
                signature.to_der().as_bytes().to_vec()
            }
            PrivateKey::Ed25519(key) => key.try_sign(message).map_err(failed)?.to_bytes().to_vec(),
        })
    }
}

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23];
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const SERVER_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
const CLIENT_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
const SHA_256_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b];
const ECDSA_WITH_SHA_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Whom a certificate is for.
struct Subject {
    name: String,
    ips: Vec<IpAddr>,
    names: Vec<String>,
    days: isize,
    role: Role,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Leaf,
    Authority,
}

impl Subject {
    fn new(name: &Str, ips: &List, names: &List, days: isize) -> Result<Subject, FunctionError> {
        let ip = |value: &Value| match value {
            Value::String(text) => {
                let text = text.shown();
                text.parse().map_err(|_| FunctionError::from(format!("error parsing ip: {text}")))
            }
            other => Err(format!("error parsing ip: {} is not a string", other.to_text().shown()).into()),
        };
        let dns = |value: &Value| match value {
            Value::String(text) => Ok(text.shown().into_owned()),
            other => Err(FunctionError::from(format!("error processing alternate dns name: {} is not a string", other.to_text().shown()))),
        };
        Ok(Subject {
            name: name.shown().into_owned(),
            ips: ips.items().iter().map(ip).collect::<Result<_, _>>()?,
            names: names.items().iter().map(dns).collect::<Result<_, _>>()?,
            days,
            role: Role::Leaf,
        })
    }

    /// The name, encoded: printable where its letters allow it.
    fn encoded_name(&self) -> Vec<u8> {
        if self.name.is_empty() {
            return der::sequence(&[]);
        }
        let printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
        let tag = if self.name.bytes().all(printable) { 0x13 } else { 0x0c };
        let attribute = der::sequence(&[&der::element(der::OID, COMMON_NAME), &der::element(tag, self.name.as_bytes())]);
        der::sequence(&[&der::element(der::SET, &attribute)])
    }

    fn extensions(&self, key_id: &[u8], issuer_id: Option<&[u8]>) -> Vec<u8> {
        let authority = self.role == Role::Authority;
        let usage: &[u8] = if authority { &[2, 0xa4] } else { &[5, 0xa0] };
        let purposes = [SERVER_AUTHENTICATION, CLIENT_AUTHENTICATION].map(|oid| der::element(der::OID, oid));
        let constraints = if authority { der::element(0x01, &[0xff]) } else { Vec::new() };
        let mut extensions = vec![
            extension(KEY_USAGE, true, &der::element(der::BIT_STRING, usage)),
            extension(EXTENDED_KEY_USAGE, false, &der::sequence(&[&purposes[0], &purposes[1]])),
            extension(BASIC_CONSTRAINTS, true, &der::element(der::SEQUENCE, &constraints)),
        ];
        if authority {
            extensions.push(extension(SUBJECT_KEY_ID, false, &der::element(der::OCTET_STRING, key_id)));
        }
        if let Some(issuer_id) = issuer_id {
            extensions.push(extension(AUTHORITY_KEY_ID, false, &der::sequence(&[&der::element(0x80, issuer_id)])));
        }
        let mut alternatives: Vec<Vec<u8>> = self.names.iter().map(|name| der::element(0x82, name.as_bytes())).collect();
        alternatives.extend(self.ips.iter().map(|ip| match ip {
            IpAddr::V4(ip) => der::element(0x87, &ip.octets()),
            IpAddr::V6(ip) => der::element(0x87, &ip.octets()),
        }));
        if !alternatives.is_empty() {
            let critical = self.name.is_empty();
            extensions.push(extension(ALTERNATIVE_NAME, critical, &der::element(der::SEQUENCE, &alternatives.concat())));
        }
        der::element(0xa3, &der::element(der::SEQUENCE, &extensions.concat()))
    }
}

fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der::element(0x01, &[0xff]) } else { Vec::new() };
    der::sequence(&[&der::element(der::OID, oid), &critical, &der::element(der::OCTET_STRING, value)])
}

fn authority(scope: &mut dyn Scope, name: &Str, days: isize, key: &PrivateKey) -> Result<Arc<Certificate>, FunctionError> {
    let none = List::any(Vec::new());
    let subject = Subject { role: Role::Authority, ..Subject::new(name, &none, &none, days)? };
    certify(scope, &subject, key, None)
}

fn certify(
    scope: &mut dyn Scope,
    subject: &Subject,
    key: &PrivateKey,
    signer: Option<(&Issuer, &PrivateKey)>,
) -> Result<Arc<Certificate>, FunctionError> {
    let public = key.public()?;
    let mut serial = [0; 16];
    scope.host().random(&mut serial)?;
    let now = scope.host().now().timestamp();
    let until = (subject.days as i64).checked_mul(24 * 60 * 60).and_then(|seconds| now.as_second().checked_add(seconds));
    let until = until.and_then(|second| jiff::Timestamp::from_second(second).ok());
    let until = until.ok_or_else(|| format!("error creating certificate: {} days are more than a calendar holds", subject.days))?;
    let name = subject.encoded_name();
    let key_id = &Sha256::digest(public_bits(&public).unwrap_or(&public))[..20];
    let (issuer_name, issuer_id, signing_key) = match signer {
        None => (&name, None, key),
        Some((issuer, signing_key)) => {
            if signing_key.public()? != issuer.public_key {
                return Err("error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey".into());
            }
            (&issuer.name, issuer.key_id.as_deref().filter(|_| issuer.name != name), signing_key)
        }
    };
    let algorithm = signing_key.algorithm();
    let body = der::sequence(&[
        &der::element(0xa0, &der::unsigned(&[2])),
        &der::unsigned(&serial),
        &algorithm,
        issuer_name,
        &der::sequence(&[&time(now), &time(until)]),
        &name,
        &public,
        &subject.extensions(key_id, issuer_id),
    ]);
    let signature = signing_key.sign(&body)?;
    let certificate = der::sequence(&[&body, &algorithm, &der::bits(&signature)]);
    Ok(Arc::new(Certificate { cert: der::pem("CERTIFICATE", &certificate), key: key.pem()? }))
}

/// The key proper inside of a public key's encoding.
fn public_bits(mut public: &[u8]) -> Option<&[u8]> {
    let mut fields = der::expect(&mut public, der::SEQUENCE)?.content;
    der::take(&mut fields)?;
    der::expect(&mut fields, der::BIT_STRING)?.content.get(1..)
}

fn time(timestamp: jiff::Timestamp) -> Vec<u8> {
    let time = timestamp.to_zoned(jiff::tz::TimeZone::UTC);
    match time.year() {
        1950..2050 => der::element(0x17, super::layout::format(&time, "060102150405Z").as_bytes()),
        _ => der::element(0x18, super::layout::format(&time, "20060102150405Z").as_bytes()),
    }
}
