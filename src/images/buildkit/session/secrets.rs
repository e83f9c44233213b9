//! Build secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::images::buildkit::proto::moby::buildkit::secrets::v1::secrets_server;
use crate::images::buildkit::proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};

/// Bytes that are printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Hides bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Secret(bytes.into().into())
    }

    /// The bytes, to hand them on.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The service.
pub struct Secrets(BTreeMap<String, Secret>);

impl Secrets {
    pub fn new(secrets: BTreeMap<String, Secret>) -> Self {
        Secrets(secrets)
    }
}

#[tonic::async_trait]
impl secrets_server::Secrets for Secrets {
    async fn get_secret(&self, request: Request<GetSecretRequest>) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        let secret = self.0.get(&id).ok_or_else(|| Status::not_found(format!("no secret `{id}` is declared for this build")))?;
        Ok(Response::new(GetSecretResponse { data: secret.reveal().to_vec() }))
    }
}
