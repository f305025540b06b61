//! Which Rust types stand for protobuf types that are not generated: those that the user named, and those of
//! `google.protobuf`.

use proc_macro2::Ident;
use prost_reflect::DescriptorPool;
use syn::ext::IdentExt;
use syn::parse::Parser;

use crate::Error;

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

const WELL_KNOWN: &str = ".google.protobuf";

/// The external types: what the user of the generator named, `pbjson_wkt` for the well-known types that are left, and
/// `prost_types` for whatever else is in their package.
pub(crate) fn paths(
    named: &[(String, String)],
    pool: &DescriptorPool,
) -> Result<Vec<(String, String)>, Error> {
    for (index, (path, rust_path)) in named.iter().enumerate() {
        check(path, rust_path, pool)?;
        if named[..index].iter().any(|(before, _)| before == path) {
            return Err(error(path, "is given twice; leave one out"));
        }
    }
    let mut paths = named.to_vec();
    let is_named = |path: &str| named.iter().any(|(named, _)| named == path);
    if !is_named(WELL_KNOWN) {
        for name in TYPES {
            let path = format!("{WELL_KNOWN}.{name}");
            if !is_named(&path) {
                paths.push((path, format!("::pbjson_wkt::{name}")));
            }
        }
        paths.push((WELL_KNOWN.to_owned(), "::prost_types".to_owned()));
    }
    Ok(paths)
}

/// Whether the type or package `full_name` is external.
pub(crate) fn covers(paths: &[(String, String)], full_name: &str) -> bool {
    covering(paths, full_name).next().is_some()
}

/// Whether the message `full_name` is one of `prost_types`.
pub(crate) fn is_of_prost_types(paths: &[(String, String)], full_name: &str) -> bool {
    // The nearest one counts.
    covering(paths, full_name)
        .max_by_key(|(path, _)| path.len())
        .is_some_and(|(_, rust_path)| rust_path.split("::").nth(1) == Some("prost_types"))
}

fn covering<'a>(
    paths: &'a [(String, String)],
    full_name: &'a str,
) -> impl Iterator<Item = &'a (String, String)> {
    paths.iter().filter(move |(path, _)| {
        path.strip_prefix('.')
            .and_then(|path| full_name.strip_prefix(path))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn check(path: &str, rust_path: &str, pool: &DescriptorPool) -> Result<(), Error> {
    let Some(name) = path.strip_prefix('.') else {
        return Err(error(
            path,
            format!("does not begin with a dot; write {:?}", format!(".{path}")),
        ));
    };
    if !rust_path.starts_with("::") && !rust_path.starts_with("crate::") {
        return Err(error(
            path,
            format!(
                "the Rust path {rust_path:?} means something else in each module; begin it with :: or crate::"
            ),
        ));
    }
    let is_type = pool.get_message_by_name(name).is_some()
        || pool.get_enum_by_name(name).is_some()
        || path.starts_with(".google.protobuf.");
    if !is_path(rust_path, is_type) {
        return Err(error(path, format!("{rust_path:?} is no path of Rust")));
    }
    let within = |full_name: &str| {
        full_name
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let known = pool.files().any(|file| within(file.package_name()))
        || pool
            .all_messages()
            .any(|message| within(message.full_name()))
        || pool.all_enums().any(|each| within(each.full_name()));
    // Well-known types may be named for all schemas alike, whether they import them or not.
    if known || path == WELL_KNOWN || path.starts_with(".google.protobuf.") {
        return Ok(());
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    let candidates: Vec<_> = pool
        .all_messages()
        .map(|message| message.full_name().to_owned())
        .chain(pool.all_enums().map(|each| each.full_name().to_owned()))
        .filter(|full_name| full_name.rsplit('.').next() == Some(last))
        .map(|full_name| format!(".{full_name}"))
        .collect();
    let remedy = if candidates.is_empty() {
        "import the file that declares it, or leave the option out".to_owned()
    } else {
        format!("did you mean {}?", candidates.join(" or "))
    };
    Err(error(
        path,
        format!("no package, message or enum of the schema has this name; {remedy}"),
    ))
}

/// Whether it is one for prost, which panics if it is not. That of a type is used as it is; that of a package is taken
/// apart, and what is a keyword in it is escaped.
fn is_path(rust_path: &str, is_type: bool) -> bool {
    if is_type {
        return syn::parse_str::<syn::Path>(rust_path).is_ok();
    }
    let mut parts = rust_path
        .strip_prefix("::")
        .unwrap_or(rust_path)
        .split("::");
    parts.all(|part| Ident::parse_any.parse_str(part).is_ok())
}

fn error(path: &str, reason: impl Into<String>) -> Error {
    Error::ExternPath {
        path: path.to_owned(),
        reason: reason.into(),
    }
}
