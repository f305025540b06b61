//! What a server allows and how it answers, the same for every protocol.

use std::time::Duration;

/// Limits and thresholds of the calls that one service answers.
///
/// ```
/// use std::time::Duration;
/// use tonic_connect::server::Options;
///
/// let options = Options::new().max_request_bytes(64 * 1024).max_deadline(Duration::from_secs(30));
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) max_request_bytes: usize,
    pub(super) max_response_bytes: usize,
    pub(super) compress_min_bytes: usize,
    pub(super) max_deadline: Option<Duration>,
}

impl Options {
    /// 4 MiB per request message, no limit on responses, compression from 1 KiB on, no deadline but the caller's.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_request_bytes: 4 * 1024 * 1024,
            max_response_bytes: usize::MAX,
            compress_min_bytes: 1024,
            max_deadline: None,
        }
    }

    /// The largest request message in bytes, as it comes and after decompression; a larger one is answered
    /// `resource_exhausted` without reading the rest of it.
    #[must_use]
    pub const fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.max_request_bytes = bytes;
        self
    }

    /// The largest response message in bytes before compression; for a larger one the caller gets `resource_exhausted`.
    #[must_use]
    pub const fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// Responses of at least so many bytes are compressed when the caller accepts it; `usize::MAX` turns it off.
    #[must_use]
    pub const fn compress_min_bytes(mut self, bytes: usize) -> Self {
        self.compress_min_bytes = bytes;
        self
    }

    /// The longest that a call may take, also when the caller asks for more or for nothing; afterwards it is dropped
    /// and answered `deadline_exceeded`.
    #[must_use]
    pub const fn max_deadline(mut self, deadline: Duration) -> Self {
        self.max_deadline = Some(deadline);
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
