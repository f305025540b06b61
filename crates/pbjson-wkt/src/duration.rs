//! `google.protobuf.Duration`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::decimal::{Integer, Pieces, Print, Text, number, split_digits, split_fraction};
use crate::excerpt::excerpt;
use crate::json::plain::serialize_time;

/// A signed span of time with nanosecond resolution: `google.protobuf.Duration`.
///
/// Specified in [duration.proto] and, for JSON, in [ProtoJSON].
///
/// In a valid duration both fields have the same sign, or one of them is zero: minus half a
/// second is `seconds: 0, nanos: -500_000_000`. Decoding from binary does not check that;
/// [`Duration::is_valid`], [`Duration::new`] and every conversion do.
///
/// # JSON
///
/// Decimal seconds and an `s`, with 0, 3, 6 or 9 fraction digits: `"3600s"`, `"-0.500s"`.
/// Reading takes one to nine fraction digits, and a leading `+` too. [`fmt::Display`] and
/// [`FromStr`] use the same form.
///
/// Serializing an invalid duration is an error. `Display` cannot fail, so it says that the value
/// is invalid and names the fields.
///
/// # Order
///
/// Valid durations are ordered by length, and negative ones come before zero. Invalid ones are
/// ordered by their fields.
///
/// # Examples
///
/// ```
/// use pbjson_wkt::Duration;
///
/// let hour = Duration::new(3600, 0)?;
/// assert_eq!(hour.to_string(), "3600s");
/// assert_eq!("-0.5s".parse(), Duration::new(0, -500_000_000));
/// assert_eq!(Duration::try_from(std::time::Duration::from_millis(1500))?.to_string(), "1.500s");
///
/// // Every invalid state has an error of its own.
/// assert!(Duration::new(Duration::MAX_SECONDS + 1, 0).is_err()); // beyond 10,000 years
/// assert!(Duration::new(0, 1_000_000_000).is_err());             // a whole second in nanos
/// assert!(Duration::new(1, -1).is_err());                        // mixed signs
/// assert!(std::time::Duration::try_from("-1s".parse::<Duration>()?).is_err());
/// # Ok::<(), pbjson_wkt::DurationError>(())
/// ```
///
/// [duration.proto]: https://protobuf.dev/reference/protobuf/google.protobuf/#duration
/// [ProtoJSON]: https://protobuf.dev/programming-guides/json/
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::prost::Message)]
pub struct Duration {
    /// Whole seconds, from [`Duration::MIN_SECONDS`] to [`Duration::MAX_SECONDS`].
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// The fraction in nanoseconds, -999,999,999 to 999,999,999, with the sign of `seconds`
    /// unless that is zero.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Duration {
    /// The most whole seconds, 10,000 years of 365.25 days.
    pub const MAX_SECONDS: i64 = 315_576_000_000;
    /// The fewest whole seconds, -[`Duration::MAX_SECONDS`].
    pub const MIN_SECONDS: i64 = -Self::MAX_SECONDS;
    /// The longest duration.
    pub const MAX: Self = Self {
        seconds: Self::MAX_SECONDS,
        nanos: 999_999_999,
    };
    /// The longest negative duration.
    pub const MIN: Self = Self {
        seconds: Self::MIN_SECONDS,
        nanos: -999_999_999,
    };

    /// A duration of `seconds` and `nanos`, which are not carried over: `new(0, 1_000_000_000)` is
    /// an error.
    ///
    /// # Errors
    ///
    /// [`DurationError::OutOfRange`], [`DurationError::NanosOutOfRange`] or
    /// [`DurationError::MixedSigns`].
    pub fn new(seconds: i64, nanos: i32) -> Result<Self, DurationError> {
        if !(Self::MIN_SECONDS..=Self::MAX_SECONDS).contains(&seconds) {
            return Err(DurationError::OutOfRange {
                value: format!("{seconds}s"),
            });
        }
        if !(-999_999_999..=999_999_999).contains(&nanos) {
            return Err(DurationError::NanosOutOfRange { nanos });
        }
        if (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0) {
            return Err(DurationError::MixedSigns { seconds, nanos });
        }
        Ok(Self { seconds, nanos })
    }

    /// Whether both fields are in range and agree in sign.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.checked().is_ok()
    }

    fn checked(&self) -> Result<Self, DurationError> {
        Self::new(self.seconds, self.nanos)
    }
}

impl Print for Duration {
    type Error = DurationError;

    #[inline]
    fn print(&self, out: &mut impl Pieces) -> Result<(), DurationError> {
        self.checked()?;
        let seconds = Integer {
            negative: self.seconds < 0 || self.nanos < 0,
            magnitude: self.seconds.unsigned_abs(),
        };
        // An integer always has a text.
        let Ok(()) = seconds.print(out);
        out.push_fraction(self.nanos.unsigned_abs());
        out.push(b"s");
        Ok(())
    }
}

impl ::prost::Name for Duration {
    const PACKAGE: &'static str = "google.protobuf";
    const NAME: &'static str = "Duration";

    fn type_url() -> String {
        "type.googleapis.com/google.protobuf.Duration".to_owned()
    }
}

/// Why a [`Duration`] cannot be made, read, printed or converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// The text is not in the JSON form.
    #[error(
        "duration {text:?} cannot be read: write seconds with up to 9 decimals and an s, \
         like \"3600s\" or \"-0.5s\""
    )]
    Malformed {
        /// The text, shortened when it is long.
        text: String,
    },
    /// The seconds are below [`Duration::MIN_SECONDS`] or above [`Duration::MAX_SECONDS`].
    #[error(
        "duration {value} is out of range: keep it between {min}s and {max}s",
        min = Duration::MIN_SECONDS,
        max = Duration::MAX_SECONDS
    )]
    OutOfRange {
        /// The duration in its JSON form, shortened when it is long; a negative one begins with
        /// `-`.
        value: String,
    },
    /// The nanoseconds make a whole second or more.
    #[error(
        "duration has {nanos} nanoseconds: keep them between -999999999 and 999999999, \
         and count whole seconds as seconds"
    )]
    NanosOutOfRange {
        /// The nanoseconds.
        nanos: i32,
    },
    /// One field is positive and the other negative.
    #[error("duration has {seconds} seconds and {nanos} nanoseconds: give both the same sign")]
    MixedSigns {
        /// The seconds.
        seconds: i64,
        /// The nanoseconds.
        nanos: i32,
    },
    /// The target type has no negative durations.
    #[error("duration {duration} is negative: only zero or a positive one can be converted")]
    Negative {
        /// The duration, which is valid.
        duration: Duration,
    },
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        match self.print(&mut text) {
            Ok(()) => f.pad(text.as_str()),
            Err(_) => write!(
                f,
                "invalid duration ({} seconds, {} nanoseconds)",
                self.seconds, self.nanos
            ),
        }
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    /// Reads the JSON form, without the quotes.
    ///
    /// # Errors
    ///
    /// [`DurationError::Malformed`] or [`DurationError::OutOfRange`].
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let malformed = || DurationError::Malformed {
            text: excerpt(text),
        };
        let (negative, unsigned) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (whole, rest) = split_digits(unsigned);
        let (nanos, rest) = split_fraction(rest).ok_or_else(malformed)?;
        if whole.is_empty() || rest != b"s" {
            return Err(malformed());
        }
        match i64::try_from(number(whole)) {
            Ok(seconds) if seconds <= Self::MAX_SECONDS => Ok(if negative {
                Self {
                    seconds: -seconds,
                    nanos: -nanos,
                }
            } else {
                Self { seconds, nanos }
            }),
            _ => Err(DurationError::OutOfRange {
                value: excerpt(text),
            }),
        }
    }
}

impl Serialize for Duration {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_time(*self, serializer)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration in seconds, like \"3600s\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

impl TryFrom<std::time::Duration> for Duration {
    type Error = DurationError;

    /// # Errors
    ///
    /// [`DurationError::OutOfRange`] above [`Duration::MAX`].
    fn try_from(duration: std::time::Duration) -> Result<Self, DurationError> {
        match i64::try_from(duration.as_secs()) {
            // Below 10⁹, so the cast keeps the value.
            Ok(seconds) => Self::new(seconds, duration.subsec_nanos() as i32),
            Err(_) => Err(DurationError::OutOfRange {
                value: format!("{}s", duration.as_secs()),
            }),
        }
    }
}

impl TryFrom<Duration> for std::time::Duration {
    type Error = DurationError;

    /// # Errors
    ///
    /// [`DurationError::Negative`], or why the duration is not valid.
    fn try_from(duration: Duration) -> Result<Self, DurationError> {
        let duration = duration.checked()?;
        match (
            u64::try_from(duration.seconds),
            u32::try_from(duration.nanos),
        ) {
            (Ok(seconds), Ok(nanos)) => Ok(Self::new(seconds, nanos)),
            _ => Err(DurationError::Negative { duration }),
        }
    }
}
