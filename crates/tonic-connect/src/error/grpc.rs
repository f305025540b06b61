//! Errors as gRPC writes them: trailers, or headers when there is no message at all.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses>

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD_NO_PAD};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::{append_sendable, error_code, is_reserved};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub(crate) const GRPC_STATUS_DETAILS: HeaderName =
    HeaderName::from_static("grpc-status-details-bin");

/// What `grpc-message` encodes: all but printable ASCII, and the percent sign.
const MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

/// gRPC asks readers to take base64 with and without padding, and some writers leave stray bits.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The trailers of a call that went well (its metadata) or did not (its status, with the status' own metadata).
pub(crate) fn grpc_trailers(result: Result<&MetadataMap, &Status>) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let status = match result {
        Ok(metadata) => {
            trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
            append_sendable(&mut trailers, metadata);
            return trailers;
        }
        Err(status) => status,
    };
    trailers.insert(
        GRPC_STATUS,
        HeaderValue::from(error_code(status.code()) as i32),
    );
    if !status.message().is_empty()
        && let Ok(message) =
            HeaderValue::try_from(utf8_percent_encode(status.message(), MESSAGE).to_string())
    {
        trailers.insert(GRPC_MESSAGE, message);
    }
    if !status.details().is_empty()
        && let Ok(details) = HeaderValue::try_from(STANDARD_NO_PAD.encode(status.details()))
    {
        trailers.insert(GRPC_STATUS_DETAILS, details);
    }
    append_sendable(&mut trailers, status.metadata());
    trailers
}

/// Reads trailers: `None` when they carry no `grpc-status`, else how the call ended and its metadata.
///
/// A message that is not UTF-8 is shown with replacement characters, details that are not base64 are left out: the
/// specification forbids to lose the code for them. (tonic's own reader panics on such details.)
pub(crate) fn parse_grpc_trailers(trailers: &HeaderMap) -> Option<Result<MetadataMap, Status>> {
    let code = Code::from_bytes(trailers.get(GRPC_STATUS)?.as_bytes());
    let mut metadata = HeaderMap::new();
    for (name, value) in trailers.iter().filter(|(name, _)| !is_reserved(name)) {
        metadata.append(name, value.clone());
    }
    let metadata = MetadataMap::from_headers(metadata);
    if code == Code::Ok {
        return Some(Ok(metadata));
    }
    let message = trailers
        .get(GRPC_MESSAGE)
        .map_or_else(String::new, |value| {
            percent_decode(value.as_bytes())
                .decode_utf8_lossy()
                .into_owned()
        });
    let details = trailers
        .get(GRPC_STATUS_DETAILS)
        .and_then(|value| LENIENT.decode(value.as_bytes()).ok());
    let details = details.map(Bytes::from).unwrap_or_default();
    Some(Err(Status::with_details_and_metadata(
        code, message, details, metadata,
    )))
}

#[cfg(test)]
mod tests;
