//! What goes to standard output: JSON for machines, tables for people.

use std::io::{self, BufWriter, Stdout, StdoutLock, Write};

use futures_util::{Stream, TryStreamExt};
use serde::Serialize;

use crate::failure::Failure;
use crate::table::Table;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Tables for people; they may change from version to version.
    Text,
    /// Proto JSON for scripts.
    Json,
}

/// The option for it, in every command that prints resources.
#[derive(Debug, clap::Args)]
pub(crate) struct FormatArgs {
    /// How to print results: tables for people, or proto JSON for scripts.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// A resource that has a row in a table.
pub(crate) trait Rows: Serialize {
    /// Writes the row of this resource.
    fn row<W: Write>(&self, table: &mut Table<W>) -> io::Result<()>;

    /// An empty table for resources of this kind.
    fn table<W: Write>(out: W) -> Table<W>;
}

/// Prints one JSON value, indented, and a line end.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<(), Failure> {
    let mut out = buffered();
    write_json(&mut out, value)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Prints text, and a line end.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Prints a few resources: a JSON array, or a table.
pub(crate) fn all<T: Rows>(format: Format, items: &[T]) -> Result<(), Failure> {
    match format {
        Format::Json => json(items),
        Format::Text => {
            let mut out = buffered();
            let mut table = T::table(&mut out);
            for item in items {
                item.row(&mut table)?;
            }
            Ok(out.flush()?)
        }
    }
}

/// Prints resources as they come, in bounded memory: a JSON array, or a table, or `nothing` when
/// there are none.
pub(crate) async fn stream<T, S, E>(format: Format, items: S, nothing: &str) -> Result<(), Failure>
where
    T: Rows,
    S: Stream<Item = Result<T, E>>,
    Failure: From<E>,
{
    let mut items = std::pin::pin!(items);
    // Not locked: a lock may not be held while waiting for the next page.
    let mut out = BufWriter::new(io::stdout());
    match format {
        Format::Json => {
            let mut before: &[u8] = b"[";
            while let Some(item) = items.try_next().await? {
                out.write_all(before)?;
                out.write_all(b"\n")?;
                write_json(&mut out, &item)?;
                before = b",";
            }
            out.write_all(if before == b"[" { b"[]\n" } else { b"\n]\n" })?;
        }
        Format::Text => {
            let mut table = T::table(&mut out);
            while let Some(item) = items.try_next().await? {
                item.row(&mut table)?;
            }
            if table.is_empty() {
                crate::failure::note(nothing);
            }
        }
    }
    Ok(out.flush()?)
}

/// Copies bytes to standard output as they come.
pub(crate) fn bytes(out: &mut Stdout, bytes: &[u8]) -> Result<(), Failure> {
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

fn write_json<T: Serialize + ?Sized>(out: impl Write, value: &T) -> Result<(), Failure> {
    serde_json::to_writer_pretty(out, value).map_err(|error| {
        if error.is_io() {
            io::Error::from(error).into()
        } else {
            Failure::failed(format!("the result has no JSON form: {error}"))
        }
    })
}

fn buffered() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
}
