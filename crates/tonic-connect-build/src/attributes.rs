//! Attributes that the user put on types, clients and servers.
//!
//! prost and tonic put them on theirs; what is ours beside tonic's has them from here.

use syn::Attribute;
use syn::parse::Parser;

use crate::{Builder, Error};

/// Checks that they are attributes, because prost and tonic panic where they are none.
pub(crate) fn check(builder: &Builder) -> Result<(), Error> {
    for (option, pairs) in [
        ("type_attribute", &builder.type_attributes),
        ("message_attribute", &builder.message_attributes),
        ("enum_attribute", &builder.enum_attributes),
        ("field_attribute", &builder.field_attributes),
        ("client_mod_attribute", &builder.client_mod_attributes),
        ("client_attribute", &builder.client_attributes),
        ("server_mod_attribute", &builder.server_mod_attributes),
        ("server_attribute", &builder.server_attributes),
        ("trait_attribute", &builder.trait_attributes),
    ] {
        for (path, text) in pairs {
            parse(text).map_err(|error| Error::Option {
                call: format!("{option}({path:?}, {text:?})"),
                reason: format!("is no attribute of Rust: {error}; write #[…]"),
            })?;
        }
    }
    Ok(())
}

/// The attributes whose path matches `name`, a package or a service.
pub(crate) fn matching(pairs: &[(String, String)], name: &str) -> Vec<Attribute> {
    pairs
        .iter()
        .filter(|(path, _)| matches(path, name))
        .flat_map(|(_, text)| parse(text).unwrap_or_default())
        .collect()
}

/// Those that say whether an item is there at all. What re-exports the item has to carry them, and no others.
pub(crate) fn conditions(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|each| each.path().is_ident("cfg") || each.path().is_ident("cfg_attr"))
}

fn parse(text: &str) -> syn::Result<Vec<Attribute>> {
    Attribute::parse_outer.parse_str(text)
}

/// Whether tonic would put an attribute of this path on something of this name: it is `.`, it begins the name (then it
/// has a dot in front), or it ends the name.
fn matches(path: &str, name: &str) -> bool {
    if path.is_empty() {
        return false;
    }
    if path == "." || path == name {
        return true;
    }
    let path: Vec<_> = path.split('.').collect();
    let name: Vec<_> = name.split('.').collect();
    if path[0].is_empty() {
        name.starts_with(&path)
    } else {
        name.ends_with(&path)
    }
}
