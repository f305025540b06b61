//! `google.protobuf.Timestamp`.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration as StdDuration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::civil::{Date, SECONDS_PER_DAY};
use crate::decimal::{self, Pieces, Print, Text, pair};
use crate::excerpt::excerpt;
use crate::json::plain::serialize_time;
use crate::rfc3339::Fields;

const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// A point in time with nanosecond resolution: `google.protobuf.Timestamp`.
///
/// Specified in [timestamp.proto] and, for JSON, in [ProtoJSON].
///
/// A valid timestamp lies in the years 0001 to 9999 of UTC. Its nanoseconds count forward, before
/// 1970 too: half a second before it is `seconds: -1, nanos: 500_000_000`. Decoding from binary
/// does not check that; [`Timestamp::is_valid`], [`Timestamp::new`] and every conversion do.
/// There are no leap seconds.
///
/// # JSON
///
/// [RFC 3339] in UTC with 0, 3, 6 or 9 fraction digits: `"2026-11-23T09:30:00.250Z"`. Reading
/// takes one to nine fraction digits, and `Z` or a numeric offset such as `+01:00`; `T` and `Z`
/// are upper case and a second `60` does not exist. [`fmt::Display`] and [`FromStr`] use the same
/// form.
///
/// Serializing an invalid timestamp is an error. `Display` cannot fail, so it says that the value
/// is invalid and names the fields.
///
/// # Order
///
/// Valid timestamps are ordered by time. Invalid ones are ordered by their fields.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
/// use pbjson_wkt::Timestamp;
///
/// assert_eq!(Timestamp::default().to_string(), "1970-01-01T00:00:00Z");
/// assert_eq!("2000-02-29T01:30:00+01:30".parse(), Timestamp::new(951_782_400, 0));
/// assert!(Timestamp::try_from(SystemTime::now())? > Timestamp::default());
///
/// // Every invalid state has an error of its own.
/// assert!(Timestamp::new(Timestamp::MAX_SECONDS + 1, 0).is_err()); // the year 10000
/// assert!(Timestamp::new(0, -1).is_err());                         // nanos count forward
/// assert!("2026-02-29T00:00:00Z".parse::<Timestamp>().is_err());   // not a leap year
/// assert!("2026-11-23".parse::<Timestamp>().is_err());             // no time of day
/// # Ok::<(), pbjson_wkt::TimestampError>(())
/// ```
///
/// [timestamp.proto]: https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp
/// [ProtoJSON]: https://protobuf.dev/programming-guides/json/
/// [RFC 3339]: https://www.rfc-editor.org/rfc/rfc3339#section-5.6
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::prost::Message)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z, from [`Timestamp::MIN_SECONDS`] to
    /// [`Timestamp::MAX_SECONDS`].
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// The fraction in nanoseconds, 0 to 999,999,999.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Timestamp {
    /// The seconds of 0001-01-01T00:00:00Z.
    pub const MIN_SECONDS: i64 = -62_135_596_800;
    /// The seconds of 9999-12-31T23:59:59Z.
    pub const MAX_SECONDS: i64 = 253_402_300_799;
    /// The earliest timestamp, 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self {
        seconds: Self::MIN_SECONDS,
        nanos: 0,
    };
    /// The latest timestamp, 9999-12-31T23:59:59.999999999Z.
    pub const MAX: Self = Self {
        seconds: Self::MAX_SECONDS,
        nanos: NANOS_PER_SECOND - 1,
    };

    /// The time `seconds` and `nanos` after 1970-01-01T00:00:00Z. Nanoseconds are not carried
    /// over: `new(0, 1_000_000_000)` is an error.
    ///
    /// # Errors
    ///
    /// [`TimestampError::OutOfRange`] or [`TimestampError::NanosOutOfRange`].
    pub fn new(seconds: i64, nanos: i32) -> Result<Self, TimestampError> {
        if !(Self::MIN_SECONDS..=Self::MAX_SECONDS).contains(&seconds) {
            return Err(TimestampError::OutOfRange {
                value: format!("{seconds} seconds from 1970"),
            });
        }
        if !(0..NANOS_PER_SECOND).contains(&nanos) {
            return Err(TimestampError::NanosOutOfRange { nanos });
        }
        Ok(Self { seconds, nanos })
    }

    /// Whether both fields are in range.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.checked().is_ok()
    }

    fn checked(&self) -> Result<Self, TimestampError> {
        Self::new(self.seconds, self.nanos)
    }
}

impl Print for Timestamp {
    type Error = TimestampError;

    #[inline]
    fn print(&self, out: &mut impl Pieces) -> Result<(), TimestampError> {
        self.checked()?;
        let date = Date::from_days_since_epoch(self.seconds.div_euclid(SECONDS_PER_DAY));
        // The fields of a valid time are positive and have four digits at most.
        let year = date.year as u32;
        let second = self.seconds.rem_euclid(SECONDS_PER_DAY) as u32;
        // As numbers: put together in a register, and written by one instruction each.
        let pair = |number: u32| u64::from(u16::from_le_bytes(pair(number)));
        let at = |at: u32, byte: u8| u64::from(byte) << (8 * at);
        let date_text = pair(year / 100)
            | pair(year) << 16
            | at(4, b'-')
            | pair(date.month as u32) << 40
            | at(7, b'-');
        let time_text = pair(date.day as u32)
            | at(2, b'T')
            | pair(second / 3_600) << 24
            | at(5, b':')
            | pair(second / 60 % 60) << 48;
        let [s0, s1] = decimal::pair(second % 60);
        out.push(&date_text.to_le_bytes());
        out.push(&time_text.to_le_bytes());
        out.push(&[b':', s0, s1]);
        out.push_fraction(self.nanos.unsigned_abs());
        out.push(b"Z");
        Ok(())
    }
}

impl ::prost::Name for Timestamp {
    const PACKAGE: &'static str = "google.protobuf";
    const NAME: &'static str = "Timestamp";

    fn type_url() -> String {
        "type.googleapis.com/google.protobuf.Timestamp".to_owned()
    }
}

/// Why a [`Timestamp`] cannot be made, read, printed or converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// The text is not in the JSON form.
    #[error(
        "timestamp {text:?} is not RFC 3339: write it like \"2026-11-23T09:30:00Z\" \
         or \"2026-11-23T10:30:00.25+01:00\""
    )]
    Malformed {
        /// The text, shortened when it is long.
        text: String,
    },
    /// The text has the right form, but names a day, a time of day or an offset that is not one.
    #[error(
        "timestamp {text:?} does not exist: check the day of the month, hours 00 to 23, \
         minutes and seconds 00 to 59"
    )]
    Nonexistent {
        /// The text.
        text: String,
    },
    /// The time lies outside the years 0001 to 9999 of UTC.
    #[error(
        "timestamp {value} is out of range: keep it between {} and {}",
        Timestamp::MIN,
        Timestamp::MAX
    )]
    OutOfRange {
        /// The time as it was given: text, or seconds.
        value: String,
    },
    /// The nanoseconds are negative, or make a whole second or more.
    #[error(
        "timestamp has {nanos} nanoseconds: keep them between 0 and 999999999, \
         and count whole seconds as seconds"
    )]
    NanosOutOfRange {
        /// The nanoseconds.
        nanos: i32,
    },
    /// The target type does not reach that far: [`SystemTime`] on some platforms, jiff after
    /// 9999-12-30.
    #[error("timestamp {timestamp} is out of range for the type that it is converted to")]
    Unrepresentable {
        /// The timestamp, which is valid.
        timestamp: Timestamp,
    },
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        match self.print(&mut text) {
            Ok(()) => f.pad(text.as_str()),
            Err(_) => write!(
                f,
                "invalid timestamp ({} seconds, {} nanoseconds)",
                self.seconds, self.nanos
            ),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Reads the JSON form, without the quotes.
    ///
    /// # Errors
    ///
    /// [`TimestampError::Malformed`], [`TimestampError::Nonexistent`] or
    /// [`TimestampError::OutOfRange`].
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let fields = Fields::read(text.as_bytes()).ok_or_else(|| TimestampError::Malformed {
            text: excerpt(text),
        })?;
        if !fields.exist() {
            return Err(TimestampError::Nonexistent {
                text: excerpt(text),
            });
        }
        // The year 0000 may lie in range once the offset is taken off.
        let seconds = fields.seconds_since_epoch();
        if !(Self::MIN_SECONDS..=Self::MAX_SECONDS).contains(&seconds) {
            return Err(TimestampError::OutOfRange {
                value: excerpt(text),
            });
        }
        Ok(Self {
            seconds,
            nanos: fields.nanos,
        })
    }
}

impl Serialize for Timestamp {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_time(*self, serializer)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 timestamp, like \"2026-11-23T09:30:00Z\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = TimestampError;

    /// # Errors
    ///
    /// [`TimestampError::OutOfRange`] outside the years 0001 to 9999.
    fn try_from(time: SystemTime) -> Result<Self, TimestampError> {
        let (seconds, nanos) = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => (i128::from(after.as_secs()), after.subsec_nanos() as i32),
            Err(error) => {
                let before = error.duration();
                let seconds = -i128::from(before.as_secs());
                match before.subsec_nanos() as i32 {
                    0 => (seconds, 0),
                    nanos => (seconds - 1, NANOS_PER_SECOND - nanos),
                }
            }
        };
        match i64::try_from(seconds) {
            Ok(seconds) => Self::new(seconds, nanos),
            Err(_) => Err(TimestampError::OutOfRange {
                value: format!("{seconds} seconds from 1970"),
            }),
        }
    }
}

impl TryFrom<Timestamp> for SystemTime {
    type Error = TimestampError;

    /// The fraction is cut to what the platform's clock can hold: nanoseconds on Unix, 100
    /// nanoseconds on Windows.
    ///
    /// # Errors
    ///
    /// Why the timestamp is not valid, or [`TimestampError::Unrepresentable`].
    fn try_from(timestamp: Timestamp) -> Result<Self, TimestampError> {
        let timestamp = timestamp.checked()?;
        let whole = StdDuration::from_secs(timestamp.seconds.unsigned_abs());
        let second = if timestamp.seconds < 0 {
            Self::UNIX_EPOCH.checked_sub(whole)
        } else {
            Self::UNIX_EPOCH.checked_add(whole)
        };
        let fraction = StdDuration::from_nanos(timestamp.nanos.unsigned_abs().into());
        second
            .and_then(|second| second.checked_add(fraction))
            .ok_or(TimestampError::Unrepresentable { timestamp })
    }
}
