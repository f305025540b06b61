//! Conversions to and from [chrono](::chrono), behind the feature `chrono`.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};

use crate::{Duration, DurationError, Timestamp, TimestampError};

impl<Tz: TimeZone> TryFrom<DateTime<Tz>> for Timestamp {
    type Error = TimestampError;

    /// The time zone is not kept: a timestamp is a point in time.
    ///
    /// # Errors
    ///
    /// [`TimestampError::OutOfRange`] outside the years 0001 to 9999, and
    /// [`TimestampError::NanosOutOfRange`] within a leap second, which chrono counts as
    /// nanoseconds above 999,999,999.
    fn try_from(time: DateTime<Tz>) -> Result<Self, TimestampError> {
        // Below 2·10⁹, so the cast keeps the value.
        Self::new(time.timestamp(), time.timestamp_subsec_nanos() as i32)
    }
}

impl TryFrom<Timestamp> for DateTime<Utc> {
    type Error = TimestampError;

    /// # Errors
    ///
    /// Why the timestamp is not valid.
    fn try_from(timestamp: Timestamp) -> Result<Self, TimestampError> {
        let Timestamp { seconds, nanos } = Timestamp::new(timestamp.seconds, timestamp.nanos)?;
        Self::from_timestamp(seconds, nanos.unsigned_abs())
            .ok_or(TimestampError::Unrepresentable { timestamp })
    }
}

impl TryFrom<TimeDelta> for Duration {
    type Error = DurationError;

    /// # Errors
    ///
    /// [`DurationError::OutOfRange`] below [`Duration::MIN`] or above [`Duration::MAX`].
    fn try_from(delta: TimeDelta) -> Result<Self, DurationError> {
        Self::new(delta.num_seconds(), delta.subsec_nanos())
    }
}

impl TryFrom<Duration> for TimeDelta {
    type Error = DurationError;

    /// # Errors
    ///
    /// Why the duration is not valid.
    fn try_from(duration: Duration) -> Result<Self, DurationError> {
        let Duration { seconds, nanos } = Duration::new(duration.seconds, duration.nanos)?;
        // Every valid duration is far within the range of chrono's.
        Ok(Self::seconds(seconds) + Self::nanoseconds(nanos.into()))
    }
}
