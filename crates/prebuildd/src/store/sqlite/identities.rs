//! Organizations and tokens in SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{
    SqliteStore, StoreError, insert_error,
    row::{Columns, bytes, corrupt, nanos},
    unavailable,
};
use crate::{
    domain::{Organization, Token, TokenHash, new_id},
    store::Identities,
};

fn organization(row: &SqliteRow) -> Result<Organization, StoreError> {
    let row = Columns(row);
    Ok(Organization {
        id: row.id("id")?,
        name: row.get("name")?,
    })
}

fn token(row: &SqliteRow) -> Result<Token, StoreError> {
    let row = Columns(row);
    let hash: &[u8] = row.get("hash")?;
    Ok(Token {
        id: row.id("id")?,
        name: row.get("name")?,
        hash: TokenHash::from_bytes(hash.try_into().map_err(|error| corrupt("hash", error))?),
        organization_id: row.id("organization_id")?,
        subject: row.subject("subject_id", "subject_principal")?,
        read_only: row.get("read_only")?,
        created_at: row.time("created_at")?,
        revoked_at: row.optional_time("revoked_at")?,
    })
}

#[async_trait]
impl Identities for SqliteStore {
    async fn ensure_organization(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<Organization, StoreError> {
        let name = name.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO organizations (id, name, created_at) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (name) DO NOTHING",
                )
                .bind(bytes(new_id(now)))
                .bind(&name)
                .bind(nanos(now))
                .execute(&mut *c)
                .await
                .map_err(unavailable)?;
                let row = sqlx::query("SELECT id, name FROM organizations WHERE name = ?1")
                    .bind(&name)
                    .fetch_one(c)
                    .await
                    .map_err(unavailable)?;
                Ok((organization(&row)?, None))
            })
        })
        .await
    }

    async fn find_organization(&self, name: &str) -> Result<Organization, StoreError> {
        let row = sqlx::query("SELECT id, name FROM organizations WHERE name = ?1")
            .bind(name)
            .fetch_optional(self.readers())
            .await
            .map_err(unavailable)?;
        organization(&row.ok_or(StoreError::NotFound("organization"))?)
    }

    async fn get_organization(&self, id: Uuid) -> Result<Organization, StoreError> {
        let row = sqlx::query("SELECT id, name FROM organizations WHERE id = ?1")
            .bind(bytes(id))
            .fetch_optional(self.readers())
            .await
            .map_err(unavailable)?;
        organization(&row.ok_or(StoreError::NotFound("organization"))?)
    }

    async fn create_token(&self, token: &Token) -> Result<(), StoreError> {
        let token = token.clone();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO tokens (id, organization_id, name, hash, subject_id, \
                     subject_principal, read_only, created_at, revoked_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )
                .bind(bytes(token.id))
                .bind(bytes(token.organization_id))
                .bind(token.name)
                .bind(token.hash.as_bytes().to_vec())
                .bind(bytes(token.subject.id))
                .bind(token.subject.principal as i32)
                .bind(token.read_only)
                .bind(nanos(token.created_at))
                .bind(token.revoked_at.map(nanos))
                .execute(c)
                .await
                .map_err(|error| insert_error(error, "token", "organization"))?;
                Ok(((), None))
            })
        })
        .await
    }

    async fn token_by_hash(&self, hash: &TokenHash) -> Result<Token, StoreError> {
        let row = sqlx::query("SELECT * FROM tokens WHERE hash = ?1 AND revoked_at IS NULL")
            .bind(hash.as_bytes().to_vec())
            .fetch_optional(self.readers())
            .await
            .map_err(unavailable)?;
        token(&row.ok_or(StoreError::NotFound("token"))?)
    }

    async fn list_tokens(&self, organization_id: Uuid) -> Result<Vec<Token>, StoreError> {
        sqlx::query("SELECT * FROM tokens WHERE organization_id = ?1 ORDER BY id DESC")
            .bind(bytes(organization_id))
            .fetch_all(self.readers())
            .await
            .map_err(unavailable)?
            .iter()
            .map(token)
            .collect()
    }

    async fn revoke_token(
        &self,
        organization_id: Uuid,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Token, StoreError> {
        self.write(move |c| {
            Box::pin(async move {
                let row = sqlx::query(
                    "UPDATE tokens SET revoked_at = coalesce(revoked_at, ?3) \
                     WHERE organization_id = ?1 AND id = ?2 RETURNING *",
                )
                .bind(bytes(organization_id))
                .bind(bytes(id))
                .bind(nanos(now))
                .fetch_optional(c)
                .await
                .map_err(unavailable)?;
                Ok((token(&row.ok_or(StoreError::NotFound("token"))?)?, None))
            })
        })
        .await
    }
}
