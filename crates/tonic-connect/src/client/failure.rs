//! What a failure of a connection, or of a service in its place, is as a status.

use std::error::Error;
use std::sync::Arc;

use tonic::{Code, Status};

use super::transport::BoxError;

/// No connection: the server may be back soon.
pub(super) fn connecting(error: BoxError, server: &str) -> Status {
    broken(error, || format!("cannot connect to {server}"))
}

/// A connection that broke before the response began.
pub(super) fn request(error: BoxError, server: &str) -> Status {
    broken(error, || {
        format!("the connection to {server} failed before it answered")
    })
}

/// A connection that broke before the response was complete.
pub(super) fn response(error: impl Into<BoxError>) -> Status {
    broken(error.into(), || {
        "the connection failed amid the response".to_owned()
    })
}

fn broken(error: BoxError, what: impl Fn() -> String) -> Status {
    let mut status = known_status(error.as_ref()).unwrap_or_else(|| {
        Status::unavailable(format!("{}: {}", what(), root_cause(error.as_ref())))
    });
    status.set_source(Arc::from(error));
    status
}

/// A service in the same process that did not answer.
pub(super) fn service(error: BoxError) -> Status {
    known_status(error.as_ref())
        .unwrap_or_else(|| Status::unavailable(format!("the service failed: {error}")))
}

/// What a cause says that is more than a broken connection: a status of the request's own, or the reason why the server
/// reset the stream, in the words of gRPC's table (which Connect has no other for).
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors>
fn known_status(error: &(dyn Error + 'static)) -> Option<Status> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(status) = error.downcast_ref::<Status>() {
            return Some(status.clone());
        }
        if let Some(reason) = error
            .downcast_ref::<h2::Error>()
            .filter(|error| error.is_reset())
            .and_then(h2::Error::reason)
        {
            let code = match reason {
                h2::Reason::CANCEL => Code::Cancelled,
                h2::Reason::REFUSED_STREAM => Code::Unavailable,
                h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
                h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
                h2::Reason::STREAM_CLOSED => Code::Unknown,
                _ => Code::Internal,
            };
            return Some(Status::new(code, format!("the stream was reset: {reason}")));
        }
        cause = error.source();
    }
    None
}

/// The innermost error has the words of the operating system or of TLS; what wraps it only names layers.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
