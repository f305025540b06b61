//! The schema is wire-identical to the public one: names, numbers, types, presence, rules and
//! idempotency, in the order of declaration, as `tests/schema.table` has them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    ReflectMessage, Value,
};

const FILES: [&str; 9] = [
    "prebuild",
    "identity",
    "pagination",
    "event",
    "project",
    "environment",
    "count",
    "runner_configuration",
    "actionable_error",
];

#[test]
fn the_compiled_schema_equals_the_table() {
    let pool = DescriptorPool::decode(prebuilds::FILE_DESCRIPTOR_SET).unwrap();
    let mut compiled = Vec::new();
    for file in FILES {
        let name = format!("gitpod/v1/{file}.proto");
        let file = pool
            .get_file_by_name(&name)
            .unwrap_or_else(|| panic!("{name} is not compiled"));
        assert_eq!(file.package_name(), "gitpod.v1");
        render_file(&pool, &file, &mut compiled);
    }
    let table: Vec<_> = include_str!("schema.table")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    for (line, (compiled, expected)) in compiled.iter().zip(&table).enumerate() {
        assert_eq!(compiled, expected, "line {} of the table", line + 1);
    }
    assert_eq!(compiled.len(), table.len());
}

#[test]
fn reserved_numbers_stay_reserved() {
    let pool = DescriptorPool::decode(prebuilds::FILE_DESCRIPTOR_SET).unwrap();
    for name in [
        "gitpod.v1.CreateProjectRequest",
        "gitpod.v1.UpdateProjectRequest",
    ] {
        let message = pool.get_message_by_name(name).unwrap();
        assert!(
            message.reserved_ranges().eq(std::iter::once(3..4)),
            "{name}"
        );
    }
}

fn render_file(
    pool: &DescriptorPool,
    file: &prost_reflect::FileDescriptor,
    lines: &mut Vec<String>,
) {
    for service in file.services() {
        for method in service.methods() {
            let idempotency = match method
                .options()
                .get_field_by_name("idempotency_level")
                .as_deref()
            {
                Some(Value::EnumNumber(1)) => "NO_SIDE_EFFECTS",
                Some(Value::EnumNumber(2)) => "IDEMPOTENT",
                _ => "-",
            };
            let stream = |streaming| if streaming { "stream " } else { "" };
            lines.push(format!(
                "rpc {}/{} {}{} -> {}{} {idempotency}",
                service.full_name(),
                method.name(),
                stream(method.is_client_streaming()),
                method.input().full_name(),
                stream(method.is_server_streaming()),
                method.output().full_name(),
            ));
        }
    }
    file.enums().for_each(|of| render_enum(&of, lines));
    file.messages()
        .for_each(|message| render_message(pool, &message, lines));
}

fn render_enum(of: &EnumDescriptor, lines: &mut Vec<String>) {
    lines.push(format!("enum {}", of.full_name()));
    for value in of.values() {
        let deprecated = if is_deprecated(&value.options()) {
            " deprecated"
        } else {
            ""
        };
        lines.push(format!(
            "value {}.{} = {}{deprecated}",
            of.full_name(),
            value.name(),
            value.number()
        ));
    }
}

fn render_message(pool: &DescriptorPool, message: &MessageDescriptor, lines: &mut Vec<String>) {
    if message.is_map_entry() {
        return;
    }
    lines.push(format!("message {}", message.full_name()));
    message
        .child_messages()
        .for_each(|child| render_message(pool, &child, lines));
    message
        .child_enums()
        .for_each(|child| render_enum(&child, lines));

    let mut fields: Vec<_> = message.fields().collect();
    let declared = message
        .descriptor_proto()
        .field
        .iter()
        .map(|field| field.number())
        .collect::<Vec<_>>();
    fields.sort_by_key(|field| {
        declared
            .iter()
            .position(|number| *number == field.number() as i32)
    });
    for field in fields {
        lines.push(render_field(pool, &field));
    }
    for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        let rules = rules(pool, "buf.validate.oneof", &oneof.options());
        if !rules.is_empty() {
            lines.push(format!(
                "oneof {}.{} {}",
                message.full_name(),
                oneof.name(),
                rules.join(" ")
            ));
        }
    }
}

fn render_field(pool: &DescriptorPool, field: &FieldDescriptor) -> String {
    let label = match field.containing_oneof() {
        Some(oneof) if oneof.is_synthetic() => "optional ",
        _ if field.is_list() => "repeated ",
        _ => match field.kind() {
            // `optional` on a message changes nothing on the wire, and is kept all the same.
            Kind::Message(_) if field.field_descriptor_proto().proto3_optional() => "optional ",
            _ => "",
        },
    };
    let kind = match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            format!(
                "map<{},{}>",
                kind(&entry.map_entry_key_field()),
                kind(&entry.map_entry_value_field())
            )
        }
        _ => kind(field),
    };
    let mut line = format!(
        "field {} = {} {label}{kind}",
        field.full_name(),
        field.number()
    );
    if let Some(oneof) = field
        .containing_oneof()
        .filter(|oneof| !oneof.is_synthetic())
    {
        line.push_str(&format!(" oneof:{}", oneof.name()));
    }
    if is_deprecated(&field.options()) {
        line.push_str(" deprecated");
    }
    for rule in rules(pool, "buf.validate.field", &field.options()) {
        line.push(' ');
        line.push_str(&rule);
    }
    line
}

fn kind(field: &FieldDescriptor) -> String {
    match field.kind() {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(of) => of.full_name().to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}

fn is_deprecated(options: &DynamicMessage) -> bool {
    options
        .get_field_by_name("deprecated")
        .is_some_and(|value| value.as_bool() == Some(true))
}

/// The options of an extension as sorted `path=value` words.
fn rules(pool: &DescriptorPool, extension: &str, options: &DynamicMessage) -> Vec<String> {
    let extension = pool.get_extension_by_name(extension).unwrap();
    let mut words = Vec::new();
    if options.has_extension(&extension) {
        flatten(
            "",
            options.get_extension(&extension).as_message().unwrap(),
            &mut words,
        );
    }
    words.sort();
    words
}

fn flatten(prefix: &str, message: &DynamicMessage, words: &mut Vec<String>) {
    for field in message
        .descriptor()
        .fields()
        .filter(|field| message.has_field(field))
    {
        let values = match message.get_field(&field).as_ref() {
            Value::List(values) => values.clone(),
            value => vec![value.clone()],
        };
        for value in values {
            let path = format!("{prefix}{}", field.name());
            match (value, field.kind()) {
                (Value::Message(nested), _) => flatten(&format!("{path}."), &nested, words),
                (Value::String(text), _) => words.push(format!("{path}=\"{text}\"")),
                (Value::EnumNumber(number), Kind::Enum(of)) => {
                    words.push(format!("{path}={}", of.get_value(number).unwrap().name()));
                }
                (value, _) => words.push(format!("{path}={value}")),
            }
        }
    }
}
