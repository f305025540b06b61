//! When two messages, or two JSON texts, are the same.
//!
//! Messages: field by field, floating point by its bits with every NaN alike, maps in any order, an
//! `Any` by the message inside of it. JSON: the same tree, keys in any order; numbers may be written
//! in any way that is the same number in double precision, or in single precision (`3.4028235e38`
//! is `3.4028234663852886e38`).
//!
//! Minus zero is not zero, except in what JavaScript has printed: `JSON.stringify(-0)` is `0`.

use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, Value};

/// Whether minus zero is another number than zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Zeros {
    /// It is.
    Signed,
    /// It is not.
    Alike,
}

impl Zeros {
    fn same(self, a: f64, b: f64) -> bool {
        a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || (a == b && self == Self::Alike)
    }
}

/// Where two messages differ, or `None`.
pub fn message_difference(a: &DynamicMessage, b: &DynamicMessage, zeros: Zeros) -> Option<String> {
    if a.descriptor().full_name() == "google.protobuf.Any"
        && let (Some(a), Some(b)) = (inside(a), inside(b))
    {
        return message_difference(&a, &b, zeros);
    }
    for field in a.descriptor().fields() {
        let name = field.name().to_owned();
        match (a.has_field(&field), b.has_field(&field)) {
            (false, false) => continue,
            (true, true) => {}
            _ => return Some(format!("{name} is set in one only")),
        }
        if let Some(path) = value_difference(&a.get_field(&field), &b.get_field(&field), zeros) {
            return Some(format!("{name}.{path}"));
        }
    }
    None
}

/// The message in an `Any`, when the types are known and the same on both sides.
fn inside(any: &DynamicMessage) -> Option<DynamicMessage> {
    let url = any.get_field_by_name("type_url")?;
    let (_, name) = url.as_str()?.rsplit_once('/')?;
    let descriptor: MessageDescriptor = any.descriptor().parent_pool().get_message_by_name(name)?;
    let value = any.get_field_by_name("value")?;
    DynamicMessage::decode(descriptor, value.as_bytes()?.clone()).ok()
}

fn value_difference(a: &Value, b: &Value, zeros: Zeros) -> Option<String> {
    let same = match (a, b) {
        (&Value::F32(a), &Value::F32(b)) => zeros.same(a.into(), b.into()),
        (&Value::F64(a), &Value::F64(b)) => zeros.same(a, b),
        (Value::Message(a), Value::Message(b)) => return message_difference(a, b, zeros),
        (Value::List(a), Value::List(b)) if a.len() == b.len() => {
            return a
                .iter()
                .zip(b)
                .find_map(|(a, b)| value_difference(a, b, zeros));
        }
        (Value::Map(a), Value::Map(b)) if a.len() == b.len() => {
            return a.iter().find_map(|(key, a)| match b.get(key) {
                Some(b) => value_difference(a, b, zeros),
                None => Some(format!("{key:?} is in one only")),
            });
        }
        (a, b) => a == b,
    };
    (!same).then(|| format!("{a:?} is not {b:?}"))
}

/// Where two JSON texts differ, or `None`.
pub fn json_difference(
    a: &serde_json::Value,
    b: &serde_json::Value,
    zeros: Zeros,
) -> Option<String> {
    use serde_json::Value as Json;
    let same = match (a, b) {
        (Json::Number(a), Json::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => zeros.same(a, b) || same_single(a as f32, b as f32),
            _ => false,
        },
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            return a
                .iter()
                .zip(b)
                .find_map(|(a, b)| json_difference(a, b, zeros));
        }
        (Json::Object(a), Json::Object(b)) if a.len() == b.len() => {
            return a.iter().find_map(|(key, a)| match b.get(key) {
                Some(b) => json_difference(a, b, zeros).map(|path| format!("{key}.{path}")),
                None => Some(format!("{key} is in one only")),
            });
        }
        (a, b) => a == b,
    };
    (!same).then(|| format!("{a} is not {b}"))
}

/// Whether a number of single precision is meant, and the same one.
fn same_single(a: f32, b: f32) -> bool {
    a == b && a.is_finite() && a != 0.0
}
