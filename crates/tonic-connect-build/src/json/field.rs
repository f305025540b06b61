//! Fields: which call of the runtime writes and reads each.

use proc_macro2::TokenStream;
use prost_reflect::{Cardinality, FieldDescriptor, Kind, OneofDescriptor};
use quote::quote;

use super::Generator;
use crate::naming;

/// How a field stands in the struct that prost generates.
pub(super) enum Form {
    /// The value itself, written unless it is the default.
    Singular,
    /// The value itself, written always.
    Required,
    /// An `Option`.
    Optional,
    /// A `Vec`.
    Repeated,
    /// A `HashMap`.
    Map,
}

impl Form {
    /// The form of a field that is no member of a oneof.
    pub(super) fn of_lone(field: &FieldDescriptor) -> Option<Self> {
        if oneof(field).is_some() {
            return None;
        }
        Some(if field.is_map() {
            Self::Map
        } else if field.is_list() {
            Self::Repeated
        } else if field.cardinality() == Cardinality::Required {
            Self::Required
        } else if field.supports_presence() {
            Self::Optional
        } else {
            Self::Singular
        })
    }

    pub(super) fn write(&self, generator: &mut Generator, field: &FieldDescriptor) -> TokenStream {
        let name = written_name(field);
        let place = naming::field(field.name());
        let kind = kinds(generator, field);
        let call = match self {
            Self::Singular => quote!(put_singular),
            Self::Required => quote!(put),
            Self::Optional => quote!(put_optional),
            Self::Repeated => quote!(put_repeated),
            Self::Map => quote!(put_map),
        };
        quote!(::pbjson_wkt::json::#call::<#kind, __M>(map, #name, &self.#place)?;)
    }

    pub(super) fn read(&self, generator: &mut Generator, field: &FieldDescriptor) -> TokenStream {
        let place = naming::field(field.name());
        let kind = kinds(generator, field);
        let call = match self {
            Self::Singular | Self::Required => quote!(singular),
            Self::Optional => quote!(optional),
            Self::Repeated => quote!(repeated),
            Self::Map => quote!(map),
        };
        quote!(::pbjson_wkt::json::#call::<#kind, __A>(&mut self.#place, map))
    }
}

impl Generator {
    pub(super) fn write_oneof(&mut self, oneof: &OneofDescriptor) -> TokenStream {
        let place = naming::field(oneof.name());
        let path = naming::oneof_path(oneof);
        let arms: Vec<_> = oneof
            .fields()
            .map(|field| {
                let name = written_name(&field);
                let variant = naming::camel(field.name());
                let kind = kind(self, &field);
                quote! {
                    ::core::option::Option::Some(#(#path)::*::#variant(value)) => {
                        ::pbjson_wkt::json::put::<#kind, __M>(map, #name, value)?
                    }
                }
            })
            .collect();
        quote! {
            match &self.#place {
                #(#arms)*
                ::core::option::Option::None => {}
            }
        }
    }

    pub(super) fn read_member(&mut self, field: &FieldDescriptor) -> TokenStream {
        let Some(oneof) = oneof(field) else {
            return TokenStream::new();
        };
        let place = naming::field(oneof.name());
        let path = naming::oneof_path(&oneof);
        let variant = naming::camel(field.name());
        let name = field.json_name();
        let kind = kind(self, field);
        quote! {
            ::pbjson_wkt::json::oneof::<#kind, _, __A>(
                &mut self.#place, map, #name, #(#path)::*::#variant,
            )
        }
    }
}

/// The name of a field as the runtime writes it.
fn written_name(field: &FieldDescriptor) -> TokenStream {
    let name = field.json_name();
    let quoted = format!(",{}:", quoted(name));
    quote!(const { ::pbjson_wkt::json::Name::new(#name, #quoted) })
}

/// A name as a string of JSON.
pub(super) fn quoted(name: &str) -> String {
    let mut quoted = String::from("\"");
    for character in name.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\0'..' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// The oneof of a field, unless it is the one behind a proto3 `optional`.
fn oneof(field: &FieldDescriptor) -> Option<OneofDescriptor> {
    field
        .containing_oneof()
        .filter(|oneof| !oneof.is_synthetic())
}

/// The kinds of a field: of a map's keys and values, or of its value.
fn kinds(generator: &mut Generator, field: &FieldDescriptor) -> TokenStream {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            let key = kind(generator, &entry.map_entry_key_field());
            let value = kind(generator, &entry.map_entry_value_field());
            quote!(#key, #value)
        }
        _ => kind(generator, field),
    }
}

fn kind(generator: &mut Generator, field: &FieldDescriptor) -> TokenStream {
    let kind = match field.kind() {
        Kind::Double => quote!(Double),
        Kind::Float => quote!(Float),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => quote!(Int32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => quote!(Int64),
        Kind::Uint32 | Kind::Fixed32 => quote!(UInt32),
        Kind::Uint64 | Kind::Fixed64 => quote!(UInt64),
        Kind::Bool => quote!(Bool),
        Kind::String => quote!(Text),
        Kind::Bytes => quote!(Bytes<_>),
        Kind::Message(message) if message.full_name() == "google.protobuf.Value" => {
            quote!(OrNull<_>)
        }
        Kind::Message(_) => quote!(Embedded<_>),
        Kind::Enum(each) if each.full_name() == "google.protobuf.NullValue" => quote!(Null),
        Kind::Enum(each) => {
            let table = generator.table(&each);
            quote!(Enum<#table>)
        }
    };
    quote!(::pbjson_wkt::json::#kind)
}
