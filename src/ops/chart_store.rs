//! Where charts of repositories and registries are sought, with this user's credentials.

use std::time::Duration;

use super::{ChartOptions, RegistryOptions, Run, registry};
use crate::chart_repository::{Places, Store};
use crate::error::Result;
use crate::event::Events;
use crate::registry::{Client, Patience};

/// How long an index or an archive may take to begin: some servers make the index when it is asked for.
const TIMEOUT: Duration = Duration::from_secs(50);

/// Opens the store. Nothing is sent.
pub fn open(options: &ChartOptions, registry: &RegistryOptions, run: &Run) -> Result<Store> {
    open_with(options, registry::client_for_charts(options, registry, run)?, &run.events)
}

/// Opens the store with a client for registries. Nothing is sent.
pub fn open_with(options: &ChartOptions, client: Client, events: &Events) -> Result<Store> {
    let places =
        Places { config: options.repository_config.clone(), cache: options.repository_cache.clone(), archives: options.archives.clone() };
    let patience = Patience { timeout: TIMEOUT, ..Patience::default() };
    Ok(Store::open(places, client, patience, options.proxies.clone(), events)?)
}
