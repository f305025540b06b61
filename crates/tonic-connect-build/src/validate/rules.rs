//! Reads `buf.validate` rules from a field's options, and compiles them into calls of the
//! runtime's functions.
//!
//! Rules are read by name from whatever `validate.proto` the schema was compiled with; a name
//! that is not known here is an error.

use proc_macro2::TokenStream;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, OneofDescriptor, ReflectMessage as _,
    Value,
};
use quote::quote;

use super::option;

/// When the rules of a field are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Ignore {
    #[default]
    Unset,
    IfUnpopulated,
    Always,
}

/// The rules of one field, or of the entries of a repeated one.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) required: bool,
    pub(super) ignore: Ignore,
    pub(super) of_type: Option<TypeRules>,
    matches: Vec<Matches>,
}

/// `this.matches('…')` with the message for people.
#[derive(Debug)]
struct Matches {
    id: String,
    message: String,
    pattern: String,
}

/// An end of a range: exclusive or inclusive.
#[derive(Debug)]
pub(super) struct End<T> {
    value: T,
    inclusive: bool,
}

/// The rules that only one type of field has.
#[derive(Debug)]
pub(super) enum TypeRules {
    Integer {
        lower: Option<End<i128>>,
        upper: Option<End<i128>>,
    },
    Duration {
        lower: Option<End<(i64, i32)>>,
        upper: Option<End<(i64, i32)>>,
    },
    Text {
        min_len: Option<u64>,
        max_len: Option<u64>,
        min_bytes: Option<u64>,
        max_bytes: Option<u64>,
        uri: bool,
        uuid: bool,
    },
    Enum {
        defined_only: bool,
        not_in: Vec<i32>,
    },
    Repeated {
        min: Option<u64>,
        max: Option<u64>,
        items: Box<Rules>,
    },
}

/// A rule that cannot be compiled, before it is known where it stands.
#[derive(Debug)]
pub(super) struct RuleError {
    /// The full name of the field or oneof.
    pub(super) subject: String,
    pub(super) reason: String,
}

pub(super) fn unsupported(subject: &str, reason: impl Into<String>) -> RuleError {
    RuleError {
        subject: subject.to_owned(),
        reason: reason.into(),
    }
}

/// Whether `(buf.validate.oneof).required` is set.
pub(super) fn oneof_required(
    pool: &DescriptorPool,
    oneof: &OneofDescriptor,
) -> Result<bool, RuleError> {
    let Some(rules) = extension(pool, "buf.validate.oneof", &oneof.options()) else {
        return Ok(false);
    };
    let mut required = false;
    for (field, value) in rules.fields() {
        match (field.name(), value) {
            ("required", Value::Bool(value)) => required = *value,
            (name, _) => return Err(unknown_rule(oneof.full_name(), name)),
        }
    }
    Ok(required)
}

fn extension(
    pool: &DescriptorPool,
    name: &str,
    options: &DynamicMessage,
) -> Option<DynamicMessage> {
    let extension = pool.get_extension_by_name(name)?;
    if !options.has_extension(&extension) {
        return None;
    }
    options.get_extension(&extension).as_message().cloned()
}

fn unknown_rule(subject: &str, name: &str) -> RuleError {
    unsupported(
        subject,
        format!("the rule `{name}` is not compiled; leave it out and check the value in code"),
    )
}

impl Rules {
    pub(super) fn of_field(
        pool: &DescriptorPool,
        field: &FieldDescriptor,
    ) -> Result<Self, RuleError> {
        match extension(pool, "buf.validate.field", &field.options()) {
            Some(rules) => Self::read(field.full_name(), &rules),
            None => Ok(Self::default()),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.of_type.is_none() && self.matches.is_empty()
    }

    fn read(subject: &str, message: &DynamicMessage) -> Result<Self, RuleError> {
        let mut rules = Self::default();
        for (field, value) in message.fields() {
            match (field.name(), value) {
                ("required", Value::Bool(required)) => rules.required = *required,
                ("ignore", Value::EnumNumber(number)) => {
                    rules.ignore = match number {
                        0 => Ignore::Unset,
                        3 => Ignore::Always,
                        _ => Ignore::IfUnpopulated,
                    };
                }
                ("cel", Value::List(entries)) => {
                    for entry in entries.iter().filter_map(Value::as_message) {
                        rules.matches.push(Matches::read(subject, entry)?);
                    }
                }
                (name, Value::Message(of_type)) => {
                    rules.of_type = rules.read_type(subject, name, of_type)?
                }
                (name, _) => return Err(unknown_rule(subject, name)),
            }
        }
        Ok(rules)
    }

    fn read_type(
        &mut self,
        subject: &str,
        name: &str,
        message: &DynamicMessage,
    ) -> Result<Option<TypeRules>, RuleError> {
        let unknown = |rule: &str| unknown_rule(subject, &format!("{name}.{rule}"));
        Ok(Some(match name {
            "int32" | "int64" | "uint32" | "uint64" => {
                let (lower, upper) = range(message, integer).map_err(|rule| unknown(&rule))?;
                TypeRules::Integer { lower, upper }
            }
            "duration" => {
                let (lower, upper) = range(message, duration).map_err(|rule| unknown(&rule))?;
                TypeRules::Duration { lower, upper }
            }
            "string" => {
                let (mut min_len, mut max_len, mut min_bytes, mut max_bytes) =
                    (None, None, None, None);
                let (mut uri, mut uuid) = (false, false);
                for (field, value) in message.fields() {
                    match (field.name(), value) {
                        ("min_len", Value::U64(value)) => {
                            min_len = Some(*value).filter(|value| *value > 0)
                        }
                        ("max_len", Value::U64(value)) => max_len = Some(*value),
                        ("min_bytes", Value::U64(value)) => {
                            min_bytes = Some(*value).filter(|value| *value > 0)
                        }
                        ("max_bytes", Value::U64(value)) => max_bytes = Some(*value),
                        ("uri", Value::Bool(value)) => uri = *value,
                        ("uuid", Value::Bool(value)) => uuid = *value,
                        ("pattern", Value::String(pattern)) => self.matches.push(Matches {
                            id: "string.pattern".to_owned(),
                            message: format!("does not match the pattern `{pattern}`"),
                            pattern: checked_pattern(subject, pattern)?,
                        }),
                        (rule, _) => return Err(unknown(rule)),
                    }
                }
                TypeRules::Text {
                    min_len,
                    max_len,
                    min_bytes,
                    max_bytes,
                    uri,
                    uuid,
                }
            }
            "enum" => {
                let (mut defined_only, mut not_in) = (false, Vec::new());
                for (field, value) in message.fields() {
                    match (field.name(), value) {
                        ("defined_only", Value::Bool(value)) => defined_only = *value,
                        ("not_in", Value::List(values)) => {
                            not_in = values.iter().filter_map(Value::as_i32).collect()
                        }
                        (rule, _) => return Err(unknown(rule)),
                    }
                }
                TypeRules::Enum {
                    defined_only,
                    not_in,
                }
            }
            "repeated" => {
                let (mut min, mut max, mut items) = (None, None, Rules::default());
                for (field, value) in message.fields() {
                    match (field.name(), value) {
                        ("min_items", Value::U64(value)) => {
                            min = Some(*value).filter(|value| *value > 0)
                        }
                        ("max_items", Value::U64(value)) => max = Some(*value),
                        ("items", Value::Message(value)) => items = Rules::read(subject, value)?,
                        (rule, _) => return Err(unknown(rule)),
                    }
                }
                TypeRules::Repeated {
                    min,
                    max,
                    items: Box::new(items),
                }
            }
            _ => return Err(unknown_rule(subject, name)),
        }))
    }

    /// The checks of one `value` at `path`.
    pub(super) fn compile(&self, field: &FieldDescriptor) -> Result<TokenStream, RuleError> {
        let mut checks = TokenStream::new();
        match &self.of_type {
            None | Some(TypeRules::Repeated { .. }) => {}
            Some(TypeRules::Integer { lower, upper }) => {
                let literal = |value: &i128| {
                    let literal = proc_macro2::Literal::i128_unsuffixed(*value);
                    quote!(#literal)
                };
                let (lower, upper) = (
                    bound(lower.as_ref(), literal),
                    bound(upper.as_ref(), literal),
                );
                checks.extend(quote!(::tonic_connect::validate::rules::range(*value, #lower, #upper, &path, found);));
            }
            Some(TypeRules::Duration { lower, upper }) => {
                let literal = |(seconds, nanos): &(i64, i32)| quote!((#seconds, #nanos));
                let (lower, upper) = (
                    bound(lower.as_ref(), literal),
                    bound(upper.as_ref(), literal),
                );
                checks.extend(quote! {
                    ::tonic_connect::validate::rules::duration(value.seconds, value.nanos, #lower, #upper, &path, found);
                });
            }
            Some(TypeRules::Text {
                min_len,
                max_len,
                min_bytes,
                max_bytes,
                uri,
                uuid,
            }) => {
                if min_len.is_some() || max_len.is_some() {
                    let (min, max) = (option(min_len.as_ref()), option(max_len.as_ref()));
                    checks.extend(quote!(::tonic_connect::validate::rules::characters(value, #min, #max, &path, found);));
                }
                if min_bytes.is_some() || max_bytes.is_some() {
                    let (min, max) = (option(min_bytes.as_ref()), option(max_bytes.as_ref()));
                    checks.extend(quote!(::tonic_connect::validate::rules::bytes(value, #min, #max, &path, found);));
                }
                if *uri {
                    checks.extend(
                        quote!(::tonic_connect::validate::rules::uri(value, &path, found);),
                    );
                }
                if *uuid {
                    checks.extend(
                        quote!(::tonic_connect::validate::rules::uuid(value, &path, found);),
                    );
                }
            }
            Some(TypeRules::Enum {
                defined_only,
                not_in,
            }) => {
                let Kind::Enum(of) = field.kind() else {
                    return Err(unsupported(
                        field.full_name(),
                        "has rules for enums, and is none",
                    ));
                };
                if *defined_only {
                    let numbers = of
                        .values()
                        .map(|value| value.number())
                        .collect::<std::collections::BTreeSet<_>>();
                    let name = of.name();
                    checks.extend(quote! {
                        ::tonic_connect::validate::rules::defined(*value, matches!(*value, #(#numbers)|*), #name, &path, found);
                    });
                }
                if !not_in.is_empty() {
                    checks.extend(quote!(::tonic_connect::validate::rules::not_in(*value, &[#(#not_in),*], &path, found);));
                }
            }
        }
        for Matches {
            id,
            message,
            pattern,
        } in &self.matches
        {
            checks.extend(quote! {
                {
                    static PATTERN: ::tonic_connect::validate::Pattern = ::tonic_connect::validate::Pattern::new(#pattern);
                    ::tonic_connect::validate::rules::matches(value, &PATTERN, #id, #message, &path, found);
                }
            });
        }
        Ok(checks)
    }
}

impl Matches {
    fn read(subject: &str, rule: &DynamicMessage) -> Result<Self, RuleError> {
        let text = |name| {
            rule.get_field_by_name(name)
                .and_then(|value| value.as_str().map(str::to_owned))
                .unwrap_or_default()
        };
        let expression = text("expression");
        let pattern = expression
            .strip_prefix("this.matches('")
            .and_then(|rest| rest.strip_suffix("')"))
            .filter(|pattern| !pattern.contains(['\\', '\'']));
        match pattern {
            Some(pattern) => Ok(Self {
                id: text("id"),
                message: text("message"),
                pattern: checked_pattern(subject, pattern)?,
            }),
            None => Err(unsupported(
                subject,
                format!(
                    "the expression `{expression}` is not compiled; only this.matches('REGEX') without escapes is"
                ),
            )),
        }
    }
}

fn checked_pattern(subject: &str, pattern: &str) -> Result<String, RuleError> {
    match regex_lite::Regex::new(pattern) {
        Ok(_) => Ok(pattern.to_owned()),
        Err(error) => Err(unsupported(
            subject,
            format!("`{pattern}` is not a regular expression: {error}"),
        )),
    }
}

type Range<T> = (Option<End<T>>, Option<End<T>>);

/// Reads `lt`, `lte`, `gt` and `gte`; the error is the name of a rule that is none of these.
fn range<T>(
    message: &DynamicMessage,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Range<T>, String> {
    let (mut lower, mut upper) = (None, None);
    for (field, value) in message.fields() {
        let name = field.name();
        let value = read(value).ok_or_else(|| name.to_owned())?;
        match name {
            "lt" => {
                upper = Some(End {
                    value,
                    inclusive: false,
                })
            }
            "lte" => {
                upper = Some(End {
                    value,
                    inclusive: true,
                })
            }
            "gt" => {
                lower = Some(End {
                    value,
                    inclusive: false,
                })
            }
            "gte" => {
                lower = Some(End {
                    value,
                    inclusive: true,
                })
            }
            _ => return Err(name.to_owned()),
        }
    }
    Ok((lower, upper))
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::I32(value) => Some((*value).into()),
        Value::I64(value) => Some((*value).into()),
        Value::U32(value) => Some((*value).into()),
        Value::U64(value) => Some((*value).into()),
        _ => None,
    }
}

fn duration(value: &Value) -> Option<(i64, i32)> {
    let message = value.as_message()?;
    if message.descriptor().full_name() != "google.protobuf.Duration" {
        return None;
    }
    let seconds = message.get_field_by_name("seconds")?.as_i64()?;
    let nanos = message.get_field_by_name("nanos")?.as_i32()?;
    Some((seconds, nanos))
}

fn bound<T>(end: Option<&End<T>>, literal: impl Fn(&T) -> TokenStream) -> TokenStream {
    match end {
        None => quote!(::core::ops::Bound::Unbounded),
        Some(End { value, inclusive }) => {
            let value = literal(value);
            if *inclusive {
                quote!(::core::ops::Bound::Included(#value))
            } else {
                quote!(::core::ops::Bound::Excluded(#value))
            }
        }
    }
}
