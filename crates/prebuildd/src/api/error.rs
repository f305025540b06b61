//! What the store's errors mean to a caller.

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::store::StoreError;

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => Self::not_found(error.to_string()),
            StoreError::AlreadyExists(_) => without_repeat(Self::already_exists(error.to_string())),
            StoreError::Conflict => Self::aborted(
                "someone else changed it at the same time: read it again, and repeat the change",
            ),
            StoreError::NotCancellable(_) | StoreError::RefusedUpdate(_) => {
                Self::failed_precondition(error.to_string())
            }
            StoreError::Unavailable(cause) => {
                tracing::error!(error = %cause, "the store is unavailable");
                Self::unavailable("the server's store is unavailable: try again later")
            }
            StoreError::NewerSchema { .. } | StoreError::Corrupt(_) => {
                tracing::error!(%error, "the store cannot be read");
                internal()
            }
        }
    }
}

/// `internal`; the cause stands in the server's log.
pub(crate) fn internal() -> Status {
    without_repeat(Status::new(
        Code::Internal,
        "the server failed: its log says why",
    ))
}

/// Tells clients that would call again by themselves that the answer will be the same.
pub(crate) fn without_repeat(mut status: Status) -> Status {
    let value = MetadataValue::from_static("false");
    status.metadata_mut().insert("x-should-retry", value);
    status
}

/// `invalid_argument` for one field.
pub(crate) fn invalid(field: impl Into<String>, description: impl Into<String>) -> Status {
    tonic_connect::details::bad_request([(field, description)])
}
