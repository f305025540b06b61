//! Credentials for git over HTTPS, given to it by its own credential store.
//!
//! The secret is read when it is needed, and stands in one file of mode 0600 beside the clone, which
//! no command ever sees and which is gone before the first one runs: never in a URL, an argument, a
//! configuration or the log.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Who git is, to one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitCredential {
    /// The host, with `:port` when it is not 443: `github.com`.
    pub host: String,
    /// The user name; hosts that take tokens usually accept any, such as `x-access-token`.
    pub username: String,
    /// The password or token.
    pub secret: SecretSource,
}

/// Where a secret is read, each time that it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The content of a file, without the line end.
    File(PathBuf),
    /// A variable of the server's environment.
    Env(String),
}

impl SecretSource {
    fn read(&self) -> io::Result<String> {
        let secret = match self {
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?,
            Self::Env(name) => std::env::var(name)
                .map_err(|e| io::Error::new(io::ErrorKind::NotFound, format!("{name}: {e}")))?,
        };
        let secret = secret.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty"));
        }
        Ok(secret.to_owned())
    }
}

/// Writes git's credential store, and returns the configuration that uses it: the helper for each
/// host, and nobody else's before it.
pub(super) fn prepare(credentials: &[GitCredential], folder: &Path) -> Result<String, String> {
    let mut config = "[credential]\n\thelper =\n".to_owned();
    if credentials.is_empty() {
        return Ok(config);
    }
    let store = folder.join("credentials");
    let mut content = String::new();
    for GitCredential {
        host,
        username,
        secret,
    } in credentials
    {
        let valid = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if host.is_empty() || !host.chars().all(valid) {
            return Err(format!(
                "git credentials are configured for {host:?}, which is not a host or host:port"
            ));
        }
        let secret = secret
            .read()
            .map_err(|e| format!("the git credential for {host} cannot be read: {e}"))?;
        content.push_str(&format!(
            "https://{}:{}@{host}\n",
            percent_encoded(username),
            percent_encoded(&secret)
        ));
        let helper = format!("store --file {}", shell_quoted(&store.to_string_lossy()));
        config.push_str(&format!(
            "[credential \"https://{host}\"]\n\thelper = {}\n",
            config_quoted(&helper)
        ));
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&store)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|e| format!("git credentials cannot be prepared: {e}"))?;
    Ok(config)
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A value in git's configuration file.
fn config_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn git_gets_the_credential_of_the_host_and_of_no_other() {
        let folder = tempfile::Builder::new()
            .prefix("it's \"a\\folder")
            .tempdir()
            .unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "p@ss/w:rd%ü\n").unwrap();
        let credentials = [GitCredential {
            host: "example.com:8443".to_owned(),
            username: "x-access@token".to_owned(),
            secret: SecretSource::File(secret),
        }];
        let config = prepare(&credentials, folder.path()).unwrap();
        assert!(!config.contains("w:rd"), "{config}");
        let file = folder.path().join("config");
        std::fs::write(&file, config).unwrap();

        let fill = |host: &str| {
            let mut git = Command::new("git")
                .args(["credential", "fill"])
                .env("GIT_CONFIG_GLOBAL", &file)
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .env("GIT_TERMINAL_PROMPT", "0")
                .env_remove("GIT_ASKPASS")
                .env_remove("SSH_ASKPASS")
                .current_dir("/")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let asked = format!("protocol=https\nhost={host}\n\n");
            git.stdin
                .take()
                .unwrap()
                .write_all(asked.as_bytes())
                .unwrap();
            String::from_utf8(git.wait_with_output().unwrap().stdout).unwrap()
        };
        let answer = fill("example.com:8443");
        assert!(answer.contains("username=x-access@token\n"), "{answer}");
        assert!(answer.contains("password=p@ss/w:rd%ü\n"), "{answer}");
        assert!(!fill("example.com").contains("password="));
    }

    #[test]
    fn a_secret_that_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let credentials = [GitCredential {
            host: "example.com".to_owned(),
            username: "x".to_owned(),
            secret: SecretSource::File(folder.path().join("none")),
        }];
        let error = prepare(&credentials, folder.path()).unwrap_err();
        assert!(
            error.contains("example.com") && error.contains("none"),
            "{error}"
        );
    }
}
