//! The client half: a [`Channel`] that goes under any client that tonic generated, and speaks Connect, gRPC or gRPC-Web;
//! and [`Client`], which our own generated clients stand on, with a choice of codec.
//!
//! tonic's client encodes messages, frames them and hands the bytes down as a gRPC request; it takes a gRPC response
//! back. The channel translates between that and the wire: `connect` takes the frame off a unary call and puts it on
//! again, and turns Connect's errors and end-stream messages into gRPC trailers; `grpc` does the same for the trailers
//! of gRPC-Web. So the protocol is a property of the channel, and neither the generated client nor the types know it.
//! The codec is a property of the client, which tells the channel in the request's extensions. Our own client makes calls
//! of one message each way (`answer`) without that detour.
//!
//! What the protocols share stands outside their files: what a call carries (`call`, and what `interceptor` adds to it),
//! what carries the requests (`transport`: the `pool` of connections, how one is made in `connector` and kept in `kept`,
//! and its use for one exchange in `lease`, by `http1` or `http2`), what a failure of it means (`failure`), the body of a
//! request (`request`) and of a response (`body`), message boundaries and size limits (`frames`), the deadline
//! (`deadline`).

mod answer;
mod base_url;
mod body;
mod builder;
mod call;
mod channel;
mod channel_error;
mod codec;
mod connect;
mod connector;
mod deadline;
mod download;
mod encoding;
mod failure;
mod frames;
mod grpc;
mod head;
mod http1;
mod http2;
mod interceptor;
mod kept;
mod lease;
mod pool;
mod request;
mod tls;
mod token;
mod transport;
mod typed;

pub use builder::Builder;
pub use channel::Channel;
pub use channel_error::ChannelError;
pub use download::Download;
pub use encoding::Encoding;
pub use typed::Client;

/// What a [`Channel`] speaks on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// [Connect](https://connectrpc.com/docs/protocol): plain HTTP, through any proxy. Over HTTP/1.1 a bidirectional
    /// stream is half duplex: the server answers after the last request.
    #[default]
    Connect,
    /// gRPC: HTTP/2 only, with prior knowledge where there is no TLS.
    Grpc,
    /// gRPC-Web: gRPC for servers behind proxies that pass neither HTTP/2 nor trailers on.
    GrpcWeb,
}

/// Which HTTP a [`Channel`] uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpVersion {
    /// With TLS, HTTP/2 where the server takes it, else HTTP/1.1; without, HTTP/1.1. For gRPC, HTTP/2 in any case.
    #[default]
    Auto,
    /// HTTP/1.1, also where the server would take HTTP/2.
    Http1,
    /// HTTP/2: negotiated by TLS, or with prior knowledge ("h2c") where there is none.
    Http2,
}
