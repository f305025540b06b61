//! One call on its way: what it carries beside its messages, and how it is sent.

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Version};
use std::time::Duration;
use tonic::Status;
use tonic::body::Body;

use super::channel::Channel;
use super::deadline::Deadline;
use super::request::{self, Cancel, Packing};
use super::transport::Incoming;
use crate::codec::Codec;
use crate::compression::Compression;
use crate::error::application;
use crate::schema::{Method, MethodKind};

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// What our generated client says of a call that tonic's cannot; it travels in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallOptions {
    pub(super) method: &'static Method,
    pub(super) codec: Codec,
    /// Whether a method without side effects is to be called by GET.
    pub(super) get: bool,
}

/// One call, before it is sent.
pub(super) struct Call {
    pub(super) channel: Channel,
    /// The path of the method.
    pub(super) path: http::Uri,
    /// What the schema says of the method, if that is known.
    pub(super) method: Option<&'static Method>,
    pub(super) codec: Codec,
    pub(super) get: bool,
    /// The metadata, and what the protocol adds.
    pub(super) headers: HeaderMap,
    pub(super) timeout: Option<Duration>,
    pub(super) deadline: Deadline,
    /// How the frames of the request are compressed already, if tonic's client did so.
    packed: Option<HeaderValue>,
}

impl Call {
    /// Takes out of the headers that tonic's client made what is gRPC's, and what the caller's metadata may not set.
    pub(super) fn new(
        channel: Channel,
        path: http::Uri,
        mut headers: HeaderMap,
        options: Option<CallOptions>,
        timeout: Option<Duration>,
    ) -> Self {
        let known = || channel.shared().method(path.path());
        let method = options.map(|options| options.method).or_else(known);
        // Our own clients leave it to the channel: there it can only be metadata, which has no say in it.
        let packed = headers.remove(GRPC_ENCODING);
        let packed = packed.filter(|_| options.is_none());
        Self {
            channel,
            path,
            method,
            codec: options.map_or(Codec::Proto, |options| options.codec),
            get: options.is_some_and(|options| options.get),
            headers: application(headers),
            timeout,
            deadline: Deadline::start(timeout),
            packed,
        }
    }

    pub(super) fn max_response_bytes(&self) -> usize {
        self.channel.shared().max_response_bytes
    }

    /// The most bytes of the URL of a GET.
    pub(super) fn max_url_bytes(&self) -> usize {
        self.channel.shared().max_url_bytes
    }

    /// The URL of the method.
    pub(super) fn url(&self) -> Result<http::Uri, Status> {
        self.channel.shared().uri(&self.path)
    }

    pub(super) fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// Names the encodings that a response may have, if there are any.
    pub(super) fn accept(&mut self, name: HeaderName) {
        if let Some(accepted) = &self.channel.shared().accepted_header {
            self.headers.insert(name, accepted.clone());
        }
    }

    /// Names the encoding of the request's messages, if they have one.
    pub(super) fn name_encoding(&mut self, name: HeaderName) {
        let own = self.channel.shared().packing.compression.header_value();
        if let Some(value) = self.packed.clone().or(own) {
            self.headers.insert(name, value);
        }
    }

    /// How the messages of the request are still to be compressed.
    pub(super) fn packing(&self) -> Packing {
        match self.packed {
            None => self.channel.shared().packing,
            Some(_) => Packing {
                compression: Compression::Identity,
                min_bytes: 0,
            },
        }
    }

    /// The name of the encoding that tonic's client used.
    pub(super) fn packed(&self) -> Option<HeaderValue> {
        self.packed.clone()
    }

    /// Whether the response is to have exactly one message.
    pub(super) fn answers_once(&self) -> bool {
        self.method.is_some_and(|method| {
            matches!(method.kind, MethodKind::Unary | MethodKind::ClientStreaming)
        })
    }

    /// The body of a request that keeps its frames: in one piece if it is one message, else as it comes.
    pub(super) async fn frames(&mut self, body: Body) -> Result<(Body, Option<Cancel>), Status> {
        let packing = self.packing();
        let sends_once = self.method.is_some_and(|method| {
            matches!(method.kind, MethodKind::Unary | MethodKind::ServerStreaming)
        });
        if sends_once {
            let frames = self.deadline.cover(request::collect(body)).await?;
            return Ok((request::whole(frames, packing)?, None));
        }
        let (body, cancel) = request::stream(body, packing);
        Ok((body, Some(cancel)))
    }

    /// The encoding that a response names under `name`.
    ///
    /// # Errors
    /// `internal` for one that was not asked for.
    pub(super) fn encoding_of(
        &self,
        headers: &HeaderMap,
        name: &HeaderName,
    ) -> Result<Compression, Status> {
        let Some(value) = headers.get(name) else {
            return Ok(Compression::Identity);
        };
        let accepted = &self.channel.shared().accepted;
        match Compression::from_header(Some(value)) {
            Ok(compression)
                if compression == Compression::Identity || accepted.contains(&compression) =>
            {
                Ok(compression)
            }
            _ => Err(Status::internal(format!(
                "the response is compressed ({value:?}), which the client did not ask for"
            ))),
        }
    }

    /// Sends the request to `url` and awaits the head of the response within the deadline.
    pub(super) async fn send(
        &mut self,
        method: http::Method,
        url: http::Uri,
        version: Version,
        body: Body,
    ) -> Result<http::Response<Incoming>, Status> {
        let mut request = http::Request::new(body);
        *request.method_mut() = method;
        *request.version_mut() = version;
        *request.uri_mut() = url;
        *request.headers_mut() = std::mem::take(&mut self.headers);
        let shared = self.channel.shared();
        self.deadline.cover(shared.transport.send(request)).await
    }
}
