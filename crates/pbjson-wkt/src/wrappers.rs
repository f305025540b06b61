//! The wrappers of `google/protobuf/wrappers.proto`: scalars as messages, from a time when proto3
//! could not tell a scalar that is unset from one that is zero.

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::json::{self, Kind, Read};

macro_rules! wrappers {
    ($($(#[$derive:meta])* $wrapper:ident($name:literal): $value:ty, $prost:meta, $kind:ty;)*) => {$(
        #[doc = concat!("A message around one value: `google.protobuf.", $name, "`.")]
        ///
        /// Specified in
        /// [wrappers.proto](https://protobuf.dev/reference/protobuf/google.protobuf/). In JSON, the
        /// value itself.
        $(#[$derive])*
        #[derive(Clone, PartialEq, ::prost::Message)]
        pub struct $wrapper {
            /// The value.
            #[$prost]
            pub value: $value,
        }

        impl From<$value> for $wrapper {
            fn from(value: $value) -> Self {
                Self { value }
            }
        }

        impl From<$wrapper> for $value {
            fn from(wrapper: $wrapper) -> Self {
                wrapper.value
            }
        }

        impl ::prost::Name for $wrapper {
            const PACKAGE: &'static str = "google.protobuf";
            const NAME: &'static str = $name;

            fn type_url() -> String {
                concat!("type.googleapis.com/google.protobuf.", $name).to_owned()
            }
        }

        impl Serialize for $wrapper {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$kind>::write(&self.value, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $wrapper {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match <$kind>::read(deserializer)? {
                    Read::Value(value) => Ok(Self { value }),
                    Read::Null | Read::Skipped => Err(de::Error::custom(concat!(
                        "null is not a value of google.protobuf.", $name
                    ))),
                }
            }
        }
    )*};
}

wrappers! {
    #[derive(Copy, Eq, Hash)]
    BoolValue("BoolValue"): bool, prost(bool, tag = "1"), json::Bool;
    #[derive(Eq, Hash)]
    BytesValue("BytesValue"): Vec<u8>, prost(bytes = "vec", tag = "1"), json::Bytes;
    #[derive(Copy)]
    DoubleValue("DoubleValue"): f64, prost(double, tag = "1"), json::Double;
    #[derive(Copy)]
    FloatValue("FloatValue"): f32, prost(float, tag = "1"), json::Float;
    #[derive(Copy, Eq, Hash)]
    Int32Value("Int32Value"): i32, prost(int32, tag = "1"), json::Int32;
    #[derive(Copy, Eq, Hash)]
    Int64Value("Int64Value"): i64, prost(int64, tag = "1"), json::Int64;
    #[derive(Eq, Hash)]
    StringValue("StringValue"): String, prost(string, tag = "1"), json::Text;
    #[derive(Copy, Eq, Hash)]
    UInt32Value("UInt32Value"): u32, prost(uint32, tag = "1"), json::UInt32;
    #[derive(Copy, Eq, Hash)]
    UInt64Value("UInt64Value"): u64, prost(uint64, tag = "1"), json::UInt64;
}
