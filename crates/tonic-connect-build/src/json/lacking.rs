//! Types that have no JSON, where a schema with JSON uses them.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::compile::Schema;
use crate::{Error, external, place};

/// Messages of `prost_types` have no JSON; to find one here tells more than the compiler does of the generated code.
pub(super) fn check_field(
    field: &FieldDescriptor,
    extern_paths: &[(String, String)],
) -> Result<(), Error> {
    let kind = match field.kind() {
        Kind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind(),
        kind => kind,
    };
    match kind {
        Kind::Message(message)
            if external::is_of_prost_types(extern_paths, message.full_name()) =>
        {
            let place = place::of(&field.parent_file(), field.path());
            Err(error(&place, field.full_name(), &message))
        }
        _ => Ok(()),
    }
}

/// The same for what the methods of a package take and return.
pub(super) fn check_methods(
    schema: &Schema,
    package: &str,
    extern_paths: &[(String, String)],
) -> Result<(), Error> {
    let services = schema.pool.services();
    for method in services
        .filter(|service| service.package_name() == package)
        .flat_map(|service| service.methods().collect::<Vec<_>>())
    {
        for message in [method.input(), method.output()] {
            if external::is_of_prost_types(extern_paths, message.full_name()) {
                let place = place::of(&method.parent_file(), method.path());
                return Err(error(&place, method.full_name(), &message));
            }
        }
    }
    Ok(())
}

fn error(place: &str, subject: &str, message: &MessageDescriptor) -> Error {
    let name = message.full_name();
    Error::Schema(format!(
        "{place}: {subject}: {name} has no JSON in prost-types: turn JSON off with json(false), or name a type that \
         has it with extern_path(\".{name}\", …)"
    ))
}
