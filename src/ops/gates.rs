//! The gates that templates have: the cluster, the clock, randomness, names of hosts.

use std::error::Error;
use std::net::ToSocketAddrs;
use std::time::Duration;

use tokio::runtime::Handle;

use super::options::Proxies;
use crate::chart::Release;
use crate::chart_repository::{Access, Fetcher};
use crate::deploy::cluster::{self, Client};
use crate::event::Events;
use crate::registry::Patience;
use crate::template::call::FunctionError;
use crate::template::determined::{Determined, Seed};
use crate::template::host::Host;
use crate::template::value::Value;

/// The present time of a chart of the disk under `--deterministic`: 2000-01-01 00:00:00 UTC.
pub const FIXED_TIME: i64 = 946_684_800;

/// How long one document of a schema may take, as in Helm.
const SCHEMA_TIMEOUT: Duration = Duration::from_secs(15);

/// What `--deterministic` lays over the gates.
pub fn determined<'g>(gates: &'g Gates, release: &Release, chart: &str, time: i64) -> Determined<'g> {
    Determined::new(gates, Seed { names: vec![release.name.clone(), release.namespace.clone(), chart.to_owned()], time })
}

/// What a chart's templates reach.
pub struct Gates {
    cluster: Option<Client>,
    fetcher: Fetcher,
    runtime: Handle,
    dns: bool,
}

impl Gates {
    /// Gates to a cluster, without which `lookup` answers as Helm does, and through these proxies to schemas that charts refer to.
    pub fn new(cluster: Option<Client>, proxies: &Proxies) -> Self {
        let patience = Patience { timeout: SCHEMA_TIMEOUT, budget: SCHEMA_TIMEOUT, ..Patience::default() };
        Gates { cluster, fetcher: Fetcher::new(patience, proxies.clone(), &Events::none()), runtime: Handle::current(), dns: false }
    }

    /// The same, where `getHostByName` may ask for names of hosts.
    pub fn with_dns(self, dns: bool) -> Self {
        Gates { dns, ..self }
    }
}

impl Host for Gates {
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, FunctionError> {
        let Some(client) = &self.cluster else { return Ok(Value::Map(Default::default())) };
        let found = self.runtime.block_on(cluster::lookup(client, api_version, kind, namespace, name));
        Ok(Value::from_json(&found.map_err(|error| FunctionError::from(error.to_string()))?))
    }

    fn now(&self) -> jiff::Zoned {
        Machine.now()
    }

    fn host_by_name(&self, name: &str) -> Result<String, FunctionError> {
        if self.dns { Machine.host_by_name(name) } else { Ok(String::new()) }
    }

    fn schema(&self, url: &str) -> Result<Vec<u8>, String> {
        let fetched = self.runtime.block_on(self.fetcher.get("load the schema", url, url, &Access::default()));
        fetched.map(|bytes| bytes.to_vec()).map_err(|error| with_causes(&error))
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), FunctionError> {
        Machine.random(buffer)
    }
}

/// What templates of werf.yaml reach: the clock, randomness and names of hosts.
pub struct Machine;

impl Host for Machine {
    fn now(&self) -> jiff::Zoned {
        jiff::Zoned::now()
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), FunctionError> {
        rustix::rand::getrandom(buffer, rustix::rand::GetRandomFlags::empty())
            .map(drop)
            .map_err(|error| format!("the system gives no random bytes: {error}").into())
    }

    fn host_by_name(&self, name: &str) -> Result<String, FunctionError> {
        let unknown = |reason: String| FunctionError::from(format!("cannot find an address of the host `{name}`: {reason}"));
        let mut found = (name, 0).to_socket_addrs().map_err(|error| unknown(error.to_string()))?;
        found.next().map(|address| address.ip().to_string()).ok_or_else(|| unknown("it has none".to_owned()))
    }
}

/// An error and what led to it, in one line.
fn with_causes(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}
