//! The client half: a [`Channel`] that goes under any client that tonic generated, and speaks Connect or gRPC.
//!
//! tonic's client encodes messages, frames them and hands the bytes down as a gRPC request; it takes a gRPC response
//! back. The channel translates between that and the wire: [`connect`](self) takes the frame off a unary call and puts
//! it on again, turns Connect's errors and end-stream messages into gRPC trailers, and names headers anew; gRPC passes
//! through. So the protocol is a property of the channel, and neither the generated client nor the types know it.
//!
//! What both protocols share stands outside their files: connections ([`connector`]), message boundaries and size
//! limits ([`frames`]), the deadline ([`deadline`]).

mod body;
mod builder;
mod channel;
mod connect;
mod connector;
mod deadline;
mod download;
mod frames;
mod grpc;
mod head;

pub use builder::{Builder, ChannelError};
pub use channel::Channel;
pub use download::Download;

/// What a [`Channel`] speaks on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// [Connect](https://connectrpc.com/docs/protocol): plain HTTP, through any proxy. HTTP/1.1, or HTTP/2 where TLS
    /// negotiates it.
    #[default]
    Connect,
    /// gRPC: HTTP/2 only, with prior knowledge where there is no TLS.
    Grpc,
}
