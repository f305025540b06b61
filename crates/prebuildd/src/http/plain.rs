//! Errors of the paths that are not calls: a status of HTTP, and a line of text.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::api::{Api, Caller, bearer};
use crate::store::StoreError;

/// Why there is no such thing to be had.
pub(super) struct Refusal(pub(super) Status);

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self(status)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = match self.0.code() {
            Code::InvalidArgument => StatusCode::BAD_REQUEST,
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::FailedPrecondition => StatusCode::CONFLICT,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut response = (code, format!("{}\n", self.0.message())).into_response();
        if code == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Who calls, by a token of the API.
pub(super) async fn caller(api: &Api, headers: &HeaderMap) -> Result<Caller, Refusal> {
    Ok(api.authenticate(bearer(headers)?).await?)
}

/// The id of a prebuild in a path: what is none names no prebuild.
pub(super) fn prebuild_id(text: &str) -> Result<Uuid, Refusal> {
    Uuid::try_parse(text).map_err(|_| StoreError::NotFound("prebuild").into())
}
