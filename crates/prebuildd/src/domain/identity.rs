//! Who calls: organizations, subjects, and the tokens that speak for them.

use std::fmt;

use jiff::Timestamp;
use prebuilds::v1::Principal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The tenant: nothing of one organization is visible to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Stable id.
    pub id: Uuid,
    /// Unique on this server.
    pub name: String,
}

/// Someone who acts: a user, a service account, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// Who.
    pub id: Uuid,
    /// What kind of actor.
    pub principal: Principal,
}

/// The BLAKE3 hash of a token's secret. The secret itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a secret. Secrets are long and random, so that one round without salt suffices.
    pub fn of(secret: &str) -> Self {
        Self(*blake3::hash(secret.as_bytes()).as_bytes())
    }

    /// A hash as it was stored.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash as it is stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A bearer token: lets its holder act as `subject` within one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Stable id, by which the token is revoked.
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// How the secret is recognized.
    pub hash: TokenHash,
    /// The organization that it opens.
    pub organization_id: Uuid,
    /// Whom it speaks for.
    pub subject: Subject,
    /// Whether it may only read.
    pub read_only: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked; from then on it opens nothing.
    pub revoked_at: Option<Timestamp>,
}
