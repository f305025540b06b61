//! What to generate, and where to.

use std::path::{Path, PathBuf};

use crate::{
    Error, attributes, collisions, compile, external, file, json, output, services, validate,
};

/// What to generate, and where to. [`configure`](crate::configure) makes one with the defaults.
///
/// Options that prost-build and tonic-prost-build have as well bear the same name here and take the same paths:
/// `.` is everything, `.demo.v1` a package, `.demo.v1.Greeting` a message with all that is nested in it,
/// `.demo.v1.Greeting.text` a field; without the dot in front, whatever ends so: `Greeting.text`.
#[derive(Debug, Clone)]
pub struct Builder {
    pub(crate) build_client: bool,
    pub(crate) build_server: bool,
    pub(crate) json: bool,
    pub(crate) client_feature: Option<String>,
    pub(crate) server_feature: Option<String>,
    pub(crate) use_arc_self: bool,
    pub(crate) generate_default_stubs: bool,
    retain_enum_prefix: bool,
    emit_rerun_if_changed: bool,
    extern_paths: Pairs,
    pub(crate) type_attributes: Pairs,
    pub(crate) message_attributes: Pairs,
    pub(crate) enum_attributes: Pairs,
    pub(crate) field_attributes: Pairs,
    pub(crate) client_mod_attributes: Pairs,
    pub(crate) client_attributes: Pairs,
    pub(crate) server_mod_attributes: Pairs,
    pub(crate) server_attributes: Pairs,
    pub(crate) trait_attributes: Pairs,
    boxed: Vec<String>,
    btree_map: Vec<String>,
    bytes: Vec<String>,
    skip_debug: Vec<String>,
    pub(crate) disable_comments: Vec<String>,
    pub(crate) out_dir: Option<PathBuf>,
    pub(crate) include_file: Option<PathBuf>,
    pub(crate) file_descriptor_set_path: Option<PathBuf>,
}

type Pairs = Vec<(String, String)>;

impl Default for Builder {
    fn default() -> Self {
        Self {
            build_client: true,
            build_server: true,
            json: true,
            client_feature: None,
            server_feature: None,
            use_arc_self: false,
            generate_default_stubs: false,
            retain_enum_prefix: false,
            emit_rerun_if_changed: std::env::var_os("CARGO").is_some(),
            extern_paths: Vec::new(),
            type_attributes: Vec::new(),
            message_attributes: Vec::new(),
            enum_attributes: Vec::new(),
            field_attributes: Vec::new(),
            client_mod_attributes: Vec::new(),
            client_attributes: Vec::new(),
            server_mod_attributes: Vec::new(),
            server_attributes: Vec::new(),
            trait_attributes: Vec::new(),
            boxed: Vec::new(),
            btree_map: Vec::new(),
            bytes: Vec::new(),
            skip_debug: Vec::new(),
            disable_comments: Vec::new(),
            out_dir: None,
            include_file: None,
            file_descriptor_set_path: None,
        }
    }
}

/// Options that are a path and a text.
macro_rules! pairs {
    ($($(#[$doc:meta])* $name:ident => $place:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
            self.$place.push((path.into(), attribute.into()));
            self
        }
    )*};
}

/// Options that are a list of paths.
macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
            self.$name.extend(paths.into_iter().map(Into::into));
            self
        }
    )*};
}

impl Builder {
    /// Whether to generate tonic's clients; true unless it is set.
    #[must_use]
    pub fn build_client(mut self, enable: bool) -> Self {
        self.build_client = enable;
        self
    }

    /// Whether to generate tonic's servers, and the Connect services beside them; true unless it is set.
    #[must_use]
    pub fn build_server(mut self, enable: bool) -> Self {
        self.build_server = enable;
        self
    }

    /// Whether messages and enums have JSON; true unless it is set.
    ///
    /// Without it messages need no serde, those of [`extern_path`](Self::extern_path) neither. Services are served over
    /// all protocols and called in them all the same, in the binary format alone: who asks for JSON is refused with 415.
    #[must_use]
    pub fn json(mut self, enable: bool) -> Self {
        self.json = enable;
        self
    }

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

    /// Makes the methods of the server's trait take `self: Arc<Self>`; false unless it is set.
    #[must_use]
    pub fn use_arc_self(mut self, enable: bool) -> Self {
        self.use_arc_self = enable;
        self
    }

    /// Gives the methods of the server's trait a body that answers `unimplemented`; false unless it is set.
    #[must_use]
    pub fn generate_default_stubs(mut self, enable: bool) -> Self {
        self.generate_default_stubs = enable;
        self
    }

    /// Keeps the enum's name in front of its values' names; false unless it is set: `DIET_MEAT` of the enum `Diet` is
    /// `Diet::Meat`. JSON is the same in any case.
    #[must_use]
    pub fn retain_enum_prefix(mut self, enable: bool) -> Self {
        self.retain_enum_prefix = enable;
        self
    }

    /// Uses the Rust type or module `rust_path` for the protobuf type or package `proto_path` (`.demo.v1`), instead of
    /// generating it: from another crate that was generated, or written by hand.
    ///
    /// A message has to implement [`prost::Message`](https://docs.rs/prost) and, unless [`json`](Self::json) is off,
    /// serde's traits with the JSON form of protobuf. If it implements `tonic_connect::validate::Validate`, as those do
    /// that this crate generates, it is validated where it stands in other messages. The Rust path begins with `::` or
    /// `crate::`.
    ///
    /// prost goes by the schema in what it derives for a message that holds another, whichever type stands for that one.
    /// `rust_path` therefore has to implement `Eq` and `Hash`, if the message `proto_path` has at no depth a
    /// floating-point number, a map, a repeated message or itself; and `Copy`, if all in it are singular numbers, `bool`s
    /// and enums.
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

    pairs! {
        /// Adds an attribute to the Rust types of messages, enums and oneofs.
        type_attribute => type_attributes;
        /// Adds an attribute to the Rust types of messages.
        message_attribute => message_attributes;
        /// Adds an attribute to the Rust types of enums and oneofs.
        enum_attribute => enum_attributes;
        /// Adds an attribute to fields, oneofs and their variants.
        field_attribute => field_attributes;
        /// Adds an attribute to the modules of clients, tonic's and ours. The path is that of a package, without a dot
        /// in front, or `.`.
        client_mod_attribute => client_mod_attributes;
        /// Adds an attribute to the client types of services, tonic's and ours. The path is that of a service, without
        /// a dot in front.
        client_attribute => client_attributes;
        /// Adds an attribute to the modules of tonic's servers and of Connect services. The path is that of a package,
        /// without a dot in front, or `.`.
        server_mod_attribute => server_mod_attributes;
        /// Adds an attribute to tonic's server types and to Connect services. The path is that of a service, without a
        /// dot in front.
        server_attribute => server_attributes;
        /// Adds an attribute to the traits that servers implement. The path is the name of a service alone: `Greeter`.
        trait_attribute => trait_attributes;
    }

    lists! {
        /// Puts these message fields or variants of oneofs into a `Box`. Recursive ones are boxed in any case.
        boxed;
        /// Makes these map fields a `BTreeMap`, which keeps its entries in order.
        btree_map;
        /// Makes these `bytes` fields a `bytes::Bytes`, which is decoded without a copy.
        bytes;
        /// Leaves out `Debug` of these types, for one of your own.
        skip_debug;
        /// Leaves out the comments of these messages, fields and methods (`demo.v1.Greeter.Greet`).
        disable_comments;
    }

    /// Writes to this folder instead of `OUT_DIR`. It is made if it is not there.
    #[must_use]
    pub fn out_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(path.into());
        self
    }

    /// Also writes a file that includes all others, each package in modules of its name; relative to the folder of the
    /// others. Packages that refer to each other need it, or the same tree of modules written by hand.
    #[must_use]
    pub fn include_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.include_file = Some(path.into());
        self
    }

    /// Where to write the compiled schema, relative to the folder of the other files; `descriptor.binpb` unless it is
    /// set.
    #[must_use]
    pub fn file_descriptor_set_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.file_descriptor_set_path = Some(path.into());
        self
    }

    /// Whether to tell cargo which files were read, so that it runs the build script again when one has changed; true
    /// under cargo unless it is set.
    #[must_use]
    pub fn emit_rerun_if_changed(mut self, enable: bool) -> Self {
        self.emit_rerun_if_changed = enable;
        self
    }

    /// Compiles `protos`, which may import each other and what stands below `includes`, and writes one file per
    /// package, named after it.
    ///
    /// `google/protobuf/*.proto` and `buf/validate/validate.proto` need not be there: they come with the generator.
    ///
    /// # Errors
    ///
    /// [`Error`] says what is wrong with the schema or the options, or which file could not be written.
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
        attributes::check(&self)?;
        let schema = compile::compile(protos, includes)?;
        if self.emit_rerun_if_changed {
            for path in &schema.read {
                println!("cargo:rerun-if-changed={}", path.display());
            }
        }
        let extern_paths = external::paths(&self.extern_paths, &schema.pool)?;
        collisions::check(&self, &schema, &extern_paths)?;

        // All is generated before the first file is written: a failure leaves what was there.
        let mut packages = services::generate(&self, &schema, &extern_paths)?;
        for (package, code) in &mut packages {
            if self.json {
                code.push_str(&json::generate(&schema, package, &extern_paths)?);
            }
            code.push_str(&validate::generate(&schema, package, &extern_paths)?);
            *code = file::finish(package, code)?;
        }

        output::write_all(&self, &out_dir, &packages, &schema.encoded)
    }

    /// How prost generates messages.
    pub(crate) fn prost(&self) -> prost_build::Config {
        let mut config = prost_build::Config::new();
        // `Any::pack` asks for them.
        config.enable_type_names();
        for (path, attribute) in &self.type_attributes {
            config.type_attribute(path, attribute);
        }
        for (path, attribute) in &self.message_attributes {
            config.message_attribute(path, attribute);
        }
        for (path, attribute) in &self.enum_attributes {
            config.enum_attribute(path, attribute);
        }
        for (path, attribute) in &self.field_attributes {
            config.field_attribute(path, attribute);
        }
        for path in &self.boxed {
            config.boxed(path);
        }
        if self.retain_enum_prefix {
            config.retain_enum_prefix();
        }
        config
            .btree_map(&self.btree_map)
            .bytes(&self.bytes)
            .skip_debug(&self.skip_debug)
            .disable_comments(&self.disable_comments);
        config
    }

    /// How tonic generates clients and servers. It emits no transport of its own: whatever implements
    /// `tonic::client::GrpcService` goes under its client.
    pub(crate) fn tonic(&self) -> tonic_prost_build::Builder {
        let mut tonic = tonic_prost_build::configure()
            .build_transport(false)
            .build_client(self.build_client)
            .build_server(self.build_server)
            // Theirs are external all the same, see `external`: prost has put their Rust paths in.
            .compile_well_known_types(true)
            .use_arc_self(self.use_arc_self)
            .generate_default_stubs(self.generate_default_stubs)
            .disable_comments(&self.disable_comments);
        if let Some(feature) = &self.client_feature {
            tonic = tonic.client_mod_attribute(".", format!("#[cfg(feature = {feature:?})]"));
        }
        if let Some(feature) = &self.server_feature {
            tonic = tonic.server_mod_attribute(".", format!("#[cfg(feature = {feature:?})]"));
        }
        for (path, attribute) in &self.client_mod_attributes {
            tonic = tonic.client_mod_attribute(path, attribute);
        }
        for (path, attribute) in &self.client_attributes {
            tonic = tonic.client_attribute(path, attribute);
        }
        for (path, attribute) in &self.server_mod_attributes {
            tonic = tonic.server_mod_attribute(path, attribute);
        }
        for (path, attribute) in &self.server_attributes {
            tonic = tonic.server_attribute(path, attribute);
        }
        for (path, attribute) in &self.trait_attributes {
            tonic = tonic.trait_attribute(path, attribute);
        }
        tonic
    }
}
