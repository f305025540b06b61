//! The names that prost and tonic give to things, for the code that has to refer to them.

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::Ident;
use prost_reflect::{MessageDescriptor, OneofDescriptor};
use quote::format_ident;

/// The file that prost writes the package to.
pub(crate) fn file_name(package: &str) -> String {
    if package.is_empty() {
        "_.rs".to_owned()
    } else {
        format!("{package}.rs")
    }
}

/// The module prefix that tonic derives from a service's name: `PrebuildService` becomes
/// `prebuild_service`.
pub(crate) fn service_module(name: &str) -> String {
    let mut module = String::with_capacity(name.len() + 4);
    for (index, character) in name.chars().enumerate() {
        if index > 0 && character.is_uppercase() {
            module.push('_');
        }
        module.push(character.to_ascii_lowercase());
    }
    module
}

/// An identifier, raw if it is a keyword, as prost escapes it.
pub(crate) fn ident(name: &str) -> Ident {
    match name {
        "_" | "super" | "self" | "Self" | "extern" | "crate" => format_ident!("{name}_"),
        "gen" => format_ident!("r#gen"),
        _ if name.starts_with(char::is_numeric) => format_ident!("_{name}"),
        _ if syn::parse_str::<Ident>(name).is_ok() => format_ident!("{name}"),
        _ => format_ident!("r#{name}"),
    }
}

/// The field of a prost struct.
pub(crate) fn field(name: &str) -> Ident {
    ident(&name.to_snake_case())
}

/// A message, enum or oneof variant.
pub(crate) fn camel(name: &str) -> Ident {
    ident(&name.to_upper_camel_case())
}

/// The path of a message within the module of its package.
pub(crate) fn message_path(message: &MessageDescriptor) -> Vec<Ident> {
    let mut path = enclosing_path(message);
    path.push(camel(message.name()));
    path
}

/// The module of what is nested in a message, within the module of its package.
pub(crate) fn nested_path(message: &MessageDescriptor) -> Vec<Ident> {
    let mut path = enclosing_path(message);
    path.push(field(message.name()));
    path
}

/// The enum that prost makes of a oneof, within the module of its package.
pub(crate) fn oneof_path(oneof: &OneofDescriptor) -> Vec<Ident> {
    let message = oneof.parent_message();
    let name = camel(oneof.name());
    let nested = (message.child_messages().map(|child| camel(child.name())))
        .chain(message.child_enums().map(|child| camel(child.name())));
    let taken = nested.into_iter().any(|child| child == name);
    let mut path = nested_path(message);
    path.push(if taken {
        format_ident!("{name}OneOf")
    } else {
        name
    });
    path
}

fn enclosing_path(message: &MessageDescriptor) -> Vec<Ident> {
    let mut path = Vec::new();
    let mut parent = message.parent_message();
    while let Some(message) = parent {
        path.insert(0, field(message.name()));
        parent = message.parent_message();
    }
    path
}
