//! Where bearer tokens come from when each call asks anew.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderValue;
use tonic::Status;

type Pending = Pin<Box<dyn Future<Output = Result<String, Status>> + Send>>;

/// Asked for a token before each call that has none of its own.
#[derive(Clone)]
pub(super) struct TokenSource(Arc<dyn Fn() -> Pending + Send + Sync>);

impl TokenSource {
    pub(super) fn new<F, T>(source: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, Status>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(source())))
    }

    /// The value of the `authorization` header.
    pub(super) async fn header(&self) -> Result<HeaderValue, Status> {
        bearer(&(self.0)().await?).ok_or_else(|| {
            Status::unauthenticated("the bearer token has characters that no header can carry")
        })
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSource")
    }
}

/// `Bearer TOKEN`, marked as secret; none for a token that no header can carry.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
