//! Where something stands in the files of a schema, for errors that name it.

use prost_reflect::FileDescriptor;

/// The file and, where the schema has it, the line of what is at `path` of the file's descriptor: `demo.proto:12`.
pub(crate) fn of(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let line = info.and_then(|info| {
        let location = info.location.iter().find(|each| each.path == path)?;
        location.span.first().copied()
    });
    match line {
        Some(line) => format!("{}:{}", file.name(), line + 1),
        None => file.name().to_owned(),
    }
}
