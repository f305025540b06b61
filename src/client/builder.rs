//! Where a client's server and token come from.

use std::fmt;
use std::time::Duration;

use tonic_connect::Channel;

use super::{Client, ClientError};
use crate::v1;

/// The server that is called when nothing names one: where `prebuilds serve` listens unless it is told otherwise. It is
/// this machine, so that a token never goes to a stranger by default.
pub const DEFAULT_BASE_URL: &str = "http://127.0.0.1:8080";

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Variables of one family, and the server that its token belongs to.
struct Family {
    base_url: &'static str,
    token: &'static str,
    default_base_url: &'static str,
}

/// In the order of precedence: ours, then those of the public product's clients, new and old.
const FAMILIES: [Family; 3] = [
    Family {
        base_url: "PREBUILDS_BASE_URL",
        token: "PREBUILDS_API_KEY",
        default_base_url: DEFAULT_BASE_URL,
    },
    Family {
        base_url: "ONA_BASE_URL",
        token: "ONA_API_KEY",
        default_base_url: "https://app.ona.com/api",
    },
    Family {
        base_url: "GITPOD_BASE_URL",
        token: "GITPOD_API_KEY",
        default_base_url: "https://app.gitpod.io/api",
    },
];

/// Builds a [`Client`].
#[must_use]
#[derive(Clone)]
pub struct ClientBuilder {
    base_url: Option<String>,
    token: Option<String>,
    timeout: Duration,
    connect_timeout: Duration,
    user_agent: String,
}

/// Never shows the token.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    pub(super) fn new() -> Self {
        Self {
            base_url: None,
            token: None,
            timeout: DEFAULT_TIMEOUT,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            user_agent: concat!("prebuilds/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// The server's URL, `http` or `https`, with the path below which it answers if there is one, such as
    /// `https://host/api`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The token that goes into `Authorization: Bearer` of every call.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// How long a call may take, each try and each page counted alone; 60 s unless it is set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long name lookup, TCP and TLS may take together; 10 s unless it is set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The `User-Agent`; `prebuilds/VERSION` unless it is set.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Takes from the environment what was not set before: the base URL from the first of `PREBUILDS_BASE_URL`,
    /// `ONA_BASE_URL`, `GITPOD_BASE_URL` that is set, and the token from the first of `PREBUILDS_API_KEY`,
    /// `ONA_API_KEY`, `GITPOD_API_KEY`. Each is looked for on its own, and an empty variable counts as unset.
    ///
    /// When no variable has a base URL, the token's own family decides: [`DEFAULT_BASE_URL`] for `PREBUILDS_API_KEY`,
    /// `https://app.ona.com/api` for `ONA_API_KEY`, `https://app.gitpod.io/api` for `GITPOD_API_KEY`.
    pub fn env(self) -> Self {
        self.vars(|name| std::env::var(name).ok())
    }

    /// [`ClientBuilder::env`] with variables from elsewhere than the environment.
    pub fn vars(mut self, mut variable: impl FnMut(&'static str) -> Option<String>) -> Self {
        let mut set = |name| variable(name).filter(|value| !value.trim().is_empty());
        let mut default_base_url = DEFAULT_BASE_URL;
        if self.token.is_none() {
            for family in &FAMILIES {
                if let Some(token) = set(family.token) {
                    self.token = Some(token);
                    default_base_url = family.default_base_url;
                    break;
                }
            }
        }
        if self.base_url.is_none() {
            self.base_url = FAMILIES
                .iter()
                .find_map(|family| set(family.base_url))
                .or_else(|| Some(default_base_url.to_owned()));
        }
        self
    }

    /// Makes the client. It connects with its first call. Without a base URL it calls [`DEFAULT_BASE_URL`].
    ///
    /// # Errors
    /// [`ClientError::NoToken`] without a token; [`ClientError::Channel`] when URL, token or user agent cannot be used.
    pub fn build(self) -> Result<Client, ClientError> {
        // A token out of a file or a command often ends in a newline.
        let token = self.token.as_deref().map(str::trim).unwrap_or_default();
        if token.is_empty() {
            return Err(ClientError::NoToken);
        }
        let base_url = self.base_url.as_deref().map(str::trim);
        let base_url = base_url.unwrap_or(DEFAULT_BASE_URL).to_owned();
        let channel = Channel::builder(&base_url)
            .service(&v1::event_service_connect::SERVICE)
            .service(&v1::identity_service_connect::SERVICE)
            .service(&v1::prebuild_service_connect::SERVICE)
            .service(&v1::project_service_connect::SERVICE)
            .service(&v1::runner_configuration_service_connect::SERVICE)
            .bearer_token(token)
            .connect_timeout(self.connect_timeout)
            .user_agent(self.user_agent)
            .build()?;
        Ok(Client {
            channel,
            base_url,
            timeout: self.timeout,
        })
    }
}
