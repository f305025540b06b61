//! Attributes that the user put on clients and servers: tonic's have them from tonic, ours have the same from here.

use syn::Attribute;

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

/// Attributes are parsed with the item that they are on; here with one of no meaning, as tonic does.
fn parse(text: &str) -> syn::Result<Vec<Attribute>> {
    syn::parse_str::<syn::DeriveInput>(&format!("{text}\nstruct Item;")).map(|item| item.attrs)
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
