//! The one prost pass: messages by prost, then for each service tonic's client and server and,
//! right behind them, the Connect service.

use std::collections::BTreeMap;

use prost_build::{Module, Service, ServiceGenerator};

use crate::compile::Schema;
use crate::{Builder, Error, comments, connect, external};

/// The code of each package, by the package's name.
pub(crate) fn generate(
    builder: &Builder,
    schema: &Schema,
    extern_paths: &[(String, String)],
) -> Result<BTreeMap<String, String>, Error> {
    let mut config = builder.prost();
    // They are external all the same, but not to prost's own types.
    config.compile_well_known_types();
    for (proto_path, rust_path) in extern_paths {
        config.extern_path(proto_path, rust_path);
    }
    if builder.build_client || builder.build_server {
        config.service_generator(Box::new(Generator {
            tonic: builder.tonic().service_generator(),
            builder: builder.clone(),
        }));
    }

    let requests = schema
        .all_files
        .file
        .iter()
        .map(|file| {
            let mut file = file.clone();
            if external::covers(extern_paths, file.package()) {
                // Their messages are others', so their services are, too.
                file.service.clear();
            }
            comments::clean(&mut file);
            (Module::from_protobuf_package_name(file.package()), file)
        })
        .collect();
    let modules = config
        .generate(requests)
        .map_err(|error| Error::Schema(error.to_string()))?;

    let mut packages = BTreeMap::new();
    let mut names = BTreeMap::new();
    for file in &schema.files.file {
        let module = Module::from_protobuf_package_name(file.package());
        let first = *names.entry(module.clone()).or_insert(file.package());
        if first != file.package() {
            return Err(Error::Schema(format!(
                "{}: the packages {first} and {} are one module in Rust: rename one of them",
                file.name(),
                file.package()
            )));
        }
        if let Some(code) = modules.get(&module) {
            packages.insert(file.package().to_owned(), code.clone());
        }
    }
    Ok(packages)
}

struct Generator {
    tonic: Box<dyn ServiceGenerator>,
    builder: Builder,
}

impl ServiceGenerator for Generator {
    fn generate(&mut self, service: Service, code: &mut String) {
        let connect = connect::generate(&service, &self.builder);
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
