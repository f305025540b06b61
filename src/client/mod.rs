//! The client that people hold: [`Client`], over tonic's generated clients on a channel that speaks Connect.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//! use prebuilds::client::{Client, CreateOptions};
//! use prebuilds::v1::PrebuildPhase;
//!
//! # async fn example(project_id: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::from_env()?; // PREBUILDS_BASE_URL and PREBUILDS_API_KEY
//! let options = CreateOptions { timeout: Some("45m".parse()?), ..CreateOptions::default() };
//! let prebuild = client.create(project_id, options).await?;
//!
//! let mut log = client.logs(&prebuild.id, true).await?;
//! while let Some(chunk) = log.try_next().await? {
//!     print!("{}", String::from_utf8_lossy(&chunk));
//! }
//!
//! let prebuild = client.wait(&prebuild.id).await?;
//! let status = prebuild.status.unwrap_or_default();
//! if status.phase() != PrebuildPhase::Completed {
//!     eprintln!("the prebuild {}: {}", status.phase().name(), status.failure_message);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Every call has a timeout, 60 s unless the [builder](Client::builder) says otherwise; streams have none once they
//! have begun. Reads are tried again while the server is `unavailable`, three times within about a second; nothing that
//! acts is ever repeated. Every future may be dropped at any point.

mod builder;
mod call;
mod downloads;
mod error;
mod events;
mod pages;
mod prebuilds;
mod projects;
mod wait;
mod warm_pools;

use std::fmt;
use std::time::Duration;

use tonic_connect::Channel;

pub use builder::{ClientBuilder, DEFAULT_BASE_URL};
pub use downloads::Chunks;
pub use error::ClientError;
pub use pages::Items;
pub use prebuilds::CreateOptions;

/// A client of one server, as one caller. Clones share their connections and cost little.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    base_url: String,
    timeout: Duration,
}

impl Client {
    /// Begins a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// A client of the server that the environment names: see [`ClientBuilder::env`] for the variables.
    ///
    /// # Errors
    /// [`ClientError::NoToken`] when no variable has a token, [`ClientError::Channel`] when a value cannot be used.
    pub fn from_env() -> Result<Self, ClientError> {
        Self::builder().env().build()
    }

    /// [`Client::from_env`] with variables from elsewhere than the environment.
    ///
    /// # Errors
    /// As [`Client::from_env`].
    pub fn from_vars(
        variable: impl FnMut(&'static str) -> Option<String>,
    ) -> Result<Self, ClientError> {
        Self::builder().vars(variable).build()
    }

    /// The URL under which the server is called, as it was given.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}

/// Never shows the token.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.base_url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
