//! Randomness and a clock that their inputs determine: `--deterministic`.
//!
//! Every executed file draws from a stream of its own, so that a change of one file leaves the random values of the others alone. The
//! stream is BLAKE3's extended output over the [`Seed`] and the file's name. Whoever knows these knows all that is drawn.

use std::sync::{Mutex, PoisonError};

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::call::FunctionError;
use super::host::Host;
use super::value::{Str, Value};

/// What determines random values and the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Names that random values depend on, in order: release, namespace, chart.
    pub names: Vec<String>,
    /// The time that templates see, in seconds since 1970-01-01 UTC.
    pub time: i64,
}

/// Gates whose randomness and clock come from a seed; everything else is left to other gates.
pub struct Determined<'g> {
    gates: &'g dyn Host,
    seed: Seed,
    stream: Mutex<blake3::OutputReader>,
}

impl<'g> Determined<'g> {
    /// Lays a seed over gates.
    pub fn new(gates: &'g dyn Host, seed: Seed) -> Self {
        Determined { gates, stream: Mutex::new(stream(&seed, "")), seed }
    }
}

fn stream(seed: &Seed, file: &str) -> blake3::OutputReader {
    let mut hasher = blake3::Hasher::new_derive_key("werf template: determined random values");
    for name in seed.names.iter().map(String::as_str).chain([file]) {
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
    }
    hasher.finalize_xof()
}

impl Host for Determined<'_> {
    fn of_file(&self, name: &str) -> Option<Box<dyn Host + '_>> {
        Some(Box::new(Determined { gates: self.gates, stream: Mutex::new(stream(&self.seed, name)), seed: self.seed.clone() }))
    }

    fn now(&self) -> Zoned {
        jiff::Timestamp::from_second(self.seed.time).unwrap_or_default().to_zoned(TimeZone::UTC)
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), FunctionError> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).fill(buffer);
        Ok(())
    }

    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, FunctionError> {
        self.gates.lookup(api_version, kind, namespace, name)
    }

    fn host_by_name(&self, name: &str) -> Result<String, FunctionError> {
        self.gates.host_by_name(name)
    }

    fn env(&self, name: &str) -> Result<Option<String>, FunctionError> {
        self.gates.env(name)
    }

    fn schema(&self, url: &str) -> Result<Vec<u8>, String> {
        self.gates.schema(url)
    }

    fn secret_file(&self, path: &str) -> Result<Str, FunctionError> {
        self.gates.secret_file(path)
    }
}
