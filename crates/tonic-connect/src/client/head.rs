//! The head of a response: whether it is one of the protocol at all, and errors that fit into it.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::error::{code_from_http_status, grpc_trailers};

/// Demands HTTP status 200 and one of the content types `expected`. Some other server than one of the protocol (a proxy,
/// a login page) is known by its HTTP status, for which Connect and gRPC have the same table.
pub(super) fn check(
    status: StatusCode,
    headers: &HeaderMap,
    families: &[&str],
    expected: &[&str],
) -> Result<(), Status> {
    if status == StatusCode::OK {
        return check_content_type(headers, families, expected);
    }
    Err(Status::new(
        code_from_http_status(status),
        format!("the server answered HTTP status {status}"),
    ))
}

/// Demands one of the content types `expected`: another one of the `families` (`application/connect+`) is an answer to
/// some other request, `internal`; anything else was no answer of the protocol, `unknown`.
pub(super) fn check_content_type(
    headers: &HeaderMap,
    families: &[&str],
    expected: &[&str],
) -> Result<(), Status> {
    let actual = content_type(headers);
    if expected
        .iter()
        .any(|expected| actual.eq_ignore_ascii_case(expected))
    {
        return Ok(());
    }
    let in_family = families.iter().any(|family| {
        actual
            .get(..family.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(family))
    });
    let code = if in_family {
        Code::Internal
    } else {
        Code::Unknown
    };
    Err(Status::new(
        code,
        format!(
            "the server answered with content type {actual:?} instead of {:?}",
            expected.first().copied().unwrap_or_default()
        ),
    ))
}

/// The content type without its parameters; empty when there is none.
pub(super) fn content_type(headers: &HeaderMap) -> &str {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// The response that tells tonic's client that the server ended the call with `status`.
pub(super) fn trailers_only(status: &Status) -> http::Response<Body> {
    let mut response = http::Response::new(Body::empty());
    *response.headers_mut() = grpc_trailers(Err(status));
    response
}
