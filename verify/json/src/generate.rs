//! Random messages, always the same for a seed, and full of the values at which JSON goes wrong.
//!
//! Only what has a JSON form is made: durations and timestamps in range, values with a kind and
//! finite numbers, paths that come back the same, types that everybody knows. Left out are minus
//! zero in fields without presence, which prost takes for the default and does not encode, and
//! payloads of NaN, which JSON does not carry.

use std::collections::HashMap;

use fastrand::Rng;
use prost::Message as _;
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    ReflectMessage as _, Value,
};

/// Beyond this, only fields without messages are set.
const DEPTH: usize = 4;
/// How many fields of a message are set, on average.
const FIELDS: usize = 6;
const TEXTS: &[&str] = &[
    "",
    "a",
    "0",
    "true",
    "null",
    "\"",
    "\\",
    "/",
    "\n",
    "\t",
    "\r",
    "\u{0}",
    "\u{1f}",
    "\u{7f}",
    "é",
    "ß",
    "😀",
    "\u{2028}",
    "\u{feff}",
    "\u{ffff}",
    "\u{10ffff}",
    "<script>",
    "__proto__",
    "constructor",
    "@type",
    "value",
    "1.5",
    "  ",
    "{\"a\":1}",
    "\\u0041",
];
const PATHS: &[&str] = &[
    "id",
    "spec.desired_phase",
    "a_b_c",
    "v2_name",
    "metadata",
    "x.y.z_w",
];

/// Makes messages.
pub struct Generator {
    rng: Rng,
    /// What an `Any` may hold.
    types: Vec<MessageDescriptor>,
}

impl Generator {
    /// A generator with a seed, which knows the types in `pool`.
    pub fn new(seed: u64, pool: &DescriptorPool) -> Self {
        let types = pool
            .all_messages()
            .filter(|each| {
                let known = [
                    "google.protobuf",
                    "gitpod.v1",
                    "protobuf_test_messages.proto3",
                ]
                .contains(&each.package_name())
                    && !each.is_map_entry();
                let file = each.parent_file();
                known && !file.name().ends_with("descriptor.proto")
            })
            .collect();
        Self {
            rng: Rng::with_seed(seed),
            types,
        }
    }

    /// One of `choices`.
    pub fn choose<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.rng.usize(..choices.len())]
    }

    /// A message of this type.
    pub fn message(&mut self, descriptor: &MessageDescriptor) -> DynamicMessage {
        self.at(descriptor, 0)
    }

    fn at(&mut self, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        let mut set = |name: &str, value| message.set_field_by_name(name, value);
        match descriptor.full_name() {
            "google.protobuf.Duration" => {
                let seconds = self.seconds(-315_576_000_000, 315_576_000_000);
                let nanos = self.nanos();
                set("seconds", Value::I64(seconds));
                let negative = seconds < 0 || (seconds == 0 && self.rng.bool());
                set("nanos", Value::I32(if negative { -nanos } else { nanos }));
            }
            "google.protobuf.Timestamp" => {
                set(
                    "seconds",
                    Value::I64(self.seconds(-62_135_596_800, 253_402_300_799)),
                );
                set("nanos", Value::I32(self.nanos()));
            }
            "google.protobuf.FieldMask" => {
                let paths = (0..self.rng.usize(..4))
                    .map(|_| Value::String((*self.choose(PATHS)).to_owned()))
                    .collect();
                set("paths", Value::List(paths));
            }
            "google.protobuf.Any" => {
                if depth < DEPTH && self.rng.u8(..8) > 0 {
                    let inner = self.rng.usize(..self.types.len());
                    let inner = self.types[inner].clone();
                    let prefix = if self.rng.u8(..8) == 0 {
                        "example.com/x"
                    } else {
                        "type.googleapis.com"
                    };
                    set(
                        "type_url",
                        Value::String(format!("{prefix}/{}", inner.full_name())),
                    );
                    set(
                        "value",
                        Value::Bytes(self.at(&inner, depth + 1).encode_to_vec().into()),
                    );
                }
            }
            "google.protobuf.Value" => {
                let simple = if depth < DEPTH { 6 } else { 4 };
                match self.rng.u8(..simple) {
                    0 => set("null_value", Value::EnumNumber(0)),
                    1 => set("bool_value", Value::Bool(self.rng.bool())),
                    2 => set("number_value", Value::F64(self.finite())),
                    3 => set("string_value", Value::String(self.text())),
                    kind => {
                        let name = if kind == 4 {
                            "struct_value"
                        } else {
                            "list_value"
                        };
                        if let Some(field) = descriptor.get_field_by_name(name) {
                            let value = self.single(&field.kind(), depth);
                            message.set_field(&field, value);
                        }
                    }
                }
            }
            _ => self.fields(&mut message, depth),
        }
        message
    }

    fn fields(&mut self, message: &mut DynamicMessage, depth: usize) {
        let descriptor = message.descriptor();
        let count = descriptor.fields().len();
        for field in descriptor.fields() {
            if self.rng.usize(..count.max(1)) >= FIELDS || (depth >= DEPTH && holds_message(&field))
            {
                continue;
            }
            let value = if field.is_map() {
                self.map(&field, depth)
            } else if field.cardinality() == Cardinality::Repeated {
                let length = self.rng.usize(1..4);
                Value::List(
                    (0..length)
                        .map(|_| self.single(&field.kind(), depth))
                        .collect(),
                )
            } else {
                match self.single(&field.kind(), depth) {
                    value if field.supports_presence() => value,
                    value => without_minus_zero(value),
                }
            };
            message.set_field(&field, value);
        }
    }

    fn map(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        let Kind::Message(entry) = field.kind() else {
            return Value::Map(HashMap::new());
        };
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let length = self.rng.usize(1..4);
        let entries = (0..length).filter_map(|_| {
            let key = match self.single(&key.kind(), depth) {
                Value::Bool(key) => MapKey::Bool(key),
                Value::I32(key) => MapKey::I32(key),
                Value::I64(key) => MapKey::I64(key),
                Value::U32(key) => MapKey::U32(key),
                Value::U64(key) => MapKey::U64(key),
                Value::String(key) => MapKey::String(key),
                _ => return None,
            };
            Some((key, without_minus_zero(self.single(&value.kind(), depth))))
        });
        Value::Map(entries.collect())
    }

    fn single(&mut self, kind: &Kind, depth: usize) -> Value {
        match kind {
            Kind::Double => Value::F64(match self.rng.u8(..6) {
                0 => *self.choose(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
                _ => self.finite(),
            }),
            Kind::Float => Value::F32(match self.rng.u8(..6) {
                0 => *self.choose(&[
                    f32::NAN,
                    f32::INFINITY,
                    f32::NEG_INFINITY,
                    -3.402_823e38,
                    1e-45,
                ]),
                1 => *self.choose(&[0.0, -0.0, 0.1, 16_777_216.0, f32::MIN_POSITIVE, 1e21, 1e-7]),
                _ => Some(f32::from_bits(self.rng.u32(..)))
                    .filter(|f| f.is_finite())
                    .unwrap_or(0.5),
            }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(self.integer() as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(self.integer() as i64),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(self.integer() as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(self.integer()),
            Kind::Bool => Value::Bool(self.rng.bool()),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => {
                let length = self.rng.usize(..9);
                Value::Bytes(
                    (0..length)
                        .map(|_| self.rng.u8(..))
                        .collect::<Vec<_>>()
                        .into(),
                )
            }
            Kind::Message(message) => Value::Message(self.at(message, depth + 1)),
            Kind::Enum(each) if each.full_name() == "google.protobuf.NullValue" => {
                Value::EnumNumber(0)
            }
            Kind::Enum(each) => Value::EnumNumber(if self.rng.u8(..8) == 0 {
                self.integer() as i32
            } else {
                let numbers: Vec<_> = each.values().map(|value| value.number()).collect();
                *self.choose(&numbers)
            }),
        }
    }

    /// Any 64 bits, and often those where types end.
    fn integer(&mut self) -> u64 {
        match self.rng.u8(..4) {
            0 => self.rng.u64(..10),
            1 => 1_u64
                .checked_shl(self.rng.u32(..65))
                .unwrap_or(0)
                .wrapping_sub(self.rng.u64(..2)),
            2 => (1_u64 << self.rng.u32(..64)).wrapping_neg(),
            _ => self.rng.u64(..),
        }
    }

    fn finite(&mut self) -> f64 {
        match self.rng.u8(..4) {
            0 => *self.choose(&[
                0.0,
                -0.0,
                0.1,
                -1.5,
                1e21,
                1e-7,
                1e23,
                f64::MAX,
                f64::MIN_POSITIVE,
                5e-324,
                9_007_199_254_740_993.0,
                1e308,
                123_456_789.125,
            ]),
            1 => self.rng.i32(..).into(),
            _ => Some(f64::from_bits(self.rng.u64(..)))
                .filter(|f| f.is_finite())
                .unwrap_or(0.5),
        }
    }

    fn text(&mut self) -> String {
        let length = self.rng.usize(..4);
        (0..length).map(|_| *self.choose(TEXTS)).collect()
    }

    fn seconds(&mut self, least: i64, most: i64) -> i64 {
        match self.rng.u8(..5) {
            0 => *self.choose(&[least, least + 1, most - 1, most]),
            1 => self.rng.i64(-2..=2),
            2 => self.rng.i64(-100_000..2_000_000_000),
            _ => self.rng.i64(least..=most),
        }
    }

    fn nanos(&mut self) -> i32 {
        match self.rng.u8(..5) {
            0 => 0,
            1 => self.rng.i32(0..1_000) * 1_000_000,
            2 => self.rng.i32(0..1_000_000) * 1_000,
            3 => *self.choose(&[1, 10, 999_999_999, 100_000_000, 999_000_000]),
            _ => self.rng.i32(0..1_000_000_000),
        }
    }
}

/// Patterns match minus zero too.
#[allow(clippy::needless_match)]
fn without_minus_zero(value: Value) -> Value {
    match value {
        Value::F64(0.0) => Value::F64(0.0),
        Value::F32(0.0) => Value::F32(0.0),
        value => value,
    }
}

fn holds_message(field: &FieldDescriptor) -> bool {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            matches!(entry.map_entry_value_field().kind(), Kind::Message(_))
        }
        Kind::Message(_) => true,
        _ => false,
    }
}
