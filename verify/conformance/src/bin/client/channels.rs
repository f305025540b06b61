//! The channel for a test case: the same for all cases of equal terms.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tonic_connect::{Channel, ChannelError, Encoding, HttpVersion, Protocol};
use verify_conformance::v1;

type Terms = (
    v1::HttpVersion,
    v1::Protocol,
    v1::Compression,
    u32,
    u32,
    bool,
);

#[derive(Default)]
pub(crate) struct Channels(Mutex<HashMap<Terms, Channel>>);

impl Channels {
    pub(crate) fn get(&self, request: &v1::ClientCompatRequest) -> Result<Channel, ChannelError> {
        let terms = (
            request.http_version(),
            request.protocol(),
            request.compression(),
            request.port,
            request.message_receive_limit,
            request.client_tls_creds.is_some(),
        );
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(&terms) {
            return Ok(channel.clone());
        }
        let channel = build(request)?;
        channels.insert(terms, channel.clone());
        Ok(channel)
    }
}

fn build(request: &v1::ClientCompatRequest) -> Result<Channel, ChannelError> {
    let scheme = match request.server_tls_cert.is_empty() {
        true => "http",
        false => "https",
    };
    let encoding = match request.compression() {
        v1::Compression::Gzip => Some(Encoding::Gzip),
        v1::Compression::Zstd => Some(Encoding::Zstd),
        v1::Compression::Br => Some(Encoding::Brotli),
        v1::Compression::Deflate => Some(Encoding::Deflate),
        _ => None,
    };
    let mut builder =
        Channel::builder(format_args!("{scheme}://{}:{}", request.host, request.port))
            .protocol(match request.protocol() {
                v1::Protocol::Grpc => Protocol::Grpc,
                v1::Protocol::GrpcWeb => Protocol::GrpcWeb,
                _ => Protocol::Connect,
            })
            .http_version(match request.http_version() {
                v1::HttpVersion::HttpVersion1 => HttpVersion::Http1,
                _ => HttpVersion::Http2,
            })
            .accept_compressed(encoding)
            .compress_min_bytes(0);
    if let Some(encoding) = encoding {
        builder = builder.send_compressed(encoding);
    }
    if !request.server_tls_cert.is_empty() {
        builder = builder.ca_certificates(request.server_tls_cert.clone());
    }
    if let Some(credentials) = &request.client_tls_creds {
        builder = builder.client_certificate(credentials.cert.clone(), credentials.key.clone());
    }
    if request.message_receive_limit > 0 {
        builder = builder.max_response_bytes(request.message_receive_limit as usize);
    }
    builder.build()
}
