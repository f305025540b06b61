//! Conversions to and from [prost_types](::prost_types), behind the feature `prost-types`.
//!
//! The wire format is the same, so messages of both kinds can talk to each other in any case; this
//! is for programs that have both in memory. What may be invalid is checked here, on the way in and
//! on the way out.

use crate::{Any, Duration, DurationError, FieldMask, Timestamp, TimestampError, structure};

impl TryFrom<prost_types::Duration> for Duration {
    type Error = DurationError;

    /// # Errors
    ///
    /// Why the duration is not valid.
    fn try_from(duration: prost_types::Duration) -> Result<Self, DurationError> {
        Self::new(duration.seconds, duration.nanos)
    }
}

impl TryFrom<Duration> for prost_types::Duration {
    type Error = DurationError;

    /// # Errors
    ///
    /// Why the duration is not valid.
    fn try_from(duration: Duration) -> Result<Self, DurationError> {
        let Duration { seconds, nanos } = Duration::new(duration.seconds, duration.nanos)?;
        Ok(Self { seconds, nanos })
    }
}

impl TryFrom<prost_types::Timestamp> for Timestamp {
    type Error = TimestampError;

    /// # Errors
    ///
    /// Why the timestamp is not valid.
    fn try_from(timestamp: prost_types::Timestamp) -> Result<Self, TimestampError> {
        Self::new(timestamp.seconds, timestamp.nanos)
    }
}

impl TryFrom<Timestamp> for prost_types::Timestamp {
    type Error = TimestampError;

    /// # Errors
    ///
    /// Why the timestamp is not valid.
    fn try_from(timestamp: Timestamp) -> Result<Self, TimestampError> {
        let Timestamp { seconds, nanos } = Timestamp::new(timestamp.seconds, timestamp.nanos)?;
        Ok(Self { seconds, nanos })
    }
}

/// Messages with the same fields, any values of which are valid.
macro_rules! fields {
    ($($message:ident { $field:ident $(, $more:ident)* })*) => {$(
        impl From<prost_types::$message> for $message {
            fn from(message: prost_types::$message) -> Self {
                Self { $field: message.$field $(, $more: message.$more)* }
            }
        }

        impl From<$message> for prost_types::$message {
            fn from(message: $message) -> Self {
                Self { $field: message.$field $(, $more: message.$more)* }
            }
        }
    )*};
}

fields! {
    Any { type_url, value }
    FieldMask { paths }
}

/// `google/protobuf/struct.proto`, from the module `$from` to the module `$to`.
macro_rules! struct_proto {
    ($from:ident => $to:ident) => {
        impl From<$from::Struct> for $to::Struct {
            fn from(object: $from::Struct) -> Self {
                let entries = object.fields.into_iter();
                Self {
                    fields: entries.map(|(key, value)| (key, value.into())).collect(),
                }
            }
        }

        impl From<$from::ListValue> for $to::ListValue {
            fn from(list: $from::ListValue) -> Self {
                Self {
                    values: list.values.into_iter().map(Into::into).collect(),
                }
            }
        }

        impl From<$from::Value> for $to::Value {
            fn from(value: $from::Value) -> Self {
                use $from::value::Kind as From;
                use $to::value::Kind as To;
                Self {
                    kind: value.kind.map(|kind| match kind {
                        From::NullValue(number) => To::NullValue(number),
                        From::NumberValue(number) => To::NumberValue(number),
                        From::StringValue(text) => To::StringValue(text),
                        From::BoolValue(value) => To::BoolValue(value),
                        From::StructValue(object) => To::StructValue(object.into()),
                        From::ListValue(list) => To::ListValue(list.into()),
                    }),
                }
            }
        }
    };
}

struct_proto!(prost_types => structure);
struct_proto!(structure => prost_types);
