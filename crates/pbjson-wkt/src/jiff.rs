//! Conversions to and from [jiff](::jiff), behind the feature `jiff`.

use jiff::SignedDuration;

use crate::{Duration, DurationError, Timestamp, TimestampError};

const NANOS_PER_SECOND: i32 = 1_000_000_000;

impl TryFrom<jiff::Timestamp> for Timestamp {
    type Error = TimestampError;

    /// # Errors
    ///
    /// [`TimestampError::OutOfRange`] before the year 0001.
    fn try_from(time: jiff::Timestamp) -> Result<Self, TimestampError> {
        // jiff's nanoseconds have the sign of its seconds; ours count forward.
        match time.subsec_nanosecond() {
            nanos @ 0.. => Self::new(time.as_second(), nanos),
            nanos => Self::new(time.as_second() - 1, nanos + NANOS_PER_SECOND),
        }
    }
}

impl TryFrom<Timestamp> for jiff::Timestamp {
    type Error = TimestampError;

    /// # Errors
    ///
    /// Why the timestamp is not valid, or [`TimestampError::Unrepresentable`] in the last 26 hours
    /// of the year 9999, before which [`jiff::Timestamp::MAX`] lies.
    fn try_from(timestamp: Timestamp) -> Result<Self, TimestampError> {
        let Timestamp { seconds, nanos } = Timestamp::new(timestamp.seconds, timestamp.nanos)?;
        Self::new(seconds, nanos).map_err(|_| TimestampError::Unrepresentable { timestamp })
    }
}

impl TryFrom<SignedDuration> for Duration {
    type Error = DurationError;

    /// # Errors
    ///
    /// [`DurationError::OutOfRange`] below [`Duration::MIN`] or above [`Duration::MAX`].
    fn try_from(duration: SignedDuration) -> Result<Self, DurationError> {
        Self::new(duration.as_secs(), duration.subsec_nanos())
    }
}

impl TryFrom<Duration> for SignedDuration {
    type Error = DurationError;

    /// # Errors
    ///
    /// Why the duration is not valid.
    fn try_from(duration: Duration) -> Result<Self, DurationError> {
        let Duration { seconds, nanos } = Duration::new(duration.seconds, duration.nanos)?;
        Ok(Self::new(seconds, nanos))
    }
}
