//! `google.protobuf.Empty`.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::json;

/// A message without fields: `google.protobuf.Empty`. In JSON, `{}`.
///
/// Specified in [empty.proto](https://protobuf.dev/reference/protobuf/google.protobuf/#empty).
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Empty {}

impl ::prost::Name for Empty {
    const PACKAGE: &'static str = "google.protobuf";
    const NAME: &'static str = "Empty";

    fn type_url() -> String {
        "type.googleapis.com/google.protobuf.Empty".to_owned()
    }
}

impl json::Message for Empty {
    const NAME: &'static str = "google.protobuf.Empty";
    const FIELDS: &'static [&'static str] = &[];

    fn index(_: &str) -> Option<usize> {
        None
    }

    fn write<M: SerializeMap>(&self, _: &mut M) -> Result<(), M::Error> {
        Ok(())
    }

    fn read<'de, A: MapAccess<'de>>(&mut self, _: usize, map: &mut A) -> Result<(), A::Error> {
        map.next_value::<IgnoredAny>().map(|_| ())
    }
}

impl Serialize for Empty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::deserialize(deserializer)
    }
}
