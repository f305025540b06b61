//! Organizations and the tokens that open them.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use crate::domain::{Organization, Token, TokenHash};

/// Organizations and tokens.
#[async_trait]
pub trait Identities: Send + Sync {
    /// The organization of that name, created now if there is none.
    async fn ensure_organization(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<Organization, StoreError>;

    /// The organization of that name; [`StoreError::NotFound`] when there is none.
    async fn find_organization(&self, name: &str) -> Result<Organization, StoreError>;

    /// An organization.
    async fn get_organization(&self, id: Uuid) -> Result<Organization, StoreError>;

    /// Adds a token to its organization.
    async fn create_token(&self, token: &Token) -> Result<(), StoreError>;

    /// The token whose secret has that hash. A revoked one answers as one that never was.
    async fn token_by_hash(&self, hash: &TokenHash) -> Result<Token, StoreError>;

    /// Every token of an organization, newest first, revoked ones included.
    async fn list_tokens(&self, organization_id: Uuid) -> Result<Vec<Token>, StoreError>;

    /// Revokes a token; one that is revoked stays so since its first time.
    async fn revoke_token(
        &self,
        organization_id: Uuid,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Token, StoreError>;
}
