//! The commands of a stage: one, or several side by side, each a line for a shell or a program with
//! its arguments.

use std::fmt;

use serde_json::Value;

use super::{Fault, kind};

/// How many commands may run side by side.
const MAX_PARALLEL: usize = 64;
/// The longest command, in bytes: the kernel takes no argument of 128 KiB.
const MAX_COMMAND: usize = 120 * 1024;

/// One command of a stage.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::runner) struct Entry {
    /// Its name, when the stage is an object.
    pub(in crate::runner) name: Option<String>,
    pub(in crate::runner) command: CommandLine,
}

/// The two ways to say what to run.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::runner) enum CommandLine {
    /// For `/bin/sh -c`.
    Shell(String),
    /// A program and its arguments, without a shell.
    Exec(Vec<String>),
}

/// The commands of one stage; none for an empty string, array or object.
pub(super) fn entries(property: &str, value: Option<&Value>) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    match value {
        None => {}
        Some(Value::Object(members)) => {
            if members.len() > MAX_PARALLEL {
                return Err(Fault::new(property, "has more than 64 commands"));
            }
            for (name, value) in members {
                if let Some(command) = command(property, Some(name), value)? {
                    entries.push(Entry {
                        name: Some(name.clone()),
                        command,
                    });
                }
            }
        }
        Some(value) => entries.extend(command(property, None, value)?.map(|command| Entry {
            name: None,
            command,
        })),
    }
    Ok(entries)
}

fn command(
    property: &str,
    name: Option<&str>,
    value: &Value,
) -> Result<Option<CommandLine>, Fault> {
    let which = name.map_or_else(String::new, |name| format!("entry {name:?} "));
    let fault = |message: &str| Err(Fault::new(property, format!("{which}{message}")));
    let size = match value {
        Value::Null => return Ok(None),
        Value::String(line) if line.trim().is_empty() => return Ok(None),
        Value::String(line) => line.len(),
        Value::Array(words) if words.is_empty() => return Ok(None),
        Value::Array(words) => words.iter().filter_map(Value::as_str).map(str::len).sum(),
        other => {
            return fault(&format!(
                "must be a string or an array of strings{}; it is {}",
                if name.is_none() {
                    ", or an object of those"
                } else {
                    ""
                },
                kind(other)
            ));
        }
    };
    if size > MAX_COMMAND {
        return fault("is longer than 120 KiB");
    }
    let words: Option<Vec<String>> = match value {
        Value::Array(words) => words
            .iter()
            .map(|word| word.as_str().map(str::to_owned))
            .collect(),
        other => other.as_str().map(|line| vec![line.to_owned()]),
    };
    let Some(words) = words else {
        return fault("must be an array of strings only");
    };
    if words.iter().any(|word| word.contains('\0')) {
        return fault("contains a NUL character");
    }
    if value.is_array() {
        if words[0].is_empty() || words[0].starts_with('-') {
            return fault("must begin with the name of a program");
        }
        return Ok(Some(CommandLine::Exec(words)));
    }
    Ok(words.into_iter().next().map(CommandLine::Shell))
}

impl fmt::Display for CommandLine {
    /// One line for the log, as it stands in the file: variables are not replaced, since their
    /// values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Shell(line) => line.clone(),
            Self::Exec(words) => Value::from(words.clone()).to_string(),
        };
        let mut lines = text.trim().lines();
        let first = lines.next().unwrap_or_default();
        let shown: String = first
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        f.write_str(&shown)?;
        if lines.next().is_some() || first.chars().count() > 200 {
            f.write_str(" …")?;
        }
        Ok(())
    }
}
