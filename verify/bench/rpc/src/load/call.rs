//! What is sent: the bytes of a request, the same to every contestant.

use bench_rpc::{path, response, v1};
use prost::Message as _;

/// Messages in one stream: enough that the call around them costs nothing.
pub(crate) const STREAMED: u32 = 10_000;

/// A protocol with a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    ConnectJson,
    ConnectProto,
    Grpc,
}

/// The version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    /// HTTP/1.1.
    One,
    /// HTTP/2 with prior knowledge.
    Two,
}

/// What kind of method is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unary,
    ServerStream,
    ClientStream,
}

/// One way to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) wire: Wire,
    pub(crate) http: Http,
    pub(crate) kind: Kind,
}

impl Call {
    pub(crate) const fn unary(wire: Wire, http: Http) -> Self {
        let kind = Kind::Unary;
        Self { wire, http, kind }
    }

    pub(crate) const fn grpc(kind: Kind) -> Self {
        let (wire, http) = (Wire::Grpc, Http::Two);
        Self { wire, http, kind }
    }

    pub(crate) fn path(self) -> &'static str {
        match self.kind {
            Kind::Unary => path::UNARY,
            Kind::ServerStream => path::SERVER_STREAM,
            Kind::ClientStream => path::CLIENT_STREAM,
        }
    }

    /// The headers that the protocol asks for, and the user agent that every client sends.
    pub(crate) fn headers(self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("user-agent", "bench/1".to_owned())];
        match self.wire {
            Wire::Grpc => {
                headers.push(("content-type", "application/grpc".to_owned()));
                headers.push(("te", "trailers".to_owned()));
                return headers;
            }
            Wire::ConnectJson => headers.push(("content-type", "application/json".to_owned())),
            Wire::ConnectProto => headers.push(("content-type", "application/proto".to_owned())),
        }
        headers.push(("connect-protocol-version", "1".to_owned()));
        headers.push(("content-length", self.body().len().to_string()));
        headers
    }

    /// The whole body of the request.
    pub(crate) fn body(self) -> Vec<u8> {
        let prebuild_id = bench_rpc::text::PREBUILD.to_owned();
        let request = v1::GetPrebuildRequest {
            prebuild_id: prebuild_id.clone(),
        };
        match (self.kind, self.wire) {
            (Kind::Unary, Wire::ConnectJson) => {
                format!(r#"{{"prebuildId":"{prebuild_id}"}}"#).into_bytes()
            }
            (Kind::Unary, Wire::ConnectProto) => request.encode_to_vec(),
            (Kind::Unary, Wire::Grpc) => envelope(&request),
            (Kind::ServerStream, _) => envelope(&v1::WatchPrebuildRequest {
                prebuild_id,
                count: STREAMED,
            }),
            (Kind::ClientStream, _) => envelope(&response()).repeat(STREAMED as usize),
        }
    }

    /// Whether `body` is the right answer to the whole call.
    pub(crate) fn check(self, body: &[u8]) -> Result<(), String> {
        let message = match (self.kind, self.wire) {
            (Kind::Unary, Wire::ConnectJson) => {
                serde_json::from_slice(body).map_err(|error| error.to_string())?
            }
            (Kind::Unary, Wire::ConnectProto) => {
                v1::GetPrebuildResponse::decode(body).map_err(|error| error.to_string())?
            }
            // hyper's canned body has no envelope and is not asked for over gRPC.
            (Kind::Unary, Wire::Grpc) => {
                v1::GetPrebuildResponse::decode(body.get(5..).unwrap_or_default())
                    .map_err(|error| error.to_string())?
            }
            (Kind::ServerStream, _) => {
                let whole = envelope(&response()).len() * STREAMED as usize;
                return (body.len() == whole)
                    .then_some(())
                    .ok_or_else(|| format!("{} bytes instead of {whole}", body.len()));
            }
            (Kind::ClientStream, _) => {
                let counted = envelope(&v1::PushPrebuildsResponse { count: STREAMED });
                return (body == counted)
                    .then_some(())
                    .ok_or_else(|| format!("{body:?} instead of {counted:?}"));
            }
        };
        (message == response())
            .then_some(())
            .ok_or_else(|| format!("another message: {message:?}"))
    }
}

/// The bytes of one message in a stream.
pub(crate) fn envelope(message: &impl prost::Message) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend((message.encoded_len() as u32).to_be_bytes());
    bytes.extend(message.encode_to_vec());
    bytes
}
