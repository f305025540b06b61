//! `impl Validate` for every message of a package, compiled from its `buf.validate` rules.
//!
//! Nothing is interpreted at run time: a rule becomes a call with constants. A rule that cannot
//! be compiled is an error, so that none is skipped in silence. The libraries that exist for
//! this either need `protoc` to build or reflection at run time, which is why it is done here.

mod rules;

use proc_macro2::TokenStream;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor};
use quote::quote;

use self::rules::{Ignore, RuleError, Rules, TypeRules};
use crate::compile::Schema;
use crate::{Error, naming, place};

/// The implementations for all messages of a package.
pub(crate) fn generate(
    schema: &Schema,
    package: &str,
    extern_paths: &[(String, String)],
) -> Result<String, Error> {
    let generator = Generator {
        schema,
        extern_paths,
    };
    let mut tokens = TokenStream::new();
    for message in schema.pool.all_messages() {
        if message.package_name() == package
            && !message.is_map_entry()
            && generator.is_generated(&message)
        {
            tokens.extend(
                generator
                    .message(&message)
                    .map_err(|error| with_place(error, &message))?,
            );
        }
    }
    let file = syn::parse2(tokens)
        .map_err(|error| Error::Schema(format!("validation of package {package}: {error}")))?;
    Ok(prettyplease::unparse(&file))
}

struct Generator<'a> {
    schema: &'a Schema,
    extern_paths: &'a [(String, String)],
}

impl Generator<'_> {
    fn is_generated(&self, message: &MessageDescriptor) -> bool {
        let file = message.parent_file();
        self.schema
            .generates(self.extern_paths, message.full_name(), &file)
    }

    fn message(&self, message: &MessageDescriptor) -> Result<TokenStream, RuleError> {
        let mut checks = TokenStream::new();
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            checks.extend(self.oneof(&oneof)?);
        }
        for field in message.fields() {
            checks.extend(self.field(&field)?);
        }
        let path = naming::message_path(message);
        let (at, found) = if checks.is_empty() {
            (quote!(_), quote!(_))
        } else {
            (quote!(message), quote!(found))
        };
        Ok(quote! {
            impl ::tonic_connect::validate::Validate for #(#path)::* {
                fn check(
                    &self,
                    #at: &::tonic_connect::validate::FieldPath<'_>,
                    #found: &mut ::tonic_connect::validate::Violations,
                ) {
                    #checks
                }
            }
        })
    }

    fn oneof(&self, oneof: &OneofDescriptor) -> Result<TokenStream, RuleError> {
        if !rules::oneof_required(&self.schema.pool, oneof)? {
            return Ok(TokenStream::new());
        }
        let name = oneof.name();
        let member = naming::field(name);
        let fields = oneof
            .fields()
            .map(|field| field.name().to_owned())
            .collect::<Vec<_>>()
            .join(", ");
        Ok(quote! {
            ::tonic_connect::validate::rules::one_of(self.#member.is_some(), #fields, &message.field(#name), found);
        })
    }

    fn field(&self, field: &FieldDescriptor) -> Result<TokenStream, RuleError> {
        let rules = Rules::of_field(&self.schema.pool, field)?;
        let body = self.value(field, &rules)?;
        let name = field.name();

        if let Some(oneof) = field
            .containing_oneof()
            .filter(|oneof| !oneof.is_synthetic())
        {
            if body.is_empty() {
                return Ok(body);
            }
            let member = naming::field(oneof.name());
            let oneof_path = naming::oneof_path(&oneof);
            let variant = naming::camel(name);
            return Ok(quote! {
                if let ::core::option::Option::Some(#(#oneof_path)::*::#variant(value)) = &self.#member {
                    let path = message.field(#name);
                    #body
                }
            });
        }

        let member = naming::field(name);
        let optional = field.supports_presence();
        let required = rules.required.then(|| {
            let set = if optional {
                quote!(self.#member.is_some())
            } else {
                is_set(field, &quote!(self.#member))
            };
            quote!(::tonic_connect::validate::rules::required(#set, &path, found);)
        });
        if body.is_empty() && required.is_none() {
            return Ok(TokenStream::new());
        }
        let skip_default = !optional && (rules.required || rules.ignore == Ignore::IfUnpopulated);
        let checked = if body.is_empty() {
            TokenStream::new()
        } else if optional {
            quote!(if let ::core::option::Option::Some(value) = &self.#member { #body })
        } else if skip_default {
            let set = is_set(field, &quote!(self.#member));
            quote!(if #set { let value = &self.#member; #body })
        } else {
            quote!(let value = &self.#member; #body)
        };
        Ok(quote! {
            {
                let path = message.field(#name);
                #required
                #checked
            }
        })
    }

    /// Checks of `value`, a reference to what the field holds, at `path`.
    fn value(&self, field: &FieldDescriptor, rules: &Rules) -> Result<TokenStream, RuleError> {
        if rules.ignore == Ignore::Always {
            return Ok(TokenStream::new());
        }
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else {
                return Ok(TokenStream::new());
            };
            let value_field = entry.map_entry_value_field();
            let nested = self.element(&value_field, &Rules::default())?;
            if !rules.is_empty() {
                return Err(rules::unsupported(
                    field.full_name(),
                    "rules for maps are not compiled; check the map in code",
                ));
            }
            return Ok(if nested.is_empty() {
                nested
            } else {
                quote!(for (key, value) in value { let path = path.key(key); #nested })
            });
        }
        if field.is_list() {
            let (bounds, items) = match &rules.of_type {
                Some(TypeRules::Repeated { min, max, items }) => {
                    let bounds = (min.is_some() || max.is_some()).then(|| {
                        let (min, max) = (option(min.as_ref()), option(max.as_ref()));
                        quote!(::tonic_connect::validate::rules::items(value.len(), #min, #max, &path, found);)
                    });
                    (bounds, self.element(field, items)?)
                }
                _ => (None, self.element(field, &Rules::default())?),
            };
            let items = (!items.is_empty()).then(|| {
                quote! {
                    for (index, value) in value.iter().enumerate() {
                        let path = path.index(index);
                        #items
                    }
                }
            });
            return Ok(quote!(#bounds #items));
        }
        self.element(field, rules)
    }

    /// Checks of one `value` of the field's type.
    fn element(&self, field: &FieldDescriptor, rules: &Rules) -> Result<TokenStream, RuleError> {
        let mut checks = rules.compile(field)?;
        if let Kind::Message(message) = field.kind() {
            if self.is_generated(&message) {
                checks.extend(
                    quote!(::tonic_connect::validate::Validate::check(value, &path, found);),
                );
            } else if message.package_name() != "google.protobuf" {
                // Of another crate: generated by this one there, or anything else.
                checks.extend(quote! {
                    {
                        #[allow(unused_imports)]
                        use ::tonic_connect::validate::rules::{KnowsNone as _, KnowsRules as _};
                        (&::tonic_connect::validate::rules::Foreign(value)).check(&path, found);
                    }
                });
            }
        }
        Ok(checks)
    }
}

/// Says in which file and line the field or oneof stands.
fn with_place(error: RuleError, message: &MessageDescriptor) -> Error {
    let RuleError { subject, reason } = error;
    let file = message.parent_file();
    let fields = message
        .fields()
        .map(|each| (each.full_name().to_owned(), each.path().to_vec()));
    let oneofs = message
        .oneofs()
        .map(|each| (each.full_name().to_owned(), each.path().to_vec()));
    let path = fields.chain(oneofs).find(|(name, _)| *name == subject);
    Error::Rule {
        place: path.map_or_else(
            || file.name().to_owned(),
            |(_, path)| place::of(&file, &path),
        ),
        subject,
        reason,
    }
}

/// Whether a field without presence has another value than its default.
fn is_set(field: &FieldDescriptor, place: &TokenStream) -> TokenStream {
    if field.is_list() || field.is_map() {
        return quote!(!#place.is_empty());
    }
    match field.kind() {
        Kind::String | Kind::Bytes => quote!(!#place.is_empty()),
        Kind::Bool => quote!(#place),
        Kind::Float | Kind::Double => quote!(#place != 0.0),
        _ => quote!(#place != 0),
    }
}

fn option<T: quote::ToTokens>(value: Option<&T>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
