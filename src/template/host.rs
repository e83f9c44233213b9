//! The declared gates through which a template reaches anything outside its data: cluster, clock, randomness, environment, secrets.

use super::call::FunctionError;
use super::value::{Map, Str, Value};

/// What lies outside of a template. Each method has a default that gives nothing, so that rendering is pure unless the caller opens a gate.
pub trait Host: Send + Sync {
    /// The gates of one executed file, where each file has its own; `None` where all share these.
    fn of_file(&self, _name: &str) -> Option<Box<dyn Host + '_>> {
        None
    }

    /// Helm's `lookup`: one object, or a list object where `name` is empty; an empty map where there is no such object or no cluster.
    fn lookup(&self, _api_version: &str, _kind: &str, _namespace: &str, _name: &str) -> Result<Value, FunctionError> {
        Ok(Value::Map(Map::new()))
    }

    /// An address of a host, for `getHostByName`; empty unless name resolution is allowed.
    fn host_by_name(&self, _name: &str) -> Result<String, FunctionError> {
        Ok(String::new())
    }

    /// The present time. Without a clock it is the Unix epoch in UTC.
    fn now(&self) -> jiff::Zoned {
        jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC)
    }

    /// Fills a buffer with random bytes, cryptographically strong unless output is to be deterministic.
    fn random(&self, _buffer: &mut [u8]) -> Result<(), FunctionError> {
        Err("no source of random bytes".into())
    }

    /// An environment variable that the project may read; an error where it may not.
    fn env(&self, name: &str) -> Result<Option<String>, FunctionError> {
        Err(format!("environment variable {name} may not be read here").into())
    }

    /// A JSON schema at a URL, which a chart's values.schema.json refers to.
    fn schema(&self, url: &str) -> Result<Vec<u8>, String> {
        Err(format!("{url} lies outside of the chart"))
    }

    /// A decrypted secret file of the project.
    fn secret_file(&self, path: &str) -> Result<Str, FunctionError> {
        Err(format!("secret file {path} may not be read here").into())
    }
}

/// No gate is open.
pub struct NoHost;

impl Host for NoHost {}
