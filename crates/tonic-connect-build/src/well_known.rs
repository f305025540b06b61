//! Which Rust types stand for those of `google.protobuf`.

/// Types that have JSON in `pbjson_wkt`, under the same name.
const TYPES: [&str; 18] = [
    "Any",
    "BoolValue",
    "BytesValue",
    "DoubleValue",
    "Duration",
    "Empty",
    "FieldMask",
    "FloatValue",
    "Int32Value",
    "Int64Value",
    "ListValue",
    "NullValue",
    "StringValue",
    "Struct",
    "Timestamp",
    "UInt32Value",
    "UInt64Value",
    "Value",
];

/// The external types: what the user of the generator named, `pbjson_wkt` for the well-known types
/// that are left, and `prost_types` for whatever else is in their package.
pub(crate) fn extern_paths(named: &[(String, String)]) -> Vec<(String, String)> {
    let mut paths = named.to_vec();
    let own = TYPES.iter().map(|name| {
        (
            format!(".google.protobuf.{name}"),
            format!("::pbjson_wkt::{name}"),
        )
    });
    let rest = (".google.protobuf".to_owned(), "::prost_types".to_owned());
    for (proto_path, rust_path) in own.chain([rest]) {
        if !named.iter().any(|(named, _)| *named == proto_path) {
            paths.push((proto_path, rust_path));
        }
    }
    paths
}
