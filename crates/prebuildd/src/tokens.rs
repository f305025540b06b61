//! Making, listing and revoking tokens, by who may read the data folder.
//!
//! The public API has no call for this that the schema holds, and whoever can read the folder can
//! do everything anyway: so the folder is the authority. It works beside a running server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use prebuilds::v1::Principal;
use uuid::Uuid;

use crate::data_dir::DataDir;
use crate::domain::{Subject, Token, TokenHash, new_id};
use crate::store::sqlite::SqliteStore;
use crate::store::{Identities, StoreError};

/// The organization of tokens for which none is named.
pub const DEFAULT_ORGANIZATION: &str = "default";

/// A new secret of 256 random bits, with a prefix by which scanners for leaked secrets know it.
pub(crate) fn new_secret() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(format!("prebuilds_{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Makes a token for an organization, which is made as well when it does not exist. Returns it
/// with its secret, which is stored nowhere.
///
/// # Errors
/// When the store cannot be written.
pub async fn create(
    data_dir: &DataDir,
    organization: &str,
    name: &str,
    read_only: bool,
) -> Result<(Token, String), StoreError> {
    let store = SqliteStore::open(&data_dir.store(), Timestamp::now()).await?;
    let created = create_in(
        &store,
        organization,
        name,
        Principal::ServiceAccount,
        read_only,
    )
    .await;
    store.close().await;
    created
}

pub(crate) async fn create_in(
    store: &dyn Identities,
    organization: &str,
    name: &str,
    principal: Principal,
    read_only: bool,
) -> Result<(Token, String), StoreError> {
    let now = Timestamp::now();
    let organization = store.ensure_organization(organization, now).await?;
    let secret = new_secret().map_err(|error| StoreError::Unavailable(error.into()))?;
    let token = Token {
        id: new_id(now),
        name: name.to_owned(),
        hash: TokenHash::of(&secret),
        organization_id: organization.id,
        subject: Subject {
            id: new_id(now),
            principal,
        },
        read_only,
        created_at: now,
        revoked_at: None,
    };
    store.create_token(&token).await?;
    Ok((token, secret))
}

/// The tokens of an organization, the newest first, revoked ones included.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such organization; others when the store cannot be read.
pub async fn list(data_dir: &DataDir, organization: &str) -> Result<Vec<Token>, StoreError> {
    let store = SqliteStore::open(&data_dir.store(), Timestamp::now()).await?;
    let listed = async {
        let organization = store.find_organization(organization).await?;
        store.list_tokens(organization.id).await
    }
    .await;
    store.close().await;
    listed
}

/// Revokes a token of an organization: from now on it opens nothing.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such organization, or it has no such token.
pub async fn revoke(data_dir: &DataDir, organization: &str, id: Uuid) -> Result<Token, StoreError> {
    let now = Timestamp::now();
    let store = SqliteStore::open(&data_dir.store(), now).await?;
    let revoked = async {
        let organization = store.find_organization(organization).await?;
        store.revoke_token(organization.id, id, now).await
    }
    .await;
    store.close().await;
    revoked
}
