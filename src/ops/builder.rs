//! The builder: a daemon that the user named, or a private one for the command. Asked for only when something must be built.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{BuildOptions, Run};
use crate::error::Result;
use crate::event::Event;
use crate::images::buildkit::embedded::{self, Embedded, EmbeddedOptions};
use crate::images::buildkit::{Client, ConnectOptions, Endpoint, TlsOptions, connect};
use crate::net::Slow;

/// A builder in reach. A private daemon ends when this is dropped.
pub enum Builder {
    /// A daemon that somebody looks after.
    Remote(Client),
    /// Our own.
    Private(Embedded),
}

impl Builder {
    /// The connection.
    pub fn client(&self) -> &Client {
        match self {
            Builder::Remote(client) => client,
            Builder::Private(embedded) => embedded.client(),
        }
    }
}

/// Reaches the named daemon, or joins or starts the private one. `insecure` names registries without valid TLS.
pub async fn open(options: &BuildOptions, insecure: Vec<String>, run: &Run) -> Result<Builder> {
    let Some(host) = &options.buildkit_host else {
        let options = EmbeddedOptions {
            daemon: options.buildkitd.clone(),
            own_binary: own_binary(),
            path: options.path.clone(),
            cache_dir: options.cache_dir.clone(),
            runtime_dir: options.runtime_dir.clone(),
            insecure_registries: insecure,
            environment: options.environment.clone(),
        };
        return Ok(Builder::Private(embedded::start(&options, &run.events).await?));
    };
    let began = Instant::now();
    let tls = [&options.tls_ca, &options.tls_cert, &options.tls_key].iter().any(|file| file.is_some());
    let tls = (tls || options.tls_server_name.is_some()).then(|| TlsOptions {
        ca: options.tls_ca.clone(),
        cert: options.tls_cert.clone(),
        key: options.tls_key.clone(),
        server_name: options.tls_server_name.clone(),
    });
    let endpoint = Endpoint::parse(host, tls)?;
    let reaching = connect(&endpoint, ConnectOptions { timeout: Duration::from_secs(20), wait: false });
    let wait = run.events.wait(host, "reach the builder");
    let client = Slow::new(&run.events).watch(host, "reach the builder", reaching).await?;
    drop(wait);
    run.events.emit(Event::BuilderReady { endpoint: client.endpoint().to_owned(), took: began.elapsed() });
    Ok(Builder::Remote(client))
}

fn own_binary() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("werf"))
}
