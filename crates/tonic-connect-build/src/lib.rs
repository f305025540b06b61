//! Generates the whole stack for a set of `.proto` files at build time: prost messages, tonic
//! client and server stubs, JSON, validation, and Connect services.
//!
//! No `protoc`, no network: the files are compiled in Rust by protox, in one prost pass, and the
//! output is deterministic. Call it from `build.rs`:
//!
//! ```no_run
//! fn main() -> Result<(), tonic_connect_build::Error> {
//!     tonic_connect_build::configure().compile(&["proto/greet/v1/greet.proto"], &["proto"])
//! }
//! ```
//!
//! and include the one file that each package gets:
//!
//! ```ignore
//! pub mod v1 {
//!     include!(concat!(env!("OUT_DIR"), "/greet.v1.rs"));
//! }
//! ```
//!
//! The including crate depends on `prost`, `pbjson`, `pbjson-wkt`, `serde`, `tonic`,
//! `tonic-prost` and `tonic-connect`.
//!
//! For a service `Greeter`, the file holds what tonic generates (`greeter_client::GreeterClient`,
//! `greeter_server::{Greeter, GreeterServer}`), and beside it `greeter_connect` with
//! `GreeterConnect<T>`, which serves any `T: Greeter` over Connect, gRPC and gRPC-Web, and
//! `SERVICE`, the table of methods that a `tonic_connect::Channel` needs.
//!
//! Messages in a `google.protobuf.Any` can be written as JSON once their types are known: call the
//! package's `register_json_types()` at the start of the program.
//!
//! The compiled schema itself is written to `descriptor.binpb` in the same folder: an encoded
//! `google.protobuf.FileDescriptorSet` with comments and options, for reflection and for linting.

mod compile;
mod connect;
mod json;
mod naming;
mod services;
mod validate;
mod well_known;

use std::path::{Path, PathBuf};

/// Why a schema could not be compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A `.proto` file does not compile; the message has the file, the line and the reason.
    #[error("{0}")]
    Schema(String),
    /// A `buf.validate` rule cannot be compiled.
    #[error("{subject}: {reason}")]
    Rule {
        /// The full name of the field or oneof.
        subject: String,
        /// What is wrong, and what can be done.
        reason: String,
    },
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

/// Starts a configuration with the defaults: clients, servers, JSON and validation.
#[must_use]
pub fn configure() -> Builder {
    Builder::default()
}

/// What to generate, and where to.
#[derive(Debug, Default, Clone)]
pub struct Builder {
    client_feature: Option<String>,
    server_feature: Option<String>,
    extern_paths: Vec<(String, String)>,
    out_dir: Option<PathBuf>,
}

impl Builder {
    /// Puts the generated clients behind a Cargo feature of the including crate.
    #[must_use]
    pub fn client_feature(mut self, feature: impl Into<String>) -> Self {
        self.client_feature = Some(feature.into());
        self
    }

    /// Puts the generated servers behind a Cargo feature of the including crate.
    #[must_use]
    pub fn server_feature(mut self, feature: impl Into<String>) -> Self {
        self.server_feature = Some(feature.into());
        self
    }

    /// Uses the Rust type or module `rust_path` for the protobuf type or package `proto_path`,
    /// instead of generating it.
    #[must_use]
    pub fn extern_path(
        mut self,
        proto_path: impl Into<String>,
        rust_path: impl Into<String>,
    ) -> Self {
        self.extern_paths
            .push((proto_path.into(), rust_path.into()));
        self
    }

    /// Writes to this folder instead of `OUT_DIR`.
    #[must_use]
    pub fn out_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(path.into());
        self
    }

    /// Compiles `protos`, which may import each other and what stands below `includes`, and
    /// writes one file per package, named after it.
    ///
    /// # Errors
    ///
    /// [`Error`] says what is wrong with the schema, or which file could not be written.
    pub fn compile(
        self,
        protos: &[impl AsRef<Path>],
        includes: &[impl AsRef<Path>],
    ) -> Result<(), Error> {
        let out_dir = match &self.out_dir {
            Some(path) => path.clone(),
            None => std::env::var_os("OUT_DIR")
                .map(PathBuf::from)
                .ok_or(Error::NoOutDir)?,
        };
        if std::env::var_os("CARGO").is_some() {
            for path in includes {
                println!("cargo:rerun-if-changed={}", path.as_ref().display());
            }
        }
        let schema = compile::compile(protos, includes)?;
        write(&out_dir.join("descriptor.binpb"), &schema.encoded)?;

        let extern_paths = well_known::extern_paths(&self.extern_paths);

        let generated = services::generate(&self, &schema, &extern_paths)?;
        for (package, mut code) in generated {
            code.push_str(&json::generate(&schema, &package, &extern_paths)?);
            code.push_str(&validate::generate(&schema, &package, &extern_paths)?);
            write(&out_dir.join(naming::file_name(&package)), code.as_bytes())?;
        }
        Ok(())
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path, bytes).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })
}
