//! Registry credentials.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{Secret, ServeError, blocking, chain};
use crate::images::buildkit::proto::moby::filesync::v1::auth_server;
use crate::images::buildkit::proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest, GetTokenAuthorityResponse,
    VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};

/// A user and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User; empty where the password is an identity token.
    pub username: String,
    /// Password or identity token.
    pub password: Secret,
}

/// Whoever knows credentials. Calls may block: they run on threads of their own.
pub trait CredentialSource: Send + Sync {
    /// The credentials for a registry, `None` for anonymous access.
    ///
    /// `host` is as the daemon names it, with its port; Docker Hub is `registry-1.docker.io`.
    fn credentials(&self, host: &str) -> Result<Option<Credentials>, ServeError>;
}

/// The service.
pub struct Auth(Arc<dyn CredentialSource>);

impl Auth {
    pub fn new(source: Arc<dyn CredentialSource>) -> Self {
        Auth(source)
    }
}

#[tonic::async_trait]
impl auth_server::Auth for Auth {
    async fn credentials(&self, request: Request<CredentialsRequest>) -> Result<Response<CredentialsResponse>, Status> {
        let source = self.0.clone();
        let host = request.into_inner().host;
        let credentials = blocking(move || source.credentials(&host)).await?;
        let credentials = credentials.map_err(|error| Status::internal(chain(&*error)))?;
        Ok(Response::new(match credentials {
            Some(known) => {
                CredentialsResponse { username: known.username, secret: String::from_utf8_lossy(known.password.reveal()).into_owned() }
            }
            None => CredentialsResponse::default(),
        }))
    }

    async fn fetch_token(&self, _: Request<FetchTokenRequest>) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("the daemon fetches tokens itself"))
    }

    async fn get_token_authority(&self, _: Request<GetTokenAuthorityRequest>) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the daemon fetches tokens itself"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the daemon fetches tokens itself"))
    }
}
