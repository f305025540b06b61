//! The JSON mapping of messages and enums: the serde traits, exact by the ProtoJSON specification.
//!
//! A generator of our own, not pbjson-build: of the conformance suite's failures with that one,
//! more than half are in the code that it writes (`null`, enums, numbers, duplicates, unknown
//! fields), so a pass over its output would have to rewrite most of it. What is written here are
//! tables and calls only; the rules are in `pbjson_wkt::json`, which keeps pbjson's runtime for
//! base64. The traits are the same as pbjson's, so messages of both kinds nest in each other.
//!
//! Enums of other packages are not named: a field carries the table of its enum by itself, in a
//! type that only this code sees. All is in an anonymous constant, out of the way of the schema's
//! names.

mod field;
mod lacking;

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use prost_reflect::{EnumDescriptor, MessageDescriptor};
use quote::{format_ident, quote};

use self::field::{Form, quoted};
use crate::compile::Schema;
use crate::{Error, naming};

/// The serde implementations of all messages and enums of a package, and the function that
/// registers them for `Any`.
pub(crate) fn generate(
    schema: &Schema,
    package: &str,
    extern_paths: &[(String, String)],
) -> Result<String, Error> {
    lacking::check_methods(schema, package, extern_paths)?;
    let mut generator = Generator::default();
    let mut impls = TokenStream::new();
    let mut types = Vec::new();
    for message in schema.pool.all_messages() {
        if message.package_name() == package
            && !message.is_map_entry()
            && schema.generates(extern_paths, message.full_name(), &message.parent_file())
        {
            for field in message.fields() {
                lacking::check_field(&field, extern_paths)?;
            }
            impls.extend(generator.message(&message));
            let path = naming::message_path(&message);
            let name = message.full_name();
            types.push(quote!(::pbjson_wkt::AnyType::new::<#(#path)::*>(#name)));
        }
    }
    for each in schema.pool.all_enums() {
        if each.package_name() == package
            && schema.generates(extern_paths, each.full_name(), &each.parent_file())
        {
            impls.extend(generator.enumeration(&each));
        }
    }
    let tables = generator.tables();
    let whose = match package {
        "" => "that are in no package".to_owned(),
        _ => format!("of `{package}`"),
    };
    let doc =
        format!(" Makes the messages {whose} known to the JSON of [`Any`](::pbjson_wkt::Any).");
    let tokens = quote! {
        #[allow(deprecated, non_camel_case_types, unused_variables, clippy::all)]
        const _: () = {
            #tables
            #impls
        };

        #[doc = #doc]
        #[allow(deprecated)]
        pub fn register_json_types() {
            ::pbjson_wkt::register(&[#(#types),*]);
        }
    };
    let file = syn::parse2(tokens)
        .map_err(|error| Error::Schema(format!("JSON of package {package}: {error}")))?;
    Ok(prettyplease::unparse(&file))
}

/// What the code of one package has seen so far.
#[derive(Default)]
struct Generator {
    /// The enums that fields refer to, by their full name.
    enums: BTreeMap<String, EnumDescriptor>,
}

impl Generator {
    fn message(&mut self, message: &MessageDescriptor) -> TokenStream {
        let path = naming::message_path(message);
        let name = message.full_name();
        // By number, as prost writes the binary format.
        let fields: Vec<_> = message.fields().collect();
        let json_names: Vec<_> = fields.iter().map(|field| field.json_name()).collect();

        let mut indices = BTreeMap::new();
        for (index, field) in fields.iter().enumerate() {
            indices.entry(field.name()).or_insert(index);
        }
        // A JSON name wins over another field's name in the `.proto` file.
        for (index, field) in fields.iter().enumerate() {
            indices.insert(field.json_name(), index);
        }
        let names = indices.keys();
        let numbers = indices.values();

        let mut writes = TokenStream::new();
        for field in fields.iter() {
            if let Some(form) = Form::of_lone(field) {
                writes.extend(form.write(self, field));
            }
        }
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            writes.extend(self.write_oneof(&oneof));
        }
        let reads: Vec<_> = fields
            .iter()
            .map(|field| match Form::of_lone(field) {
                Some(form) => form.read(self, field),
                None => self.read_member(field),
            })
            .collect();
        let arms = (0..fields.len())
            .zip(&reads)
            .map(|(index, read)| quote!(#index => #read,));

        quote! {
            impl ::pbjson_wkt::json::Message for #(#path)::* {
                const NAME: &'static str = #name;
                const FIELDS: &'static [&'static str] = &[#(#json_names),*];

                fn index(name: &str) -> ::core::option::Option<usize> {
                    match name {
                        #(#names => ::core::option::Option::Some(#numbers),)*
                        _ => ::core::option::Option::None,
                    }
                }

                fn write<__M: ::serde::ser::SerializeMap>(
                    &self,
                    map: &mut __M,
                ) -> ::core::result::Result<(), __M::Error> {
                    #writes
                    ::core::result::Result::Ok(())
                }

                fn read<'de, __A: ::serde::de::MapAccess<'de>>(
                    &mut self,
                    index: usize,
                    map: &mut __A,
                ) -> ::core::result::Result<(), __A::Error> {
                    match index {
                        #(#arms)*
                        _ => ::core::result::Result::Ok(()),
                    }
                }
            }

            impl ::serde::Serialize for #(#path)::* {
                fn serialize<__S: ::serde::Serializer>(
                    &self,
                    serializer: __S,
                ) -> ::core::result::Result<__S::Ok, __S::Error> {
                    ::pbjson_wkt::json::serialize(self, serializer)
                }
            }

            impl<'de> ::serde::Deserialize<'de> for #(#path)::* {
                fn deserialize<__D: ::serde::Deserializer<'de>>(
                    deserializer: __D,
                ) -> ::core::result::Result<Self, __D::Error> {
                    ::pbjson_wkt::json::deserialize(deserializer)
                }
            }
        }
    }

    fn enumeration(&mut self, each: &EnumDescriptor) -> TokenStream {
        let table = self.table(each);
        let mut path = each
            .parent_message()
            .map(|message| naming::nested_path(&message))
            .unwrap_or_default();
        path.push(naming::camel(each.name()));
        let name = each.full_name();
        quote! {
            impl ::serde::Serialize for #(#path)::* {
                fn serialize<__S: ::serde::Serializer>(
                    &self,
                    serializer: __S,
                ) -> ::core::result::Result<__S::Ok, __S::Error> {
                    ::pbjson_wkt::json::serialize_enum::<#table, __S>(*self as i32, serializer)
                }
            }

            impl<'de> ::serde::Deserialize<'de> for #(#path)::* {
                fn deserialize<__D: ::serde::Deserializer<'de>>(
                    deserializer: __D,
                ) -> ::core::result::Result<Self, __D::Error> {
                    let number = ::pbjson_wkt::json::deserialize_enum::<#table, __D>(deserializer)?;
                    <Self as ::core::convert::TryFrom<i32>>::try_from(number).map_err(|_| {
                        <__D::Error as ::serde::de::Error>::custom(
                            ::core::format_args!("{} is not a number of {}", number, #name),
                        )
                    })
                }
            }
        }
    }

    /// The type that carries the names of an enum.
    fn table(&mut self, each: &EnumDescriptor) -> Ident {
        self.enums
            .entry(each.full_name().to_owned())
            .or_insert_with(|| each.clone());
        table_name(each)
    }

    fn tables(&self) -> TokenStream {
        let tables = self.enums.values().map(|each| {
            let table = table_name(each);
            let full_name = each.full_name();
            let mut names = BTreeMap::new();
            // In the order of the file, which `values()` does not keep.
            for value in &each.enum_descriptor_proto().value {
                // The first of several names is the one to write.
                names
                    .entry(value.number())
                    .or_insert_with(|| value.name().to_owned());
            }
            let numbers = names.keys();
            let names = names.values().map(|name| {
                let quoted = quoted(name);
                quote!(const { ::pbjson_wkt::json::Name::new(#name, #quoted) })
            });
            let values: Vec<_> = each.values().collect();
            let all_names = values.iter().map(|value| value.name());
            let all_numbers = values.iter().map(|value| value.number());
            quote! {
                struct #table;

                impl ::pbjson_wkt::json::Enumeration for #table {
                    const NAME: &'static str = #full_name;

                    fn name(number: i32) -> ::core::option::Option<::pbjson_wkt::json::Name> {
                        match number {
                            #(#numbers => ::core::option::Option::Some(#names),)*
                            _ => ::core::option::Option::None,
                        }
                    }

                    fn number(name: &str) -> ::core::option::Option<i32> {
                        match name {
                            #(#all_names => ::core::option::Option::Some(#all_numbers),)*
                            _ => ::core::option::Option::None,
                        }
                    }
                }
            }
        });
        quote!(#(#tables)*)
    }
}

fn table_name(each: &EnumDescriptor) -> Ident {
    // Not to be mistaken for a name of the schema, and different for each enum.
    let name = each.full_name().replace('_', "__").replace('.', "_");
    format_ident!("__Enum_{name}")
}
