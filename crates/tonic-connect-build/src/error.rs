//! What can be wrong with a schema or with what was asked for.

use std::fmt;
use std::path::PathBuf;

/// Why a schema could not be compiled.
///
/// `Debug` is the same as `Display`, because that is what cargo shows of a build script's `main` that returns an error.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A `.proto` file does not compile; the message has the file, the line and the reason.
    #[error("{0}")]
    Schema(String),
    /// A `buf.validate` rule cannot be compiled.
    #[error("{place}: {subject}: {reason}")]
    Rule {
        /// The file and the line: `demo.proto:12`.
        place: String,
        /// The full name of the field or oneof.
        subject: String,
        /// What is wrong, and what can be done.
        reason: String,
    },
    /// An external path that cannot be used.
    #[error("extern_path({path:?}, …): {reason}")]
    ExternPath {
        /// The protobuf path, as it was given.
        path: String,
        /// What is wrong with it, and what can be done.
        reason: String,
    },
    /// An option that cannot be followed.
    #[error("{call}: {reason}")]
    Option {
        /// The option with what it was given: `include_file("demo.v1.rs")`.
        call: String,
        /// What is wrong with it, and what can be done.
        reason: String,
    },
    /// `compile` was called without a file.
    #[error("compile(): no .proto file is named; without one nothing is generated")]
    NoFiles,
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no folder to write to: `OUT_DIR` is unset, so this is no build script.
    #[error("OUT_DIR is not set: call this from build.rs, or name a folder with out_dir()")]
    NoOutDir,
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
