//! The gates that templates of a chart have: the cluster, the clock, randomness.

use tokio::runtime::Handle;

use crate::deploy::cluster::{self, Client};
use crate::template::call::FunctionError;
use crate::template::host::Host;
use crate::template::value::Value;

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
