//! The one prost pass: messages by prost, then for each service tonic's client and server and,
//! right behind them, the Connect service.

use std::collections::BTreeMap;

use prost_build::{Config, Module, Service, ServiceGenerator};

use crate::compile::Schema;
use crate::{Builder, Error, connect};

/// The code of each package, by the package's name.
pub(crate) fn generate(
    builder: &Builder,
    schema: &Schema,
    extern_paths: &[(String, String)],
) -> Result<BTreeMap<String, String>, Error> {
    let mut config = Config::new();
    // They are external all the same, but not to prost's own types.
    config.compile_well_known_types();
    for (proto_path, rust_path) in extern_paths {
        config.extern_path(proto_path, rust_path);
    }
    config.service_generator(Box::new(Generator {
        tonic: tonic(builder),
        client_feature: builder.client_feature.clone(),
        server_feature: builder.server_feature.clone(),
    }));

    let requests = schema
        .all_files
        .file
        .iter()
        .map(|file| {
            (
                Module::from_protobuf_package_name(file.package()),
                file.clone(),
            )
        })
        .collect();
    let modules = config
        .generate(requests)
        .map_err(|error| Error::Schema(error.to_string()))?;

    let mut packages = BTreeMap::new();
    for file in &schema.files.file {
        let module = Module::from_protobuf_package_name(file.package());
        if let Some(code) = modules.get(&module) {
            packages.insert(file.package().to_owned(), code.clone());
        }
    }
    Ok(packages)
}

/// tonic's own generator. It emits no transport of its own: whatever implements
/// `tonic::client::GrpcService` goes under its client.
fn tonic(builder: &Builder) -> Box<dyn ServiceGenerator> {
    let mut tonic = tonic_prost_build::configure().build_transport(false);
    if let Some(feature) = &builder.client_feature {
        tonic = tonic.client_mod_attribute(".", format!("#[cfg(feature = \"{feature}\")]"));
    }
    if let Some(feature) = &builder.server_feature {
        tonic = tonic.server_mod_attribute(".", format!("#[cfg(feature = \"{feature}\")]"));
    }
    tonic.service_generator()
}

struct Generator {
    tonic: Box<dyn ServiceGenerator>,
    client_feature: Option<String>,
    server_feature: Option<String>,
}

impl ServiceGenerator for Generator {
    fn generate(&mut self, service: Service, code: &mut String) {
        let connect = connect::generate(
            &service,
            self.client_feature.as_deref(),
            self.server_feature.as_deref(),
        );
        self.tonic.generate(service, code);
        code.push_str(&connect);
    }

    fn finalize(&mut self, code: &mut String) {
        self.tonic.finalize(code);
    }

    fn finalize_package(&mut self, package: &str, code: &mut String) {
        self.tonic.finalize_package(package, code);
    }
}
