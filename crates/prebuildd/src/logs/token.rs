//! Tokens that read one log for one hour, so that a link to a log can be handed on without the
//! rights of whoever made it.
//!
//! A token is a JWT that names its prebuild and organization and is signed with the server's own
//! key, so nothing is stored for it. The algorithm is pinned: a token cannot choose how it is
//! checked.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long a token can be used: one hour.
pub const VALIDITY: Duration = Duration::from_secs(60 * 60);

/// What the tokens are good for; a token of another kind signed with the same key is refused.
const AUDIENCE: &str = "prebuild-logs";

/// Makes and checks the tokens of one server.
#[derive(Clone)]
pub struct LogTokens {
    sign: EncodingKey,
    check: DecodingKey,
    validation: Validation,
}

/// Shows no key.
impl fmt::Debug for LogTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogTokens(…)")
    }
}

/// Why a token does not open a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedToken {
    /// It is no token of this server for logs; perhaps it is one of another kind.
    #[error("not a logs token of this server")]
    Invalid,
    /// Its hour is over.
    #[error("the logs token has expired: get a new one with CreatePrebuildLogsToken")]
    Expired,
    /// It opens the log of another prebuild.
    #[error(
        "the logs token is for another prebuild: get one for this prebuild with \
         CreatePrebuildLogsToken"
    )]
    OtherPrebuild,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    /// The prebuild.
    sub: Uuid,
    /// The organization that owns it.
    org: Uuid,
    /// From this second since 1970 on it is expired.
    exp: i64,
}

impl LogTokens {
    /// Tokens signed with `key`: 32 random bytes, kept for the life of the server's data.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["aud", "exp", "sub"]);
        // Checked in `verify`, against the time that the caller says it is.
        validation.validate_exp = false;
        Self {
            sign: EncodingKey::from_secret(key),
            check: DecodingKey::from_secret(key),
            validation,
        }
    }

    /// A token that opens the log of a prebuild for [`VALIDITY`] from `now` on.
    ///
    /// # Errors
    /// Signing failed, which no input causes.
    pub fn issue(
        &self,
        prebuild_id: Uuid,
        organization_id: Uuid,
        now: Timestamp,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let validity = i64::try_from(VALIDITY.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            aud: AUDIENCE.to_owned(),
            sub: prebuild_id,
            org: organization_id,
            exp: now.as_second().saturating_add(validity),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.sign)
    }

    /// The organization of the prebuild whose log `token` opens at `now`.
    ///
    /// # Errors
    /// See [`RefusedToken`].
    pub fn verify(
        &self,
        token: &str,
        prebuild_id: Uuid,
        now: Timestamp,
    ) -> Result<Uuid, RefusedToken> {
        let token = decode::<Claims>(token, &self.check, &self.validation);
        let claims = token.map_err(|_| RefusedToken::Invalid)?.claims;
        if now.as_second() >= claims.exp {
            return Err(RefusedToken::Expired);
        }
        if claims.sub != prebuild_id {
            return Err(RefusedToken::OtherPrebuild);
        }
        Ok(claims.org)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_one_log_for_one_hour() {
        let tokens = LogTokens::new(&[7; 32]);
        let (prebuild, organization) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        let token = tokens.issue(prebuild, organization, at(0)).unwrap();

        let verify = |seconds| tokens.verify(&token, prebuild, at(seconds));
        assert_eq!(verify(0), Ok(organization));
        assert_eq!(verify(3599), Ok(organization));
        assert_eq!(verify(3600), Err(RefusedToken::Expired));
        assert_eq!(
            tokens.verify(&token, Uuid::from_u128(3), at(0)),
            Err(RefusedToken::OtherPrebuild)
        );
    }

    #[test]
    fn what_this_server_did_not_sign_opens_nothing() {
        let tokens = LogTokens::new(&[7; 32]);
        let id = Uuid::from_u128(1);
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let claims = |aud: &str| Claims {
            aud: aud.to_owned(),
            sub: id,
            org: id,
            exp: now.as_second() + 60,
        };
        let signed = |algorithm, aud, key: [u8; 32]| {
            let key = EncodingKey::from_secret(&key);
            encode(&Header::new(algorithm), &claims(aud), &key).unwrap()
        };
        assert!(
            tokens
                .verify(&signed(Algorithm::HS256, AUDIENCE, [7; 32]), id, now)
                .is_ok()
        );
        let unsigned = {
            use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as base64};
            let payload = serde_json::to_vec(&claims(AUDIENCE)).unwrap();
            let header = base64.encode(r#"{"typ":"JWT","alg":"none"}"#);
            format!("{header}.{}.", base64.encode(payload))
        };
        for token in [
            signed(Algorithm::HS256, AUDIENCE, [8; 32]),
            signed(Algorithm::HS384, AUDIENCE, [7; 32]),
            signed(Algorithm::HS256, "something-else", [7; 32]),
            unsigned,
            String::new(),
            "..".to_owned(),
            "\u{0}é.ü.\u{7f}".to_owned(),
        ] {
            assert_eq!(
                tokens.verify(&token, id, now),
                Err(RefusedToken::Invalid),
                "{token:?}"
            );
        }
    }
}
