//! What can go wrong, in words that say what to do next.

use tonic::{Code, Status};
use tonic_connect::ChannelError;

use crate::v1::PrebuildPhase;

/// Why a [`Client`](super::Client) cannot be built, or why a call of it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no token to call with.
    #[error(
        "no API key: set PREBUILDS_API_KEY (or ONA_API_KEY, or GITPOD_API_KEY), and PREBUILDS_BASE_URL to the server's \
         URL; on the machine of a `prebuilds serve`, the first key is in `admin.token` of its data folder"
    )]
    NoToken,
    /// The base URL, the token or the user agent cannot be used, or TLS is not available.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The server refused the call, or could not be reached.
    #[error("{}", advise(status, base_url))]
    Status {
        /// Code, message, details and metadata.
        status: Status,
        /// The URL that was called, as it was given.
        base_url: String,
    },
    /// The server's answer lacks what the schema requires of it.
    #[error(
        "{base_url} answered without {field}: it does not serve gitpod.v1 as its schema has it"
    )]
    Incomplete {
        /// The field that was not set.
        field: &'static str,
        /// The URL that was called, as it was given.
        base_url: String,
    },
    /// A list would never end: its pages go round in a circle.
    #[error(
        "{base_url} gave the page token {token:?} twice, so the list would never end: report it to whoever runs the server"
    )]
    RepeatedPageToken {
        /// The token, cut to its first 64 characters.
        token: String,
        /// The URL that was called, as it was given.
        base_url: String,
    },
    /// The prebuild has no log, or none yet.
    #[error("prebuild {id} has no log (it is {}): {}", phase.name(), if phase.has_ended() {
        "its server kept none"
    } else {
        "follow the log to wait for it"
    })]
    NoLog {
        /// The prebuild.
        id: String,
        /// Where it stands.
        phase: PrebuildPhase,
    },
    /// The address of a log cannot be used.
    #[error(
        "the log of prebuild {id} is at {url:?}, which {reason}: correct the public URL in the server's configuration"
    )]
    LogUrl {
        /// The prebuild.
        id: String,
        /// The address as the server gave it, without a query.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl ClientError {
    /// The code of the server's refusal, or `unavailable` and `deadline_exceeded` when it could not be reached; none
    /// when the call did not get so far.
    pub fn code(&self) -> Option<Code> {
        self.status().map(Status::code)
    }

    /// What the server refused the call with.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Status { status, .. } => Some(status),
            _ => None,
        }
    }
}

fn advise(status: &Status, base_url: &str) -> String {
    let message = match status.message() {
        "" => status.code().description(),
        message => message,
    };
    match status.code() {
        Code::Unauthenticated => format!(
            "{message}: {base_url} does not accept the token; it comes from --token, PREBUILDS_API_KEY, ONA_API_KEY or \
             GITPOD_API_KEY, and `prebuilds token create` makes a new one"
        ),
        Code::PermissionDenied => {
            format!("{message}: the token may not do this; use one that is not read-only")
        }
        Code::Unavailable => format!("{message}: is the server running at {base_url}?"),
        Code::DeadlineExceeded => {
            format!("{message}: {base_url} is slow or stuck; try again, or raise the timeout")
        }
        Code::Unimplemented => {
            format!("{message}: does {base_url} serve gitpod.v1, with this path in its URL?")
        }
        _ => message.to_owned(),
    }
}
