//! Error details: typed messages that travel beside a status' code and text.
//!
//! Every protocol carries them as an encoded `google.rpc.Status`, and so does [`tonic::Status::details`]. The messages
//! here are the few of `google.rpc` that this stack reads or writes itself, declared by hand so that no schema has to
//! be compiled for them; any other message goes into an [`Any`] of its own.

use std::sync::Once;

use bytes::Bytes;
use pbjson_wkt::{AnyType, register};
use prost::Message;
use serde::{Deserialize, Serialize};
use tonic::{Code, Status};

pub use pbjson_wkt::Any;

/// `google.rpc.Status`, the message that holds the details on the wire.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Any>,
}

/// `google.rpc.BadRequest`: which fields of a request are wrong, and how.
#[derive(Clone, PartialEq, Eq, Hash, Message, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct BadRequest {
    /// Every violation that was found.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty", alias = "field_violations")]
    pub field_violations: Vec<FieldViolation>,
}

impl prost::Name for BadRequest {
    const PACKAGE: &'static str = "google.rpc";
    const NAME: &'static str = "BadRequest";
}

/// `google.rpc.BadRequest.FieldViolation`: one field that is wrong.
#[derive(Clone, PartialEq, Eq, Hash, Message, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldViolation {
    /// The path of the field from the request, dots between the names: `spec.timeout`.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// What is wrong with it, and what would be right.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// Makes these messages known to the JSON of [`Any`], once.
pub(crate) fn register_json_types() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| register(&[AnyType::new::<BadRequest>("google.rpc.BadRequest")]));
}

/// A status with details.
///
/// ```
/// use tonic_connect::details::{self, Any, BadRequest};
///
/// let detail = Any::pack(&BadRequest::default());
/// let status = details::status(tonic::Code::NotFound, "no such project", [detail.clone()]);
/// assert_eq!(details::of(&status), [detail]);
/// ```
pub fn status(
    code: Code,
    message: impl Into<String>,
    details: impl IntoIterator<Item = Any>,
) -> Status {
    let rpc = RpcStatus {
        code: code as i32,
        message: message.into(),
        details: details.into_iter().collect(),
    };
    let encoded = if rpc.details.is_empty() {
        Bytes::new()
    } else {
        rpc.encode_to_vec().into()
    };
    Status::with_details(code, rpc.message, encoded)
}

/// The details of `status`; none when there are none, or when their bytes are not a `google.rpc.Status`.
pub fn of(status: &Status) -> Vec<Any> {
    RpcStatus::decode(status.details())
        .map(|rpc| rpc.details)
        .unwrap_or_default()
}

/// `invalid_argument` for the fields that are wrong, each as `(field, description)`: in words in the message, and as
/// [`BadRequest`] in the details for programs.
///
/// ```
/// use tonic_connect::details::{self, BadRequest};
///
/// let status = details::bad_request([("spec.timeout", "299s is below the minimum of 300s")]);
/// assert_eq!(status.message(), "spec.timeout: 299s is below the minimum of 300s");
/// let detail: BadRequest = details::of(&status)[0].unpack()?;
/// assert_eq!(detail.field_violations[0].field, "spec.timeout");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn bad_request<F: Into<String>, D: Into<String>>(
    violations: impl IntoIterator<Item = (F, D)>,
) -> Status {
    let field_violations: Vec<_> = violations
        .into_iter()
        .map(|(field, description)| FieldViolation {
            field: field.into(),
            description: description.into(),
        })
        .collect();
    let message = field_violations
        .iter()
        .map(|violation| format!("{}: {}", violation.field, violation.description))
        .collect::<Vec<_>>()
        .join("; ");
    status(
        Code::InvalidArgument,
        message,
        [Any::pack(&BadRequest { field_violations })],
    )
}
