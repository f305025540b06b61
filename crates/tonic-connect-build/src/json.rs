//! The JSON mapping of messages, by pbjson-build.

use crate::Error;
use crate::compile::Schema;

/// The serde implementations of all messages and enums of a package.
///
/// Unknown fields are ignored on input, as the reference implementation's servers do.
pub(crate) fn generate(
    schema: &Schema,
    package: &str,
    extern_paths: &[(String, String)],
) -> Result<String, Error> {
    let mut builder = pbjson_build::Builder::new();
    for file in &schema.all_files.file {
        builder.register_file_descriptor(file.clone());
    }
    for (proto_path, rust_path) in extern_paths {
        builder.extern_path(proto_path, rust_path);
    }
    builder.ignore_unknown_fields();
    builder.exclude(
        extern_paths
            .iter()
            .map(|(proto_path, _)| proto_path.clone()),
    );

    let generated = builder
        .generate(&[format!(".{package}")], |_| Ok(Vec::new()))
        .map_err(|error| Error::Schema(format!("JSON of package {package}: {error}")))?;
    let mut code = String::new();
    for (generated_package, bytes) in generated {
        if generated_package.to_string() == package {
            let text = String::from_utf8(bytes)
                .map_err(|error| Error::Schema(format!("JSON of package {package}: {error}")))?;
            code.push_str(&text);
        }
    }
    Ok(code)
}
