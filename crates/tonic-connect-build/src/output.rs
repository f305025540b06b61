//! The files that are written: one for each package, the schema, and the tree of modules.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Builder, Error, file, naming};

/// Writes what was generated, by the package's name, and the encoded schema.
pub(crate) fn write_all(
    builder: &Builder,
    out_dir: &Path,
    packages: &BTreeMap<String, String>,
    schema: &[u8],
) -> Result<(), Error> {
    let mut files = BTreeMap::new();
    for (package, code) in packages {
        let path = out_dir.join(naming::file_name(package));
        let _ = files.insert(path, (format!("the package {package:?}"), code.as_bytes()));
    }
    let descriptor = builder
        .file_descriptor_set_path
        .as_deref()
        .unwrap_or(Path::new("descriptor.binpb"));
    add(
        &mut files,
        out_dir,
        "file_descriptor_set_path",
        descriptor,
        schema,
    )?;
    let tree = match &builder.include_file {
        Some(name) => {
            let tree = file::include_tree(packages.keys(), builder.out_dir.is_some())?;
            Some((name, tree))
        }
        None => None,
    };
    if let Some((name, tree)) = &tree {
        add(&mut files, out_dir, "include_file", name, tree.as_bytes())?;
    }

    std::fs::create_dir_all(out_dir).map_err(|source| Error::Io {
        path: out_dir.to_owned(),
        source,
    })?;
    for (path, (_, bytes)) in &files {
        write(path, bytes)?;
    }
    Ok(())
}

/// What is written to a file, and what that is.
type Files<'a> = BTreeMap<PathBuf, (String, &'a [u8])>;

/// Adds what an option named, unless it would overwrite something else.
fn add<'a>(
    files: &mut Files<'a>,
    out_dir: &Path,
    option: &str,
    name: &Path,
    bytes: &'a [u8],
) -> Result<(), Error> {
    let path = out_dir.join(name);
    let call = format!("{option}({name:?})");
    if let Some((other, _)) = files.get(&path) {
        return Err(Error::Option {
            call,
            reason: format!("is the file of {other}; choose another name"),
        });
    }
    let _ = files.insert(path, (call, bytes));
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    // A file that stays the same keeps its time, so that nothing that includes it is compiled again.
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    std::fs::write(path, bytes).map_err(|source: io::Error| Error::Io {
        path: path.to_owned(),
        source,
    })
}
