//! A daemon's channel, on which each call is told by `--log-debug` once it has ended.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Request, Response};
use hyper::body::{Bytes, Frame, SizeHint};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::Service;

use crate::net::Asked;

/// What calls go over.
#[derive(Clone, Debug)]
pub(super) struct Told {
    channel: Channel,
    endpoint: Arc<str>,
}

impl Told {
    /// The channel to a daemon at an address.
    pub fn new(channel: Channel, endpoint: Arc<str>) -> Self {
        Told { channel, endpoint }
    }
}

impl Service<Request<Body>> for Told {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = Asked::new("ask the builder", request.method(), format!("{}{}", self.endpoint, request.uri().path()));
        let answer = self.channel.call(request);
        Box::pin(async move {
            match answer.await {
                Ok(answer) => Ok(match code(answer.headers()) {
                    // a refusal without a body
                    Some(code) => {
                        asked.ended(code);
                        answer
                    }
                    None => answer.map(|body| Body::new(Rest { body, asked: Some(asked) })),
                }),
                Err(error) => {
                    asked.ended(crate::error::root_cause(&error));
                    Err(error)
                }
            }
        })
    }
}

/// How a call ended, by the headers or trailers that say so.
fn code(headers: &HeaderMap) -> Option<String> {
    let code = headers.get("grpc-status")?;
    Some(format!("{:?}", Code::from_bytes(code.as_bytes())))
}

/// The body of an answer, whose end is the end of the call.
struct Rest {
    body: Body,
    asked: Option<Asked>,
}

impl hyper::body::Body for Rest {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let how = match &frame {
            Some(Ok(frame)) => frame.trailers_ref().and_then(code),
            Some(Err(status)) => Some(status.message().to_owned()),
            None => Some("ended without a status".to_owned()),
        };
        if let Some(how) = how
            && let Some(asked) = self.asked.take()
        {
            asked.ended(how);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
