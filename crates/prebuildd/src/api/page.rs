//! Which page of a listing is asked for, and where the next one begins.
//!
//! A page token is the place where its page ended and a fingerprint of what was listed, in base64: a
//! token taken to another listing would name a place that means nothing there, so it is refused. It
//! holds no secret and grants nothing.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use prebuilds::v1::{PaginationRequest, PaginationResponse};
use tonic::Status;
use uuid::Uuid;

use super::error::invalid;

/// The size of a page that asks for none.
const DEFAULT_SIZE: usize = 25;
/// The largest page.
const MAX_SIZE: usize = 100;
/// The longest token that is looked into, in bytes.
const MAX_TOKEN_BYTES: usize = 1024;
/// Bytes of the fingerprint: enough that no two listings of one caller meet by accident.
const FINGERPRINT_BYTES: usize = 12;

/// A page as some clients ask for it: in the query of the URL, not in the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueryPage {
    pub(crate) size: Option<i32>,
    pub(crate) token: Option<String>,
}

impl QueryPage {
    /// Lays what the query says, if anything, over the pagination of the body.
    pub(super) fn lay_over(query: Option<Self>, pagination: &mut Option<PaginationRequest>) {
        let Some(query) = query else {
            return;
        };
        let pagination = pagination.get_or_insert_default();
        if let Some(size) = query.size {
            pagination.page_size = size;
        }
        if let Some(token) = query.token {
            pagination.token = token;
        }
    }
}

/// One listing: what is listed, and which part of it.
pub(crate) struct Listing {
    fingerprint: [u8; FINGERPRINT_BYTES],
    /// How many entries the page has at most.
    pub(crate) size: usize,
    /// What the token says about the place, if there is a token.
    place: Option<Vec<u8>>,
}

impl Listing {
    /// The listing of `name` narrowed and sorted by `terms`.
    ///
    /// # Errors
    /// `invalid_argument` for a token that is none of this listing's.
    pub(crate) fn new(
        name: &str,
        organization_id: Uuid,
        terms: &[&[u8]],
        pagination: Option<&PaginationRequest>,
    ) -> Result<Self, Status> {
        let mut hasher = blake3::Hasher::new();
        for part in [name.as_bytes(), organization_id.as_bytes()]
            .iter()
            .chain(terms)
        {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut fingerprint = [0; FINGERPRINT_BYTES];
        hasher.finalize_xof().fill(&mut fingerprint);

        let size = pagination.map_or(0, |pagination| pagination.page_size);
        let size = match usize::try_from(size) {
            Ok(0) | Err(_) => DEFAULT_SIZE,
            Ok(size) => size.min(MAX_SIZE),
        };
        let token = pagination.map_or("", |pagination| pagination.token.as_str());
        let mut listing = Self {
            fingerprint,
            size,
            place: None,
        };
        if !token.is_empty() {
            listing.place = Some(listing.open(token).ok_or_else(bad_token)?);
        }
        Ok(listing)
    }

    fn open(&self, token: &str) -> Option<Vec<u8>> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let bytes = BASE64.decode(token).ok()?;
        let (fingerprint, place) = bytes.split_at_checked(FINGERPRINT_BYTES)?;
        (fingerprint == self.fingerprint).then(|| place.to_vec())
    }

    /// The place after which the page begins, read from the token's bytes by `read`.
    ///
    /// # Errors
    /// `invalid_argument` when `read` finds none.
    pub(crate) fn after<C>(
        &self,
        read: impl FnOnce(&[u8]) -> Option<C>,
    ) -> Result<Option<C>, Status> {
        let place = self.place.as_deref();
        place
            .map(|bytes| read(bytes).ok_or_else(bad_token))
            .transpose()
    }

    /// How to get the page after `next`, the place where this one ended.
    pub(crate) fn response(&self, next: Option<&[u8]>) -> PaginationResponse {
        let next_token = next.map_or_else(String::new, |place| {
            BASE64.encode([self.fingerprint.as_slice(), place].concat())
        });
        PaginationResponse { next_token }
    }
}

fn bad_token() -> Status {
    invalid(
        "pagination.token",
        "not a token of this listing: give the next_token of its previous page with the same filter \
         and order, or none to begin anew",
    )
}
