//! google.protobuf well-known types for [prost], with exact JSON.
//!
//! [`Duration`] and [`Timestamp`] have the wire format of `google.protobuf.Duration` and
//! `google.protobuf.Timestamp`, and the JSON form that [ProtoJSON] prescribes for them: what
//! they print every conforming reader takes, and what ProtoJSON forbids they refuse.
//!
//! Their fields are public and bytes come from outside, so a value may be invalid (a nanosecond
//! count of two billion, a year 12000). Such a value can be held, compared, decoded and encoded
//! again in binary; every conversion and the JSON writer check it first and return an error.
//! Nothing here panics, whatever the bytes were.
//!
//! ```
//! use pbjson_wkt::{Duration, Timestamp};
//!
//! let timeout: Duration = serde_json::from_str(r#""5400.5s""#)?;
//! assert_eq!(timeout, Duration::new(5400, 500_000_000)?);
//! assert_eq!(std::time::Duration::try_from(timeout)?.as_millis(), 5_400_500);
//!
//! let created: Timestamp = "2026-11-23T10:30:00+01:00".parse()?;
//! assert_eq!(serde_json::to_string(&created)?, r#""2026-11-23T09:30:00Z""#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Any`], [`FieldMask`], [`Struct`], [`Value`], [`ListValue`], [`Empty`] and the wrappers are
//! here too. `tonic-connect-build` makes generated code use all of them, and writes JSON for
//! messages on the runtime in [`json`].
//!
//! | type | JSON | what is refused |
//! |---|---|---|
//! | [`Duration`] | `"1.500s"` | beyond ±315,576,000,000 s, fields of different signs |
//! | [`Timestamp`] | `"2026-11-23T09:30:00Z"` | outside the years 0001 to 9999, leap seconds |
//! | [`Any`] | the message with `@type` in front | types that are not [registered](register) |
//! | [`FieldMask`] | `"spec.timeout,id"` | paths that would not come back the same |
//! | [`Struct`], [`ListValue`], [`Value`] | JSON itself | no kind, NaN, infinities, a key twice |
//! | [`Empty`] | `{}` | |
//! | [`BoolValue`] and the other wrappers | the value | what the value's own type refuses |
//!
//! JSON that nests deeper than 100 levels within an [`Any`] or a [`Value`] is an error in both
//! directions, whatever limit the parser has. Other nesting is limited by the parser:
//! [`json::from_str`] reads 100 levels of JSON, `serde_json` 127, and prost 100 levels of messages.
//!
//! Floating point is as exact as the parser: [`json::from_str`] is, and `serde_json` wants its
//! feature `float_roundtrip`, without which it may be off by the last digit.
//!
//! # Features
//!
//! `prost-types`, `jiff` and `chrono`, none of them on by default, bring conversions to and from
//! the types of those crates. Those of [`std::time`] are always there.
//!
//! [prost]: https://docs.rs/prost
//! [ProtoJSON]: https://protobuf.dev/programming-guides/json/

mod any;
#[cfg(feature = "chrono")]
mod chrono;
mod civil;
mod decimal;
mod duration;
mod empty;
mod excerpt;
mod field_mask;
#[cfg(feature = "jiff")]
mod jiff;
pub mod json;
#[cfg(feature = "prost-types")]
mod prost_types;
mod rfc3339;
mod structure;
mod timestamp;
mod wrappers;

pub use any::{Any, AnyError, AnyType, register};
pub use duration::{Duration, DurationError};
pub use empty::Empty;
pub use field_mask::{FieldMask, FieldMaskError};
pub use structure::{ListValue, NullValue, Struct, Value, ValueError, value as kind};
pub use timestamp::{Timestamp, TimestampError};
pub use wrappers::{
    BoolValue, BytesValue, DoubleValue, FloatValue, Int32Value, Int64Value, StringValue,
    UInt32Value, UInt64Value,
};
