//! devcontainer.json: where it is, what of it a prebuild runs, and what of it cannot be honoured.
//!
//! <https://containers.dev/implementors/json_reference/>. The file is a stranger's: its place may
//! not leave the workspace, its size and counts are bounded, and everything is checked before the
//! first command runs.

mod command_line;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path};

use jsonc_parser::{
    CollectOptions, ParseOptions, common::Ranged, parse_to_ast, parse_to_serde_value,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(super) use command_line::{CommandLine, Entry};

use command_line::entries;

use super::environment::{MAX_VARIABLE_BYTES, MAX_VARIABLES, variable_fault};
use super::error::RunnerError;

/// The largest devcontainer.json, in bytes.
const MAX_SIZE: u64 = 1024 * 1024;
/// How many folders below `.devcontainer` are looked at.
const MAX_FOLDERS: usize = 1000;

/// The stages of a prebuild, in order.
pub(super) const STAGES: [&str; 3] = [
    "initializeCommand",
    "onCreateCommand",
    "updateContentCommand",
];

/// Properties that ask for something that needs a container engine or another user.
const NOT_HONOURED: &[&str] = &[
    "image",
    "build",
    "dockerFile",
    "dockerComposeFile",
    "service",
    "runServices",
    "features",
    "privileged",
    "init",
    "mounts",
    "workspaceMount",
    "runArgs",
    "capAdd",
    "securityOpt",
    "containerUser",
    "remoteUser",
    "hostRequirements",
];

/// Files with automation tasks.
const AUTOMATIONS: &[&str] = &[".ona/automations.yaml", ".gitpod/automations.yaml"];

/// What a devcontainer file says to a prebuild.
#[derive(Clone, Debug)]
pub(super) struct Devcontainer {
    /// Relative to the workspace.
    pub(super) path: String,
    content: Map<String, Value>,
    /// The commands of each of [`STAGES`].
    pub(super) stages: [Vec<Entry>; 3],
    pub(super) container_env: Vec<(String, Option<String>)>,
    /// `None` takes the variable away.
    pub(super) remote_env: Vec<(String, Option<String>)>,
}

/// As it is kept with an environment.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    path: String,
    content: Map<String, Value>,
}

/// A property that is not what it should be.
struct Fault {
    property: String,
    message: String,
}

impl Fault {
    fn new(property: &str, message: impl Into<String>) -> Self {
        Self {
            property: property.to_owned(),
            message: message.into(),
        }
    }
}

impl Devcontainer {
    /// The file, relative to the workspace: the one that is named, else the first of the standard
    /// places.
    pub(super) fn find(
        workspace: &Path,
        named: Option<&str>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<String>, RunnerError> {
        if let Some(named) = named.filter(|named| !named.is_empty()) {
            let inside = Path::new(named)
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
            if !inside {
                return Err(RunnerError::Devcontainer(format!(
                    "the project's devcontainer file {named:?} is not a path inside the repository"
                )));
            }
            return match fs::symlink_metadata(workspace.join(named)) {
                Ok(_) => Ok(Some(named.to_owned())),
                Err(_) => Err(RunnerError::Devcontainer(format!(
                    "the project's devcontainer file {named} does not exist in the repository"
                ))),
            };
        }
        for standard in [".devcontainer/devcontainer.json", ".devcontainer.json"] {
            if fs::symlink_metadata(workspace.join(standard)).is_ok() {
                return Ok(Some(standard.to_owned()));
            }
        }
        let Ok(folders) = fs::read_dir(workspace.join(".devcontainer")) else {
            return Ok(None);
        };
        let mut found: Vec<String> = folders
            .take(MAX_FOLDERS)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .map(|name| format!(".devcontainer/{name}/devcontainer.json"))
            .filter(|path| fs::symlink_metadata(workspace.join(path)).is_ok())
            .collect();
        found.sort_unstable();
        if let [first, others @ ..] = found.as_slice()
            && !others.is_empty()
        {
            warnings.push(format!(
                "the repository has {} devcontainer files in folders: {first} was taken; name one in the project to choose",
                found.len()
            ));
        }
        Ok(found.into_iter().next())
    }

    /// Reads and checks the file.
    pub(super) fn read(workspace: &Path, path: String) -> Result<Self, RunnerError> {
        let refused = |reason: &str| Err(RunnerError::Devcontainer(format!("{path}: {reason}")));
        let (root, real) = match (
            fs::canonicalize(workspace),
            fs::canonicalize(workspace.join(&path)),
        ) {
            (Ok(root), Ok(real)) => (root, real),
            (Err(error), _) | (_, Err(error)) => return refused(&error.to_string()),
        };
        if !real.starts_with(&root) {
            return refused("is a symbolic link that leaves the repository");
        }
        if !real.is_file() {
            return refused("is not a file");
        }
        let mut bytes = Vec::new();
        let read =
            File::open(&real).and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            return refused(&error.to_string());
        }
        if bytes.len() as u64 > MAX_SIZE {
            return refused("is larger than 1 MiB");
        }
        let Ok(text) = String::from_utf8(bytes) else {
            return refused("is not UTF-8 text");
        };
        Self::parse(path, text.trim_start_matches('\u{feff}')).map_err(RunnerError::Devcontainer)
    }

    fn parse(path: String, text: &str) -> Result<Self, String> {
        let options = ParseOptions {
            allow_comments: true,
            allow_trailing_commas: true,
            allow_loose_object_property_names: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        let value: Value = parse_to_serde_value(text, &options).map_err(|error| {
            format!(
                "{path}:{}:{}: {}",
                error.line_display(),
                error.column_display(),
                error.kind()
            )
        })?;
        let Value::Object(content) = value else {
            return Err(format!(
                "{path}:1:1: the file must hold an object, in braces"
            ));
        };
        let place = |fault: Fault| {
            let (line, column) = place_of(text, &options, &fault.property);
            let Fault { property, message } = fault;
            format!("{path}:{line}:{column}: {property} {message}")
        };
        Self::from_content(path.clone(), content).map_err(place)
    }

    fn from_content(path: String, content: Map<String, Value>) -> Result<Self, Fault> {
        let mut stages = [Vec::new(), Vec::new(), Vec::new()];
        for (stage, name) in stages.iter_mut().zip(STAGES) {
            *stage = entries(name, content.get(name))?;
        }
        Ok(Self {
            container_env: variables("containerEnv", content.get("containerEnv"), false)?,
            remote_env: variables("remoteEnv", content.get("remoteEnv"), true)?,
            path,
            content,
            stages,
        })
    }

    pub(super) fn record(&self) -> Record {
        Record {
            path: self.path.clone(),
            content: self.content.clone(),
        }
    }

    pub(super) fn from_record(record: Record) -> Result<Self, RunnerError> {
        let path = record.path.clone();
        Self::from_content(record.path, record.content).map_err(|fault| {
            RunnerError::Devcontainer(format!("{path}: {} {}", fault.property, fault.message))
        })
    }

    /// The content without comments and layout, properties in alphabetical order.
    pub(super) fn resolved(&self) -> String {
        Value::Object(self.content.clone()).to_string()
    }

    /// Says what of the file cannot be honoured.
    pub(super) fn warn(&self, repository: &str, inside: &Path, warnings: &mut Vec<String>) {
        let asked = |name: &&&str| match self.content.get(**name) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(members)) => !members.is_empty(),
            Some(_) => true,
        };
        let ignored: Vec<&str> = NOT_HONOURED.iter().filter(asked).copied().collect();
        if !ignored.is_empty() {
            warnings.push(format!(
                "this runner has no container engine and did not honour these of {}: {}; commands ran with the programs of the server",
                self.path,
                ignored.join(", ")
            ));
        }
        if let Some(Value::String(wanted)) = self.content.get("workspaceFolder") {
            let meant = [
                "localWorkspaceFolderBasename",
                "containerWorkspaceFolderBasename",
            ]
            .iter()
            .fold(wanted.clone(), |text, name| {
                text.replace(&format!("${{{name}}}"), repository)
            });
            let meant = meant.trim_end_matches('/');
            if meant != format!("/workspaces/{repository}") && Path::new(meant) != inside {
                let wanted: String = wanted.chars().take(200).collect();
                warnings.push(format!(
                    "workspaceFolder {wanted:?} of {} was not honoured: the workspace is at {}",
                    self.path,
                    inside.display()
                ));
            }
        }
    }
}

/// Says that automation tasks are not run, when there are any.
pub(super) fn warn_of_automations(workspace: &Path, warnings: &mut Vec<String>) {
    for path in AUTOMATIONS {
        if fs::symlink_metadata(workspace.join(path)).is_ok_and(|found| found.is_file()) {
            warnings.push(format!(
                "{path} was found: automation tasks are not run yet, only devcontainer commands"
            ));
        }
    }
}

/// Line and column of a property at the top of the file, both from 1.
fn place_of(text: &str, options: &ParseOptions, property: &str) -> (usize, usize) {
    let start = parse_to_ast(text, &CollectOptions::default(), options)
        .ok()
        .and_then(|parsed| {
            let value = parsed.value?;
            Some(value.as_object()?.get(property)?.range().start)
        });
    let before = start.and_then(|start| text.get(..start)).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn variables(
    property: &str,
    value: Option<&Value>,
    may_unset: bool,
) -> Result<Vec<(String, Option<String>)>, Fault> {
    let members = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(members)) => members,
        Some(other) => {
            return Err(Fault::new(
                property,
                format!("must be an object of strings; it is {}", kind(other)),
            ));
        }
    };
    if members.len() > MAX_VARIABLES {
        return Err(Fault::new(property, "has more than 1000 variables"));
    }
    let mut bytes = 0;
    let mut variables = Vec::new();
    for (name, value) in members {
        let value = match value {
            Value::String(value) => Some(value.clone()),
            Value::Null if may_unset => None,
            other => {
                return Err(Fault::new(
                    property,
                    format!("entry {name:?} must be a string; it is {}", kind(other)),
                ));
            }
        };
        let text = value.as_deref().unwrap_or_default();
        bytes += name.len() + text.len();
        if let Some(fault) = variable_fault(name, text) {
            return Err(Fault::new(
                property,
                format!("entry {name:?} cannot be an environment variable: {fault}"),
            ));
        }
        variables.push((name.clone(), value));
    }
    if bytes > MAX_VARIABLE_BYTES {
        return Err(Fault::new(property, "is larger than 1 MiB"));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Devcontainer, String> {
        Devcontainer::parse("f.json".to_owned(), text)
    }

    #[test]
    fn commands_have_three_forms_and_empty_ones_are_none() {
        let shell = |name: Option<&str>, line: &str| Entry {
            name: name.map(str::to_owned),
            command: CommandLine::Shell(line.to_owned()),
        };
        let exec = |name: Option<&str>, words: &[&str]| Entry {
            name: name.map(str::to_owned),
            command: CommandLine::Exec(words.iter().map(|&word| word.to_owned()).collect()),
        };
        for (json, expected) in [
            (r#""make""#, vec![shell(None, "make")]),
            (r#"["make", "all"]"#, vec![exec(None, &["make", "all"])]),
            (
                r#"{"b": "make", "a": ["ls"], "none": "", "nil": null}"#,
                vec![exec(Some("a"), &["ls"]), shell(Some("b"), "make")],
            ),
            (r#""""#, vec![]),
            (r#""  ""#, vec![]),
            ("[]", vec![]),
            ("{}", vec![]),
            ("null", vec![]),
        ] {
            let file = parse(&format!("{{ // note\n \"onCreateCommand\": {json}, }}")).unwrap();
            assert_eq!(file.stages[1], expected, "{json}");
        }
    }

    #[test]
    fn faults_name_file_line_and_column() {
        for (text, expected) in [
            ("{\n  \"a\": 1,\n  \"b\" 2\n}", "f.json:3:"),
            ("", "f.json:1:1: the file must hold an object"),
            ("[]", "f.json:1:1: the file must hold an object"),
            ("{} {}", "f.json:1:4"),
            ("{'a': 1}", "f.json:1:2"),
            (
                "{\n  \"onCreateCommand\": 5\n}",
                "f.json:2:3: onCreateCommand must be a string or an array of strings, or an object of those; it is a number",
            ),
            (
                "{\n\n \"initializeCommand\": {\"x\": {}}}",
                "f.json:3:2: initializeCommand entry \"x\" must be a string or an array of strings; it is an object",
            ),
            ("{\"onCreateCommand\": [\"a\", 1]}", "array of strings only"),
            (
                "{\"onCreateCommand\": [\"\"]}",
                "begin with the name of a program",
            ),
            ("{\"onCreateCommand\": \"a\\u0000b\"}", "NUL"),
            (
                "{\"containerEnv\": []}",
                "f.json:1:2: containerEnv must be an object",
            ),
            (
                "{\"containerEnv\": {\"A\": null}}",
                "\"A\" must be a string",
            ),
            ("{\"remoteEnv\": {\"A=B\": \"\"}}", "contains ="),
            ("{\"remoteEnv\": {\"A\": \"\\u0000--bind\"}}", "NUL"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(&deep).is_err());
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        let file = parse(
            r#"{"image": "debian", "features": {}, "privileged": false, "mounts": ["x"],
                "workspaceFolder": "/src", "customizations": {"vscode": {}}}"#,
        )
        .unwrap();
        let mut warnings = Vec::new();
        file.warn("app", Path::new("/workspaces/app"), &mut warnings);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains(": image, mounts;"), "{warnings:?}");
        assert!(warnings[1].contains("\"/src\""), "{warnings:?}");
        let fine = parse(
            r#"{"workspaceFolder": "/workspaces/${localWorkspaceFolderBasename}", "remoteEnv": {"A": null}}"#,
        )
        .unwrap();
        let mut warnings = Vec::new();
        fine.warn("app", Path::new("/workspaces/app"), &mut warnings);
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!(fine.remote_env, [("A".to_owned(), None)]);
    }
}
