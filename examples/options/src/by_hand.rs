//! Messages that are written by hand.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Seconds since 1970. It has the binary form of `google.protobuf.Timestamp`, and a JSON form of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Stamp {
    /// The seconds.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("@{}", self.seconds))
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let seconds = text.strip_prefix('@').and_then(|text| text.parse().ok());
        seconds
            .map(|seconds| Self { seconds })
            .ok_or_else(|| D::Error::custom("expected @ and seconds"))
    }
}

/// `shop.v1.Wrapping`, which has no JSON.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Ribbon {
    /// What is around it.
    #[prost(string, tag = "1")]
    pub paper: String,
}

/// `shop.v1.Wrapping`, which knows no rules.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message, Serialize, Deserialize)]
pub struct Wrapping {
    /// What is around it.
    #[prost(string, tag = "1")]
    pub paper: String,
}
