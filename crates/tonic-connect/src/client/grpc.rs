//! gRPC: the bytes of tonic's client as they are, with what its transport would add and what its reader does not check.
//!
//! tonic's client takes a response of any HTTP status and content type for frames, has deadlines only until the headers,
//! and panics on a `grpc-status-details-bin` that is not base64. So the head is checked here, trailers are read and
//! written anew, and the deadline covers the body.

use bytes::Bytes;
use http::{HeaderMap, Version};
use tonic::Status;
use tonic::body::Body;

use super::body::{End, ResponseBody};
use super::channel::Call;
use super::frames::Frames;
use super::head;
use crate::error::{GRPC_STATUS_DETAILS, grpc_trailers, parse_grpc_trailers};
use crate::timeout;

pub(super) async fn call(mut call: Call, body: Body) -> Result<http::Response<Body>, Status> {
    if let Some(timeout) = call.timeout {
        call.set_header(timeout::GRPC_TIMEOUT, timeout::format_grpc(timeout));
    }
    let limit = call.max_response_bytes();
    let (response, deadline) = call.send(Version::HTTP_2, body).await?;
    let (mut head, incoming) = response.into_parts();
    if let Some(Err(status)) = parse_grpc_trailers(&head.headers) {
        return Ok(head::trailers_only(&status));
    }
    head.headers.remove(GRPC_STATUS_DETAILS);
    let expected = match head::content_type(&head.headers) {
        "application/grpc+proto" => "application/grpc+proto",
        _ => "application/grpc",
    };
    head::check(head.status, &head.headers, "application/grpc", expected)?;
    let body = ResponseBody::new(incoming, Frames::new(0, limit), deadline, Trailers(None));
    Ok(http::Response::from_parts(head, Body::new(body)))
}

/// gRPC ends with HTTP trailers.
struct Trailers(Option<HeaderMap>);

impl End for Trailers {
    fn message(&mut self, _: u8, _: Bytes) -> Result<(), Status> {
        Ok(())
    }

    fn trailers(&mut self, mut trailers: HeaderMap) {
        self.0 = Some(match parse_grpc_trailers(&trailers) {
            Some(result) => grpc_trailers(result.as_ref()),
            None => {
                trailers.remove(GRPC_STATUS_DETAILS);
                trailers
            }
        });
    }

    fn has_come(&self) -> bool {
        self.0.is_some()
    }

    fn finish(&mut self, truncated: bool) -> Result<Option<HeaderMap>, Status> {
        match self.0.take() {
            // The server's own error says more than the half message before it.
            Some(trailers) if matches!(parse_grpc_trailers(&trailers), Some(Err(_))) => {
                Ok(Some(trailers))
            }
            _ if truncated => Err(Status::internal(
                "the response ended in the midst of a message",
            )),
            // Without trailers, tonic's client reports that they are missing.
            trailers => Ok(trailers),
        }
    }
}
