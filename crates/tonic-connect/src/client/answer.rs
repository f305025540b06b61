//! What comes back from a call of one message each way, whichever protocol brought it.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use super::frames::{prefix, too_large};
use crate::error::grpc_trailers;

/// A message with the metadata around it, of which only what belongs to the application is left.
pub(super) struct Answer {
    pub(super) leading: HeaderMap,
    pub(super) message: Bytes,
    pub(super) trailing: HeaderMap,
}

impl Answer {
    /// The same as a response of gRPC, which is what tonic's client reads.
    ///
    /// # Errors
    /// `resource_exhausted` for a message beyond the 4 GiB that a frame can have.
    pub(super) fn into_grpc(self) -> Result<http::Response<Body>, Status> {
        let length = self.message.len();
        let length = u32::try_from(length).map_err(|_| too_large(length, u32::MAX as usize))?;
        let trailers = grpc_trailers(Ok(&MetadataMap::from_headers(self.trailing)));
        let frames = [
            Frame::data(Bytes::copy_from_slice(&prefix(0, length))),
            Frame::data(self.message),
            Frame::trailers(trailers),
        ];
        let frames = futures_util::stream::iter(frames.map(Ok::<_, Status>));
        let mut response = http::Response::new(Body::new(StreamBody::new(frames)));
        *response.headers_mut() = self.leading;
        Ok(response)
    }
}

/// An error has one set of metadata: that of the headers, and its own.
pub(super) fn joined(mut leading: HeaderMap, mut status: Status) -> Status {
    append(&mut leading, status.metadata().as_ref());
    *status.metadata_mut() = MetadataMap::from_headers(leading);
    status
}

/// Adds all of `more`, also under names that are there.
pub(super) fn append(headers: &mut HeaderMap, more: &HeaderMap) {
    for (name, value) in more {
        // Refused only beyond 32,768 entries, which no peer can send in one head.
        let _ = headers.try_append(name, value.clone());
    }
}
