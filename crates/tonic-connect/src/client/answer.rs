//! What comes back from a call of one message each way, whichever protocol brought it.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use super::frames::{prefix, too_large};
use crate::error::{self, grpc_trailers};

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

/// An error has one set of metadata: here that of the headers, and of the error's own.
pub(super) fn joined(leading: HeaderMap, mut status: Status) -> Status {
    let own = std::mem::take(status.metadata_mut()).into_headers();
    *status.metadata_mut() = MetadataMap::from_headers(error::joined(leading, &own));
    status
}
