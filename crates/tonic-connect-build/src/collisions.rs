//! Names of a schema that generated code cannot bear, found here rather than by the compiler of that code.
//!
//! The lists are of tonic-build 0.14, each name tried. Messages may have any name.

use prost_reflect::{MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use crate::compile::Schema;
use crate::{Builder, Error, naming, place};

/// The functions of tonic's clients that are no methods of the service.
const CLIENT_FUNCTIONS: [&str; 7] = [
    "accept_compressed",
    "max_decoding_message_size",
    "max_encoding_message_size",
    "new",
    "send_compressed",
    "with_interceptor",
    "with_origin",
];

/// What tonic's servers refer to beside the trait, which has the service's name.
const SERVER_NAMES: [&str; 16] = [
    "Arc",
    "B",
    "Body",
    "Box",
    "BoxFuture",
    "Clone",
    "CompressionEncoding",
    "Context",
    "Default",
    "EnabledCompressionEncodings",
    "InterceptedService",
    "Into",
    "Option",
    "Poll",
    "StdError",
    "T",
];

/// Checks the services that code is generated for.
pub(crate) fn check(
    builder: &Builder,
    schema: &Schema,
    extern_paths: &[(String, String)],
) -> Result<(), Error> {
    let messages: Vec<_> = schema
        .pool
        .all_messages()
        .filter(|message| {
            schema.generates(extern_paths, message.full_name(), &message.parent_file())
        })
        .filter(has_module)
        .collect();
    for service in schema.pool.services() {
        // A service is others' when the messages of its package are.
        if !schema.generates(extern_paths, service.package_name(), &service.parent_file()) {
            continue;
        }
        service_name(builder, &service)?;
        modules(builder, &service, &messages)?;
        for method in service.methods() {
            method_name(builder, &method)?;
        }
    }
    Ok(())
}

fn service_name(builder: &Builder, service: &ServiceDescriptor) -> Result<(), Error> {
    let name = naming::camel(service.name()).to_string();
    // Streams are of that type where the trait does not say of which.
    let is_stream = name == "BoxStream"
        && builder.generate_default_stubs
        && service.methods().any(|each| each.is_server_streaming());
    if builder.build_server && (is_stream || SERVER_NAMES.contains(&name.as_str())) {
        let place = place::of(&service.parent_file(), service.path());
        return Err(Error::Schema(format!(
            "{place}: {}: tonic's server of it would be code that does not compile, because it uses another `{name}`: \
             rename the service, or leave the server out with build_server(false)",
            service.full_name()
        )));
    }
    Ok(())
}

fn method_name(builder: &Builder, method: &MethodDescriptor) -> Result<(), Error> {
    let name = naming::field(method.name()).to_string();
    let (whose, half) = if builder.build_client && CLIENT_FUNCTIONS.contains(&name.as_str()) {
        ("tonic's client has a function", "build_client(false)")
    } else if builder.build_server && builder.use_arc_self && name == "clone" {
        // The one of `Arc` is hidden by a method that takes `Arc<Self>`.
        (
            "with use_arc_self tonic's server calls a function",
            "build_server(false)",
        )
    } else {
        return Ok(());
    };
    let place = place::of(&method.parent_file(), method.path());
    Err(Error::Schema(format!(
        "{place}: {}: {whose} `{name}` of its own, so its code would not compile: rename the method, or leave that \
         half out with {half}",
        method.full_name()
    )))
}

/// What is nested in a message stands in a module beside those of services.
fn modules(
    builder: &Builder,
    service: &ServiceDescriptor,
    messages: &[MessageDescriptor],
) -> Result<(), Error> {
    let prefix = naming::service_module(&naming::camel(service.name()).to_string());
    for (suffix, is_there) in [
        ("client", builder.build_client),
        ("server", builder.build_server),
        ("connect", builder.build_client || builder.build_server),
    ] {
        let module = format!("{prefix}_{suffix}");
        let message = messages.iter().find(|message| {
            message.package_name() == service.package_name()
                && naming::field(message.name()) == module
        });
        if let Some(message) = message.filter(|_| is_there) {
            let place = place::of(&message.parent_file(), message.path());
            return Err(Error::Schema(format!(
                "{place}: {}: what is nested in it would stand in the module `{module}`, as would code of the service \
                 {}: rename one of them",
                message.full_name(),
                service.full_name()
            )));
        }
    }
    Ok(())
}

/// Whether prost makes a module for what is nested in a message, within that of the package.
fn has_module(message: &MessageDescriptor) -> bool {
    message.parent_message().is_none()
        && (message.child_messages().any(|child| !child.is_map_entry())
            || message.child_enums().next().is_some()
            || message.oneofs().any(|oneof| !oneof.is_synthetic()))
}
