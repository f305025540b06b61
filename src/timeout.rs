//! How long a prebuild may take.
//!
//! The schema carries the timeout as `google.protobuf.Duration`, which holds anything up to 10,000
//! years, negative and invalid values included. [`PrebuildTimeout`] holds only what a prebuild may
//! have. Server, client and command line all make it here, so that the bounds, the default and the
//! words of the errors exist once.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use pbjson_wkt::DurationError;

/// The timeout of a prebuild, from 5 minutes to 2 hours: wall time from creation, over every
/// phase.
///
/// # Text
///
/// [`FromStr`] reads hours, minutes and seconds in this order, each at most once: `45m`, `2h`,
/// `90s`, `1h30m`, `5m0.5s`. Hours and minutes are integers; seconds may have up to nine decimals.
/// So the JSON form of `google.protobuf.Duration`, `3600s` or `3600.500s`, is read as well.
/// [`fmt::Display`] writes the shortest such text.
///
/// # Examples
///
/// ```
/// use prebuilds::timeout::PrebuildTimeout;
///
/// let timeout: PrebuildTimeout = "5400s".parse()?;
/// assert_eq!(timeout.to_string(), "1h30m");
/// assert_eq!(timeout.get().as_secs(), 5400);
/// assert_eq!(pbjson_wkt::Duration::from(timeout).to_string(), "5400s");
///
/// assert_eq!(PrebuildTimeout::from_spec(None)?, PrebuildTimeout::DEFAULT);
///
/// let error = "4m59s".parse::<PrebuildTimeout>().unwrap_err();
/// assert_eq!(error.to_string(), "timeout 4m59s is below the minimum of 5m");
/// # Ok::<(), prebuilds::timeout::PrebuildTimeoutError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrebuildTimeout(Duration);

impl PrebuildTimeout {
    /// The shortest timeout, 5 minutes.
    pub const MIN: Self = Self(Duration::from_secs(5 * 60));
    /// The longest timeout, 2 hours.
    pub const MAX: Self = Self(Duration::from_secs(2 * 60 * 60));
    /// The timeout of a prebuild that asks for none, 60 minutes.
    pub const DEFAULT: Self = Self(Duration::from_secs(60 * 60));

    /// A timeout of `duration`.
    ///
    /// # Errors
    ///
    /// [`PrebuildTimeoutError::BelowMinimum`] or [`PrebuildTimeoutError::AboveMaximum`].
    pub fn new(duration: Duration) -> Result<Self, PrebuildTimeoutError> {
        if duration < Self::MIN.0 {
            return Err(PrebuildTimeoutError::BelowMinimum {
                timeout: HoursMinutesSeconds(duration).to_string(),
            });
        }
        if duration > Self::MAX.0 {
            return Err(PrebuildTimeoutError::AboveMaximum {
                timeout: HoursMinutesSeconds(duration).to_string(),
            });
        }
        Ok(Self(duration))
    }

    /// The timeout that `spec.timeout` of a request asks for, [`PrebuildTimeout::DEFAULT`] when it
    /// is unset.
    ///
    /// # Errors
    ///
    /// As `TryFrom<pbjson_wkt::Duration>`.
    pub fn from_spec(timeout: Option<&pbjson_wkt::Duration>) -> Result<Self, PrebuildTimeoutError> {
        timeout.map_or(Ok(Self::DEFAULT), |&timeout| timeout.try_into())
    }

    /// The timeout as a duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

/// Why something is not a [`PrebuildTimeout`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrebuildTimeoutError {
    /// The timeout is shorter than [`PrebuildTimeout::MIN`], perhaps negative.
    #[error("timeout {timeout} is below the minimum of {}", PrebuildTimeout::MIN)]
    BelowMinimum {
        /// The timeout as people read it.
        timeout: String,
    },
    /// The timeout is longer than [`PrebuildTimeout::MAX`].
    #[error("timeout {timeout} is above the maximum of {}", PrebuildTimeout::MAX)]
    AboveMaximum {
        /// The timeout as people read it.
        timeout: String,
    },
    /// The text is not a duration.
    #[error("timeout {text:?} is not a duration: write it like 45m, 2h or 3600s")]
    Malformed {
        /// The text, shortened when it is long.
        text: String,
    },
    /// The message is not a valid `google.protobuf.Duration`, which only binary can carry.
    #[error("timeout is not valid: {0}")]
    Invalid(#[source] DurationError),
}

impl From<DurationError> for PrebuildTimeoutError {
    fn from(error: DurationError) -> Self {
        match error {
            DurationError::Malformed { text } => Self::Malformed { text },
            DurationError::Negative { duration } => Self::BelowMinimum {
                timeout: duration.to_string(),
            },
            DurationError::OutOfRange { value } if value.starts_with('-') => {
                Self::BelowMinimum { timeout: value }
            }
            DurationError::OutOfRange { value } => Self::AboveMaximum { timeout: value },
            error => Self::Invalid(error),
        }
    }
}

impl Default for PrebuildTimeout {
    /// [`PrebuildTimeout::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for PrebuildTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HoursMinutesSeconds(self.0).fmt(f)
    }
}

/// A duration as people read it, for timeouts and for what failed to be one: `1h30m`, `2h0m1s`,
/// `5m0.5s`. Trailing units that are zero are left out.
struct HoursMinutesSeconds(Duration);

impl fmt::Display for HoursMinutesSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minutes, seconds) = (self.0.as_secs() / 60, self.0.as_secs() % 60);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        let nanos = self.0.subsec_nanos();
        let seconds_needed = seconds > 0 || nanos > 0 || self.0.is_zero();

        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 || (hours > 0 && seconds_needed) {
            write!(f, "{minutes}m")?;
        }
        if nanos > 0 {
            let fraction = format!("{nanos:09}");
            write!(f, "{seconds}.{}s", fraction.trim_end_matches('0'))
        } else if seconds_needed {
            write!(f, "{seconds}s")
        } else {
            Ok(())
        }
    }
}

impl FromStr for PrebuildTimeout {
    type Err = PrebuildTimeoutError;

    /// # Errors
    ///
    /// [`PrebuildTimeoutError::Malformed`], [`PrebuildTimeoutError::BelowMinimum`] or
    /// [`PrebuildTimeoutError::AboveMaximum`].
    fn from_str(text: &str) -> Result<Self, PrebuildTimeoutError> {
        match text.parse::<pbjson_wkt::Duration>() {
            Ok(duration) => duration.try_into(),
            // Not seconds alone.
            Err(DurationError::Malformed { text: excerpt }) => match hours_minutes_seconds(text) {
                Some(duration) if duration == Duration::MAX => {
                    Err(PrebuildTimeoutError::AboveMaximum { timeout: excerpt })
                }
                Some(duration) => Self::new(duration),
                None => Err(PrebuildTimeoutError::Malformed { text: excerpt }),
            },
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads a text that begins with hours or minutes. [`Duration::MAX`] stands for everything that is
/// too long for [`Duration`].
fn hours_minutes_seconds(text: &str) -> Option<Duration> {
    let (hours, rest) = split_unit(text, 'h');
    let (minutes, rest) = split_unit(rest, 'm');
    let seconds = if rest.is_empty() {
        hours.or(minutes)?;
        Duration::ZERO
    } else if rest.starts_with(|first: char| first.is_ascii_digit()) {
        match rest.parse::<pbjson_wkt::Duration>() {
            Ok(seconds) => seconds.try_into().ok()?,
            Err(DurationError::OutOfRange { .. }) => Duration::MAX,
            Err(_) => return None,
        }
    } else {
        return None;
    };
    let whole = (hours.unwrap_or(0).checked_mul(3_600))
        .zip(minutes.unwrap_or(0).checked_mul(60))
        .and_then(|(hours, minutes)| hours.checked_add(minutes));
    let duration = whole.and_then(|whole| Duration::from_secs(whole).checked_add(seconds));
    Some(duration.unwrap_or(Duration::MAX))
}

/// Takes an integer with `unit` behind it off the front of `text`, `u64::MAX` when it is larger
/// than that.
fn split_unit(text: &str, unit: char) -> (Option<u64>, &str) {
    match text.split_once(unit) {
        Some((digits, rest))
            if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (Some(digits.parse().unwrap_or(u64::MAX)), rest)
        }
        _ => (None, text),
    }
}

impl TryFrom<Duration> for PrebuildTimeout {
    type Error = PrebuildTimeoutError;

    /// As [`PrebuildTimeout::new`].
    fn try_from(duration: Duration) -> Result<Self, PrebuildTimeoutError> {
        Self::new(duration)
    }
}

impl From<PrebuildTimeout> for Duration {
    fn from(timeout: PrebuildTimeout) -> Self {
        timeout.0
    }
}

impl TryFrom<pbjson_wkt::Duration> for PrebuildTimeout {
    type Error = PrebuildTimeoutError;

    /// # Errors
    ///
    /// [`PrebuildTimeoutError::BelowMinimum`], [`PrebuildTimeoutError::AboveMaximum`] or
    /// [`PrebuildTimeoutError::Invalid`].
    fn try_from(duration: pbjson_wkt::Duration) -> Result<Self, PrebuildTimeoutError> {
        Self::new(duration.try_into()?)
    }
}

impl From<PrebuildTimeout> for pbjson_wkt::Duration {
    fn from(PrebuildTimeout(duration): PrebuildTimeout) -> Self {
        // At most 7,200 seconds and less than 10⁹ nanoseconds.
        Self {
            seconds: duration.as_secs() as i64,
            nanos: duration.subsec_nanos() as i32,
        }
    }
}
