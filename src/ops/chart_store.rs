//! Where charts of repositories and registries are sought, with this user's credentials.

use std::time::Duration;

use super::{ChartOptions, RegistryOptions, registry};
use crate::chart_repository::{Places, Store};
use crate::error::Result;
use crate::registry::{Client, Patience};

/// How long an index or an archive may take to come.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Opens the store. Nothing is sent.
pub fn open(options: &ChartOptions, registry: &RegistryOptions) -> Result<Store> {
    open_with(options, registry::client_for_charts(options, registry)?)
}

/// Opens the store with a client for registries. Nothing is sent.
pub fn open_with(options: &ChartOptions, client: Client) -> Result<Store> {
    let places =
        Places { config: options.repository_config.clone(), cache: options.repository_cache.clone(), archives: options.archives.clone() };
    let patience = Patience { timeout: TIMEOUT, ..Patience::default() };
    Ok(Store::open(places, client, patience, options.proxies.clone())?)
}
