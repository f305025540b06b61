//! Errors as Connect writes them: a JSON object with an HTTP status for unary calls, the end-stream message for streams.
//! <https://connectrpc.com/docs/protocol#error-codes>, <https://connectrpc.com/docs/protocol#error-end-stream>

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD_NO_PAD};
use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::{error_code, is_reserved, sendable};
use crate::details::{self, Any};

/// Connect writes base64 without padding and asks readers to take both.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Serialize, Deserialize)]
struct ErrorJson {
    #[serde(default)]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "readable"
    )]
    details: Vec<DetailJson>,
}

#[derive(Serialize, Deserialize)]
struct DetailJson {
    r#type: String,
    value: String,
    /// The message as people read it, where its type is known.
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    debug: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct EndStreamJson {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<BTreeMap<String, Vec<String>>>,
}

impl ErrorJson {
    fn new(status: &Status) -> Self {
        let details = details::of(status)
            .iter()
            .map(|any| DetailJson {
                r#type: any.type_name().to_owned(),
                value: STANDARD_NO_PAD.encode(&any.value),
                debug: debug(any),
            })
            .collect();
        Self {
            code: Some(code_name(error_code(status.code())).to_owned()),
            message: (!status.message().is_empty()).then(|| status.message().to_owned()),
            details,
        }
    }

    /// The status that this error describes, with `fallback` for a code that is missing or that Connect does not have.
    /// A detail that cannot be read is left out: the code and the message are worth more than it.
    fn into_status(self, fallback: Code) -> Status {
        let code = self
            .code
            .as_deref()
            .and_then(code_from_name)
            .unwrap_or(fallback);
        let details = self.details.into_iter().filter_map(|detail| {
            let value = LENIENT.decode(detail.value).ok()?;
            Some(Any {
                type_url: format!("type.googleapis.com/{}", detail.r#type),
                value,
            })
        });
        details::status(code, self.message.unwrap_or_default(), details)
    }
}

/// The details that are details.
fn readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<DetailJson>, D::Error> {
    let Value::Array(details) = Value::deserialize(deserializer)? else {
        return Ok(Vec::new());
    };
    let details = details.into_iter();
    Ok(details
        .filter_map(|detail| serde_json::from_value(detail).ok())
        .collect())
}

/// The message in JSON, if its type has been registered: what `google.protobuf.Any` prints, without the type.
fn debug(any: &Any) -> Option<Value> {
    details::register_json_types();
    let Ok(Value::Object(mut json)) = serde_json::to_value(any) else {
        return None;
    };
    json.remove("@type")?;
    // Well-known types whose JSON is no object.
    match json.len() == 1 && any.type_name().starts_with("google.protobuf.") {
        true => json.remove("value"),
        false => Some(Value::Object(json)),
    }
}

/// The body of a unary call's error response.
pub(crate) fn connect_error_body(status: &Status) -> Bytes {
    to_json(&ErrorJson::new(status))
}

/// The HTTP status of a unary call's error response.
pub(crate) fn connect_http_status(code: Code) -> StatusCode {
    match code {
        // Not in the `http` crate's table, but a valid number.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// The last message of a stream: the error, if there is one, and the trailers (of both the status and `metadata`).
pub(crate) fn connect_end_stream(status: Option<&Status>, metadata: &MetadataMap) -> Bytes {
    let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in status
        .map(Status::metadata)
        .into_iter()
        .chain([metadata])
        .flat_map(sendable)
    {
        // JSON is text: a value in another encoding has no form here.
        if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
            entries
                .entry(name.as_str().to_owned())
                .or_default()
                .push(value.to_owned());
        }
    }
    to_json(&EndStreamJson {
        error: status.map(ErrorJson::new),
        metadata: (!entries.is_empty()).then_some(entries),
    })
}

/// Reads a unary call's error response. Whatever else than Connect's JSON answers (a proxy, a wrong address) becomes
/// the code that the specification gives its HTTP status, and a message that shows where the answer came from.
pub(crate) fn parse_connect_error(http: StatusCode, body: &[u8]) -> Status {
    let fallback = code_from_http_status(http);
    match from_json_object::<ErrorJson>(body) {
        Ok(error) if error.code.is_some() || error.message.is_some() => error.into_status(fallback),
        _ => Status::new(
            fallback,
            format!("the server answered HTTP status {http} without a Connect error"),
        ),
    }
}

/// What the last message of a stream said.
#[derive(Debug)]
pub(crate) struct EndStream {
    /// The error that ended the stream; without one it went well.
    pub(crate) status: Option<Status>,
    /// The trailers.
    pub(crate) metadata: MetadataMap,
}

/// Reads the last message of a stream; `internal` when it is not what Connect defines.
pub(crate) fn parse_connect_end_stream(body: &[u8]) -> Result<EndStream, Status> {
    let json: EndStreamJson = from_json_object(body).map_err(|error| {
        Status::internal(format!(
            "the stream ended with a message that is not Connect's: {error}"
        ))
    })?;
    let mut metadata = MetadataMap::new();
    for (name, values) in json.metadata.unwrap_or_default() {
        let Ok(name) = HeaderName::try_from(name) else {
            continue;
        };
        if is_reserved(&name) {
            continue;
        }
        for value in values {
            if let Ok(value) = HeaderValue::try_from(value) {
                // Refused only beyond 32,768 entries: the rest is dropped.
                let _ = metadata.as_mut().try_append(name.clone(), value);
            }
        }
    }
    Ok(EndStream {
        status: json.error.map(|error| error.into_status(Code::Unknown)),
        metadata,
    })
}

/// The code of an answer that says nothing but its HTTP status; gRPC has the same table.
/// <https://connectrpc.com/docs/protocol#http-to-error-code>
pub(crate) fn code_from_http_status(http: StatusCode) -> Code {
    match http.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

const CODE_NAMES: [(Code, &str); 16] = [
    (Code::Cancelled, "canceled"),
    (Code::Unknown, "unknown"),
    (Code::InvalidArgument, "invalid_argument"),
    (Code::DeadlineExceeded, "deadline_exceeded"),
    (Code::NotFound, "not_found"),
    (Code::AlreadyExists, "already_exists"),
    (Code::PermissionDenied, "permission_denied"),
    (Code::ResourceExhausted, "resource_exhausted"),
    (Code::FailedPrecondition, "failed_precondition"),
    (Code::Aborted, "aborted"),
    (Code::OutOfRange, "out_of_range"),
    (Code::Unimplemented, "unimplemented"),
    (Code::Internal, "internal"),
    (Code::Unavailable, "unavailable"),
    (Code::DataLoss, "data_loss"),
    (Code::Unauthenticated, "unauthenticated"),
];

fn code_name(code: Code) -> &'static str {
    CODE_NAMES
        .iter()
        .find(|(candidate, _)| *candidate == code)
        .map_or("unknown", |(_, name)| name)
}

fn code_from_name(name: &str) -> Option<Code> {
    CODE_NAMES
        .iter()
        .find(|(_, candidate)| *candidate == name)
        .map(|(code, _)| *code)
}

/// Reads a JSON object. (serde would also take an array for a struct, field by field.)
fn from_json_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, serde_json::Error> {
    let begin = body
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .unwrap_or(body.len());
    if body.get(begin) == Some(&b'[') {
        return Err(serde::de::Error::custom("an array where an object belongs"));
    }
    serde_json::from_slice(body)
}

fn to_json(value: &impl Serialize) -> Bytes {
    // Strings, lists and maps with string keys always have a JSON form.
    serde_json::to_vec(value)
        .map(Bytes::from)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
