//! From `.proto` files to descriptors, without protoc.
//!
//! Imports are looked for below the include folders, then among the files that everybody
//! imports: `google/protobuf/*` and the part of `buf/validate` that this crate compiles.

use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, FileDescriptor};
use prost_types::FileDescriptorSet;
use protox::file::{
    ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver,
};

use crate::{Error, external};

const VALIDATE_NAME: &str = "buf/validate/validate.proto";
const VALIDATE_SOURCE: &str = include_str!("../proto/buf/validate/validate.proto");

/// A compiled schema, in the three forms that its readers want.
pub(crate) struct Schema {
    /// All files, with imports, options and comments.
    pub(crate) encoded: Vec<u8>,
    /// All files, for those who resolve references to other packages.
    pub(crate) all_files: FileDescriptorSet,
    /// The files to generate code for: neither `google.protobuf` nor `buf.validate`.
    pub(crate) files: FileDescriptorSet,
    /// All files, with options that can be read by name.
    pub(crate) pool: DescriptorPool,
    /// Where the files were read from, those that come with this crate left out.
    pub(crate) read: Vec<PathBuf>,
}

impl Schema {
    /// Whether code is generated for what is called `full_name` in `file`: neither the file nor the name is others'.
    pub(crate) fn generates(
        &self,
        extern_paths: &[(String, String)],
        full_name: &str,
        file: &FileDescriptor,
    ) -> bool {
        !external::covers(extern_paths, full_name)
            && self
                .files
                .file
                .iter()
                .any(|each| each.name() == file.name())
    }
}

/// Resolves `buf/validate/validate.proto` to the text in this crate.
struct ValidateFileResolver;

impl FileResolver for ValidateFileResolver {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == VALIDATE_NAME {
            File::from_source(name, VALIDATE_SOURCE)
        } else {
            Err(protox::Error::file_not_found(name))
        }
    }
}

pub(crate) fn compile(
    protos: &[impl AsRef<Path>],
    includes: &[impl AsRef<Path>],
) -> Result<Schema, Error> {
    if protos.is_empty() {
        return Err(Error::NoFiles);
    }
    let mut resolver = ChainFileResolver::new();
    for include in includes {
        resolver.add(IncludeFileResolver::new(include.as_ref().to_owned()));
    }
    resolver.add(GoogleFileResolver::new());
    resolver.add(ValidateFileResolver);

    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    for proto in protos {
        compiler.open_file(proto).map_err(|error| schema(&error))?;
    }
    let all_files = compiler.file_descriptor_set();
    let mut files = all_files.clone();
    files
        .file
        .retain(|file| !matches!(file.package(), "google.protobuf" | "buf.validate"));
    Ok(Schema {
        encoded: compiler.encode_file_descriptor_set(),
        all_files,
        files,
        pool: compiler.descriptor_pool(),
        read: (compiler.files())
            .filter_map(|file| file.path().map(Path::to_owned))
            .collect(),
    })
}

/// What protox says, which has the file and the line, and what to do where that is not clear.
fn schema(error: &protox::Error) -> Error {
    let text = format!("{error:?}");
    let remedy = if error.is_file_not_found() {
        ": add the folder that it lies in to the includes, or correct its name"
    } else if text.contains("option field '(buf.validate.") {
        // Their `validate.proto` may know it; the one that comes with this crate has what can be compiled.
        ": leave the rule out and check the value in code"
    } else if text.contains("but found 'edition'") {
        "; editions are not understood: write syntax = \"proto3\" or \"proto2\""
    } else {
        ""
    };
    Error::Schema(format!("{text}{remedy}"))
}
