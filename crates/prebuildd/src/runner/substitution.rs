//! The variables of devcontainer.json: `${localEnv:NAME:default}` and its like.

use std::collections::BTreeMap;
use std::path::Path;

/// What the variables stand for.
pub(super) struct Variables<'a> {
    /// The variables of the server that the configuration allows.
    pub(super) local_env: &'a BTreeMap<String, String>,
    /// The environment of the commands, once it is known.
    pub(super) container_env: Option<&'a BTreeMap<String, String>>,
    /// Where the commands see the workspace. There is no other machine with another path, so
    /// "local" and "container" are the same.
    pub(super) workspace: &'a Path,
    /// `${devcontainerId}`.
    pub(super) id: &'a str,
}

impl Variables<'_> {
    /// `text` with its variables replaced, once: what a value brings in is not looked at again. A
    /// variable that nobody knows stays as it stands; an unset one without default is empty.
    pub(super) fn replace(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            result.push_str(&rest[..start]);
            let variable = &rest[start..];
            let Some(end) = variable.find('}') else {
                rest = variable;
                break;
            };
            match self.value(&variable[2..end]) {
                Some(value) => {
                    result.push_str(&value);
                    rest = &variable[end + 1..];
                }
                None => {
                    result.push_str("${");
                    rest = &variable[2..];
                }
            }
        }
        result.push_str(rest);
        result
    }

    fn value(&self, name: &str) -> Option<String> {
        let from = |env: &BTreeMap<String, String>, rest: &str| {
            let (name, default) = rest.split_once(':').unwrap_or((rest, ""));
            env.get(name).map_or(default, String::as_str).to_owned()
        };
        if let Some(rest) = name
            .strip_prefix("localEnv:")
            .or_else(|| name.strip_prefix("env:"))
        {
            return Some(from(self.local_env, rest));
        }
        if let Some(rest) = name.strip_prefix("containerEnv:") {
            return self.container_env.map(|env| from(env, rest));
        }
        match name {
            "localWorkspaceFolder" | "containerWorkspaceFolder" => {
                Some(self.workspace.to_string_lossy().into_owned())
            }
            "localWorkspaceFolderBasename" | "containerWorkspaceFolderBasename" => Some(
                self.workspace
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            ),
            "devcontainerId" => Some(self.id.to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_has_its_value() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        };
        let local_env = map(&[
            ("ALLOWED", "yes"),
            ("EMPTY", ""),
            ("NESTED", "${devcontainerId}"),
        ]);
        let container_env = map(&[("PATH", "/bin")]);
        let variables = Variables {
            local_env: &local_env,
            container_env: Some(&container_env),
            workspace: Path::new("/workspaces/app"),
            id: "id1",
        };
        for (text, expected) in [
            ("plain", "plain"),
            ("${localEnv:ALLOWED}", "yes"),
            ("${env:ALLOWED}", "yes"),
            ("${localEnv:ALLOWED:no}", "yes"),
            ("${localEnv:EMPTY:no}", ""),
            ("[${localEnv:HOME}]", "[]"),
            ("${localEnv:HOME:http://a:1}", "http://a:1"),
            ("/x:${containerEnv:PATH}", "/x:/bin"),
            ("${containerEnv:NONE:d}", "d"),
            ("${localWorkspaceFolder}/a", "/workspaces/app/a"),
            ("${containerWorkspaceFolder}", "/workspaces/app"),
            ("${localWorkspaceFolderBasename}", "app"),
            ("${containerWorkspaceFolderBasename}", "app"),
            ("${devcontainerId}${devcontainerId}", "id1id1"),
            ("${localEnv:NESTED}", "${devcontainerId}"),
            ("${unknown} ${HOME} $HOME ${", "${unknown} ${HOME} $HOME ${"),
            ("${x${devcontainerId}}", "${xid1}"),
            ("é${devcontainerId}ü", "éid1ü"),
        ] {
            assert_eq!(variables.replace(text), expected, "{text}");
        }
        let before = Variables {
            container_env: None,
            ..variables
        };
        assert_eq!(
            before.replace("${containerEnv:PATH}"),
            "${containerEnv:PATH}"
        );
    }
}
