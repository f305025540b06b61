//! How a server is set up: defaults that are safe on one machine, and a file in TOML for the rest.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::runner::{GitCredential, SecretSource};

/// The port that a server listens on unless told otherwise.
pub const DEFAULT_PORT: u16 = 8080;

/// What stands between the commands of a prebuild and the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxChoice {
    /// bubblewrap; without it, no command runs.
    #[default]
    Auto,
    /// bubblewrap where it works; else none, which `warning_message` says. For one's own checkout.
    Optional,
    /// None: commands may do all that the server may.
    None,
}

/// How a server is set up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address by which clients reach the server, without a slash at the end; it stands in
    /// `log_url`. Unset: `http://` and where it listens.
    pub public_url: Option<String>,
    /// What stands between commands and the machine.
    pub sandbox: SandboxChoice,
    /// Whether the server is a command's own and ends with it, so that nobody on the data folder waits
    /// for its return.
    pub transient: bool,
    /// How many prebuilds are built at a time.
    pub concurrency: NonZeroUsize,
    /// How long calls may go on after shutdown was asked for.
    pub drain: Duration,
    /// Folders in which repositories given by path or `file://` may lie.
    pub local_repositories: Vec<PathBuf>,
    /// Further files and folders that commands see, read-only.
    pub read_only_paths: Vec<PathBuf>,
    /// Variables of the server's environment that `${localEnv:NAME}` may read.
    pub local_env: Vec<String>,
    /// Credentials for git over HTTPS.
    pub git_credentials: Vec<GitCredential>,
}

/// A configuration file that cannot be used: where, and what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// The file, as written. What is left out keeps its default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: Option<SocketAddr>,
    public_url: Option<String>,
    sandbox: Option<SandboxChoice>,
    concurrency: Option<NonZeroUsize>,
    drain_seconds: Option<u64>,
    local_repositories: Option<Vec<PathBuf>>,
    read_only_paths: Option<Vec<PathBuf>>,
    local_env: Option<Vec<String>>,
    #[serde(default)]
    git_credentials: BTreeMap<String, WrittenCredential>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCredential {
    username: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
}

impl Config {
    /// The defaults over a data folder: loopback, sandbox required, two prebuilds at a time.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            public_url: None,
            sandbox: SandboxChoice::Auto,
            transient: false,
            concurrency: crate::controller::Settings::default().concurrency,
            drain: Duration::from_secs(10),
            local_repositories: vec![PathBuf::from("/")],
            read_only_paths: Vec::new(),
            local_env: Vec::new(),
            git_credentials: Vec::new(),
        }
    }

    /// Takes what a configuration file in TOML says over what is set here.
    ///
    /// ```
    /// # fn main() -> Result<(), prebuildd::config::ConfigError> {
    /// let config = prebuildd::config::Config::new("/var/lib/prebuilds").merge_toml(
    ///     r#"
    ///     listen = "127.0.0.1:9000"
    ///     concurrency = 4
    ///     local_repositories = []
    ///     [git_credentials."github.com"]
    ///     password_file = "/etc/prebuilds/github.token"
    ///     "#,
    /// )?;
    /// assert_eq!(config.listen.port(), 9000);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A syntax error, an unknown key, or a value out of range; the message has line and column.
    pub fn merge_toml(mut self, text: &str) -> Result<Self, ConfigError> {
        let written: Written =
            toml::from_str(text).map_err(|error| ConfigError(error.to_string()))?;
        if let Some(url) = &written.public_url {
            check_public_url(url)?;
        }
        self.listen = written.listen.unwrap_or(self.listen);
        self.public_url = written
            .public_url
            .map(|url| url.trim_end_matches('/').to_owned())
            .or(self.public_url);
        self.sandbox = written.sandbox.unwrap_or(self.sandbox);
        self.concurrency = written.concurrency.unwrap_or(self.concurrency);
        self.drain = written
            .drain_seconds
            .map_or(self.drain, Duration::from_secs);
        self.local_repositories = written
            .local_repositories
            .unwrap_or(self.local_repositories);
        self.read_only_paths = written.read_only_paths.unwrap_or(self.read_only_paths);
        self.local_env = written.local_env.unwrap_or(self.local_env);
        for (host, credential) in written.git_credentials {
            self.git_credentials.push(credential.read(host)?);
        }
        Ok(self)
    }
}

fn check_public_url(url: &str) -> Result<(), ConfigError> {
    let valid = url::Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if valid {
        Ok(())
    } else {
        Err(ConfigError(format!(
            "public_url {url:?} is not an address: write it like https://prebuilds.example.com"
        )))
    }
}

impl WrittenCredential {
    fn read(self, host: String) -> Result<GitCredential, ConfigError> {
        let secret = match (self.password_file, self.password_env) {
            (Some(path), None) => SecretSource::File(path),
            (None, Some(name)) => SecretSource::Env(name),
            _ => {
                return Err(ConfigError(format!(
                    "git_credentials.{host:?} needs one of password_file and password_env"
                )));
            }
        };
        let username = self.username.unwrap_or_else(|| "x-access-token".to_owned());
        Ok(GitCredential {
            host,
            username,
            secret,
        })
    }
}
