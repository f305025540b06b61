//! The way of one call, the same for every protocol: negotiated terms, the request's message, the response's message.

use std::marker::PhantomData;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Version, request};
use tokio::time::Instant;
use tonic::Status;
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;

use super::body::Body;
use super::collect::Collect;
use super::headers::{Known, Names};
use super::negotiate::negotiate;
use super::options::Options;
use super::protocol::{Terms, Wire};
use super::requests;
use super::{BoxError, Timeout};
use crate::codecs::{Codecs, Reads};
use crate::compression::Compression;
use crate::schema::Method;

/// A call whose headers have been found right.
pub(super) struct Call<C> {
    codecs: PhantomData<C>,
    pub(super) wire: &'static Wire,
    pub(super) options: Options,
    pub(super) deadline: Option<Instant>,
    terms: Terms,
    // The protocol's own headers.
    reserved: Names,
    // Whether it came over HTTP/1.1 or older.
    http1: bool,
    headers: HeaderMap,
    extensions: Extensions,
}

/// What was found in the headers of a request.
struct Found {
    wire: &'static Wire,
    terms: Terms,
    reserved: Names,
}

/// Negotiates; a response instead is the whole answer.
fn find(
    method: &Method,
    json: bool,
    head: &request::Parts,
) -> Result<Found, Box<http::Response<Body>>> {
    let known = Known::of(&head.headers);
    let (wire, terms) = negotiate(method, json, head, &known)
        .map_err(|refusal| Box::new(refusal.into_response()))?;
    let reserved = known.names().and(wire.protocol.reserved());
    let terms = terms.map_err(|status| Box::new(wire.protocol.failure(wire, &status)))?;
    Ok(Found {
        wire,
        terms,
        reserved,
    })
}

impl<C: Codecs> Call<C> {
    /// Negotiates; a response instead of a call is the whole answer.
    // So that a call is moved to where it will be and nowhere else on the way.
    #[inline(always)]
    pub(super) fn open(
        options: &Options,
        method: &Method,
        _: C,
        head: request::Parts,
    ) -> Result<Self, Box<http::Response<Body>>> {
        let Found {
            wire,
            terms,
            reserved,
        } = find(method, C::JSON, &head)?;
        let timeout = match (terms.timeout, options.max_deadline) {
            (Some(asked), Some(allowed)) => Some(asked.min(allowed)),
            (asked, allowed) => asked.or(allowed),
        };
        // A timeout past the end of time is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Ok(Self {
            codecs: PhantomData,
            wire,
            options: options.clone(),
            deadline,
            terms,
            reserved,
            http1: head.version <= Version::HTTP_11,
            headers: head.headers,
            extensions: head.extensions,
        })
    }

    /// Whether the call came over HTTP/1.1 or older.
    pub(super) fn is_http1(&self) -> bool {
        self.http1
    }

    /// How responses may be compressed.
    pub(super) fn offered(&self) -> Compression {
        self.terms.response
    }

    /// The messages of the request, as they come.
    pub(super) fn stream<Req, B>(&mut self, body: B) -> tonic::Request<Streaming<Req>>
    where
        Req: 'static,
        C: Reads<Req>,
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let limit = self.options.max_request_bytes;
        let messages = requests::messages::<_, C, _>(body, self.wire, self.terms.request, limit);
        self.request(messages)
    }

    /// Reads the whole request.
    #[inline(always)]
    pub(super) fn collect<B: http_body::Body>(&mut self, body: B) -> Collect<B> {
        let message = self.terms.message.take();
        let limit = self.options.max_request_bytes;
        Collect::new(self.wire, limit, &self.headers, message, body)
    }

    /// The one message of the request, whose body is `body`.
    pub(super) fn read<Req>(&mut self, body: Bytes) -> Result<tonic::Request<Req>, Status>
    where
        C: Reads<Req>,
    {
        let limit = self.options.max_request_bytes;
        let message = self
            .wire
            .protocol
            .message(body, self.terms.request, limit)?;
        let message = C::read(self.wire.codec, message)?;
        Ok(self.request(message))
    }

    /// What the handler gets, once: the metadata is what is not the protocol's own.
    fn request<T>(&mut self, message: T) -> tonic::Request<T> {
        let mut headers = std::mem::take(&mut self.headers);
        self.reserved.remove_from(&mut headers);
        let mut extensions = std::mem::take(&mut self.extensions);
        if let Some(timeout) = self.terms.timeout {
            extensions.insert(Timeout(timeout));
        }
        tonic::Request::from_parts(MetadataMap::from_headers(headers), extensions, message)
    }
}
