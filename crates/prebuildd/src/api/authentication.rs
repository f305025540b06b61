//! Who calls, told from the `Authorization` header.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use tonic::Status;
use tonic::metadata::MetadataValue;
use uuid::Uuid;

use super::Api;
use crate::domain::{Subject, TokenHash};
use crate::store::StoreError;

/// The longest token that is looked up, in bytes.
const MAX_TOKEN_BYTES: usize = 4096;

/// Who calls, and what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The organization within which it acts.
    pub organization_id: Uuid,
    /// Whom the token speaks for.
    pub subject: Subject,
    /// Whether it may only read.
    pub read_only: bool,
}

/// The token of `Authorization: Bearer TOKEN`; the scheme in any case.
///
/// # Errors
/// `unauthenticated` when there is none, or more than one, or something else.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, Status> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(missing_credentials());
    };
    let value = value.to_str().map_err(|_| missing_credentials())?;
    match value.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            let token = token.trim();
            if token.is_empty() {
                Err(missing_credentials())
            } else if token.len() > MAX_TOKEN_BYTES {
                Err(unknown_token())
            } else {
                Ok(token)
            }
        }
        _ => Err(missing_credentials()),
    }
}

pub(crate) fn missing_credentials() -> Status {
    unauthenticated("credentials are missing: send one header Authorization: Bearer TOKEN")
}

fn unknown_token() -> Status {
    unauthenticated(
        "the token is not valid, or was revoked: create one with `prebuilds token create`",
    )
}

/// `unauthenticated`, with the challenge that HTTP asks for.
pub(crate) fn unauthenticated(message: impl Into<String>) -> Status {
    let mut status = Status::unauthenticated(message);
    let challenge = MetadataValue::from_static("Bearer");
    status.metadata_mut().insert("www-authenticate", challenge);
    status
}

impl Api {
    /// Who holds `token`.
    ///
    /// # Errors
    /// `unauthenticated` when it is unknown or revoked, `unavailable` when that cannot be told.
    pub(crate) async fn authenticate(&self, token: &str) -> Result<Caller, Status> {
        match self.store.token_by_hash(&TokenHash::of(token)).await {
            Ok(token) => Ok(Caller {
                organization_id: token.organization_id,
                subject: token.subject,
                read_only: token.read_only,
            }),
            Err(StoreError::NotFound(_)) => Err(unknown_token()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_bearer_token_is_read_and_anything_else_refused() {
        let with = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
            }
            bearer(&headers).map(str::to_owned).ok()
        };
        assert_eq!(with(&[b"Bearer abc"]).unwrap(), "abc");
        assert_eq!(with(&[b"bearer   abc "]).unwrap(), "abc");
        let long = [b"Bearer ".as_slice(), &[b'a'; MAX_TOKEN_BYTES + 1]].concat();
        let bad: [&[&[u8]]; 9] = [
            &[],
            &[b""],
            &[b"Bearer"],
            &[b"Bearer "],
            &[b"Basic abc"],
            &[b"abc"],
            &[b"Bearer \xff\xfe"],
            &[b"Bearer a", b"Bearer b"],
            &[&long],
        ];
        for values in bad {
            assert_eq!(with(values), None, "{values:?}");
        }
    }
}
