//! Organizations and tokens.

use prebuildd::{
    domain::{Token, TokenHash, new_id},
    store::StoreError,
};
use uuid::Uuid;

use super::{Fixture, Open, at, subject};

pub(crate) async fn tokens_open_their_organization_until_revoked(open: Open) {
    let f = Fixture::new(open).await;
    let again = f.store.ensure_organization("acme", at(9)).await.unwrap();
    assert_eq!(again.id, f.organization);
    assert_eq!(
        f.store.get_organization(again.id).await.unwrap().name,
        "acme"
    );
    let other = f.store.ensure_organization("other", at(9)).await.unwrap();

    let found = f.store.find_organization("other").await.unwrap();
    assert_eq!(found.id, other.id);
    assert!(matches!(
        f.store.find_organization("othr").await,
        Err(StoreError::NotFound("organization"))
    ));

    let token = Token {
        id: new_id(at(1)),
        name: "ci".into(),
        hash: TokenHash::of("secret"),
        organization_id: f.organization,
        subject: subject(3),
        read_only: true,
        created_at: at(1),
        revoked_at: None,
    };
    f.store.create_token(&token).await.unwrap();
    assert!(matches!(
        f.store.create_token(&token).await,
        Err(StoreError::AlreadyExists("token"))
    ));
    let orphan = Token {
        id: new_id(at(1)),
        hash: TokenHash::of("other"),
        organization_id: Uuid::from_u128(5),
        ..token.clone()
    };
    assert!(matches!(
        f.store.create_token(&orphan).await,
        Err(StoreError::NotFound("organization"))
    ));
    assert_eq!(f.store.token_by_hash(&token.hash).await.unwrap(), token);
    assert!(f.store.list_tokens(other.id).await.unwrap().is_empty());
    assert!(matches!(
        f.store.revoke_token(other.id, token.id, at(2)).await,
        Err(StoreError::NotFound("token"))
    ));

    for now in [at(2), at(3)] {
        let revoked = f
            .store
            .revoke_token(f.organization, token.id, now)
            .await
            .unwrap();
        assert_eq!(revoked.revoked_at, Some(at(2)));
    }
    assert!(matches!(
        f.store.token_by_hash(&token.hash).await,
        Err(StoreError::NotFound("token"))
    ));
    assert_eq!(f.store.list_tokens(f.organization).await.unwrap().len(), 1);
}
