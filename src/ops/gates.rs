//! The gates that templates of a chart have: the cluster, the clock, randomness.

use tokio::runtime::Handle;

use crate::deploy::chart::Release;
use crate::deploy::cluster::{self, Client};
use crate::template::call::FunctionError;
use crate::template::determined::{Determined, Seed};
use crate::template::host::Host;
use crate::template::value::Value;

/// The present time of a chart of the disk under `--deterministic`: 2000-01-01 00:00:00 UTC.
pub const FIXED_TIME: i64 = 946_684_800;

/// What `--deterministic` lays over the gates.
pub fn determined<'g>(gates: &'g Gates, release: &Release, chart: &str, time: i64) -> Determined<'g> {
    Determined::new(gates, Seed { names: vec![release.name.clone(), release.namespace.clone(), chart.to_owned()], time })
}

/// What a chart's templates reach.
pub struct Gates {
    cluster: Option<Client>,
    runtime: Handle,
}

impl Gates {
    /// Gates to a cluster; without one `lookup` answers as Helm does.
    pub fn new(cluster: Option<Client>) -> Self {
        Gates { cluster, runtime: Handle::current() }
    }
}

impl Host for Gates {
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, FunctionError> {
        let Some(client) = &self.cluster else { return Ok(Value::Map(Default::default())) };
        let found = self.runtime.block_on(cluster::lookup(client, api_version, kind, namespace, name));
        Ok(Value::from_json(&found.map_err(|error| FunctionError::from(error.to_string()))?))
    }

    fn now(&self) -> jiff::Zoned {
        jiff::Zoned::now()
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), FunctionError> {
        rustix::rand::getrandom(buffer, rustix::rand::GetRandomFlags::empty())
            .map(drop)
            .map_err(|error| format!("the system gives no random bytes: {error}").into())
    }
}
