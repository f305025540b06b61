//! What an environment is made from: a repository and the revision of it.
//!
//! Both end up as arguments of `git`, so the types hold only values that git reads as what they
//! are called here: no option, no transport that runs a program, no credential inside a URL (it
//! would come back in `.git/config`, in `ps` and in every log).

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The longest repository, in bytes.
pub const MAX_REPOSITORY_LENGTH: usize = 2048;
/// The longest name of a branch or tag, in bytes.
pub const MAX_REF_LENGTH: usize = 512;
/// The longest file name that [`Repository::name`] gives, in bytes.
const MAX_NAME_LENGTH: usize = 100;

/// What to clone, and where its devcontainer configuration stands.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The repository.
    pub repository: Repository,
    /// Which state of it.
    pub revision: Revision,
    /// The devcontainer file, relative to the root of the repository. `None`: the standard places
    /// are searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devcontainer_file_path: Option<String>,
}

/// Which state of a repository to check out.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Revision {
    /// What the repository's own HEAD names: its default branch, as a rule.
    Head,
    /// The newest commit of a branch.
    Branch(RefName),
    /// The commit of a tag.
    Tag(RefName),
    /// One commit.
    Commit(CommitId),
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("HEAD"),
            Self::Branch(name) => write!(f, "branch {name}"),
            Self::Tag(name) => write!(f, "tag {name}"),
            Self::Commit(id) => write!(f, "commit {id}"),
        }
    }
}

/// Why a repository, a branch, a tag or a commit was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSource {
    /// The repository is none that can be cloned.
    #[error("repository {value:?} {reason}")]
    Repository {
        /// What was given; shortened, and empty where it may hold a secret.
        value: String,
        /// What is wrong with it, and what to write instead.
        reason: &'static str,
    },
    /// The name cannot be that of a branch or tag.
    #[error(
        "{0:?} is not the name of a branch or tag: see git-check-ref-format for the characters that are allowed"
    )]
    Ref(String),
    /// The text is not a full commit id.
    #[error(
        "{0:?} is not a commit: write all 40 (SHA-1) or 64 (SHA-256) hexadecimal digits of its id"
    )]
    Commit(String),
}

fn shortened(value: &str) -> String {
    value.chars().take(200).collect()
}

/// Where a repository is: an absolute path, `file://`, `https://`, `http://` to this machine
/// only, `ssh://`, or `user@host:path`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Hash)]
#[serde(try_from = "String", into = "String")]
pub struct Repository(String);

impl Repository {
    /// Checks `value`.
    ///
    /// # Errors
    /// Relative paths, other transports, embedded credentials, queries and fragments, control
    /// characters, and values longer than [`MAX_REPOSITORY_LENGTH`].
    pub fn parse(value: &str) -> Result<Self, InvalidSource> {
        let refuse = |reason| {
            Err(InvalidSource::Repository {
                value: shortened(value),
                reason,
            })
        };
        if value.is_empty() {
            return refuse("is empty: give a URL or an absolute path");
        }
        if value.len() > MAX_REPOSITORY_LENGTH {
            return refuse("is longer than 2048 bytes");
        }
        if value.chars().any(char::is_control) {
            return refuse("contains a control character");
        }
        if value.starts_with('-') {
            return refuse("starts with a hyphen: give a URL or an absolute path");
        }
        if value.starts_with('/') {
            return Ok(Self(value.to_owned()));
        }
        if value.contains("://") {
            return Self::parse_url(value);
        }
        if value.contains("::") {
            return refuse(
                "names a transport helper: only paths, file, https and ssh are supported",
            );
        }
        match value.split_once(':') {
            Some((login, path)) if is_scp_login(login) => {
                if path.is_empty() || path.starts_with('-') {
                    return refuse("has no path after the host");
                }
                Ok(Self(value.to_owned()))
            }
            _ => refuse(
                "is neither a URL, nor user@host:path, nor an absolute path: relative paths have no meaning on the server",
            ),
        }
    }

    fn parse_url(value: &str) -> Result<Self, InvalidSource> {
        let refuse = |reason| {
            Err(InvalidSource::Repository {
                value: shortened(value),
                reason,
            })
        };
        // From here on the value may hold a secret: these messages do not repeat it.
        let refuse_secret = |reason| {
            Err(InvalidSource::Repository {
                value: String::new(),
                reason,
            })
        };
        let Ok(url) = Url::parse(value) else {
            return refuse_secret("is not a valid URL");
        };
        if url.password().is_some() {
            return refuse_secret(
                "holds a password: configure git credentials for the host on the server instead",
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse_secret("has a query or a fragment, which a repository does not need");
        }
        match url.scheme() {
            "file" if !matches!(url.host_str(), None | Some("" | "localhost")) => {
                return refuse("names another machine: a file URL is file:///absolute/path");
            }
            "file" if !value.to_ascii_lowercase().starts_with("file:///") => {
                return refuse("is not of the form file:///absolute/path");
            }
            "file" => {}
            scheme @ ("https" | "http") => {
                if !url.username().is_empty() {
                    return refuse_secret(
                        "holds a user name or token: configure git credentials for the host on the server instead",
                    );
                }
                if scheme == "http" && !is_loopback(&url) {
                    return refuse("is not encrypted: use https");
                }
            }
            "ssh" => {
                let host = url.host_str().unwrap_or_default();
                if host.is_empty() || host.starts_with('-') || url.username().starts_with('-') {
                    return refuse("has no valid host");
                }
            }
            _ => {
                return refuse(
                    "has a transport that is not supported: use a path, file, https or ssh",
                );
            }
        }
        if url.path().trim_matches('/').is_empty() {
            return refuse("has no path");
        }
        Ok(Self(value.to_owned()))
    }

    /// The value as it was given; this is what git gets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name under which the workspace stands in `/workspaces`: the last part of the path
    /// without `.git`, with characters that a file name should not have replaced by `-`.
    #[must_use]
    pub fn name(&self) -> String {
        let path = self.0.trim_end_matches('/');
        let path = path.strip_suffix("/.git").unwrap_or(path);
        let last = path.rsplit(['/', ':']).next().unwrap_or_default();
        let last = last.strip_suffix(".git").unwrap_or(last);
        let mut name: String = last
            .chars()
            .map(|c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => c,
                _ => '-',
            })
            .take(MAX_NAME_LENGTH)
            .collect();
        if name.starts_with('-') {
            name.replace_range(..1, "_");
        }
        match name.as_str() {
            "" | "." | ".." => "workspace".to_owned(),
            _ => name,
        }
    }

    /// The path on this machine, for a path or a `file://` URL.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        if self.0.starts_with('/') {
            return Some(PathBuf::from(&self.0));
        }
        let url = Url::parse(&self.0).ok()?;
        if url.scheme() == "file" {
            url.to_file_path().ok()
        } else {
            None
        }
    }

    /// Whether it is fetched by unencrypted HTTP, which only this machine's own addresses are.
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.0
            .get(..7)
            .is_some_and(|start| start.eq_ignore_ascii_case("http://"))
    }
}

/// `user@host` as in `git@example.com:group/name`.
fn is_scp_login(login: &str) -> bool {
    let Some((user, host)) = login.split_once('@') else {
        return false;
    };
    let valid = |text: &str, extra: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    valid(user, "._-+") && valid(host, ".-")
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The name of a branch or tag, without `refs/heads/` or `refs/tags/`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Hash)]
#[serde(try_from = "String", into = "String")]
pub struct RefName(String);

impl RefName {
    /// Checks `value` by the rules of git-check-ref-format.
    ///
    /// # Errors
    /// The names that git itself does not allow, a leading hyphen, and names longer than
    /// [`MAX_REF_LENGTH`].
    pub fn parse(value: &str) -> Result<Self, InvalidSource> {
        let bad_part = |part: &str| {
            part.is_empty()
                || part.starts_with('.')
                || part.ends_with('.')
                || part.ends_with(".lock")
        };
        let bad_char =
            |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
        if value.len() > MAX_REF_LENGTH
            || value == "@"
            || value.starts_with('-')
            || value.contains("..")
            || value.contains("@{")
            || value.split('/').any(bad_part)
            || value.contains(bad_char)
        {
            return Err(InvalidSource::Ref(shortened(value)));
        }
        Ok(Self(value.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The full id of a commit: 40 (SHA-1) or 64 (SHA-256) hexadecimal digits in lower case.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Hash)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

impl CommitId {
    /// Checks `value`; upper-case digits become lower case.
    ///
    /// # Errors
    /// Any other length, any other character.
    pub fn parse(value: &str) -> Result<Self, InvalidSource> {
        if matches!(value.len(), 40 | 64) && value.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(value.to_ascii_lowercase()))
        } else {
            Err(InvalidSource::Commit(shortened(value)))
        }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! as_checked_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidSource;
            fn try_from(value: String) -> Result<Self, Self::Error> {
                Self::parse(&value)
            }
        }
        impl std::str::FromStr for $name {
            type Err = InvalidSource;
            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Self::parse(value)
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
as_checked_text!(Repository, RefName, CommitId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_that_can_be_cloned_have_a_name() {
        for (value, name) in [
            ("/srv/git/app.git", "app"),
            ("/srv/git/app/.git", "app"),
            ("/srv/my project/", "my-project"),
            ("file:///srv/git/app", "app"),
            ("https://example.com/group/app.git", "app"),
            ("https://example.com/group/.github", ".github"),
            ("http://127.0.0.1:3000/app", "app"),
            ("http://[::1]/app", "app"),
            ("http://localhost/app", "app"),
            ("ssh://git@example.com:2222/group/app", "app"),
            ("git@example.com:group/app.git", "app"),
            ("git@example.com:app", "app"),
            ("/srv/-rf", "_rf"),
            ("/", "workspace"),
            ("/srv/..", "workspace"),
        ] {
            let repository = Repository::parse(value).unwrap();
            assert_eq!(repository.name(), name, "{value}");
            assert_eq!(repository.as_str(), value);
        }
    }

    #[test]
    fn repositories_that_are_refused() {
        for value in [
            "",
            "app",
            "./app",
            "../app",
            "--upload-pack=touch /pwned",
            "ext::sh -c id",
            "fd::3",
            "git://example.com/app",
            "ftp://example.com/app",
            "http://example.com/app",
            "http://127.0.0.1.example.com/app",
            "https://example.com/",
            "https://user@example.com/app",
            "https://user:hunter2@example.com/app",
            "https://example.com/app?private_token=hunter2",
            "ssh://git:hunter2@example.com/app",
            "ssh://-oProxyCommand=id/app",
            "file://server/app",
            "-oProxyCommand=id@host:path",
            "git@-oProxyCommand=id:path",
            "git@example.com:",
            "git@example.com:-path",
            "/srv/app\n",
            "/srv/\u{7}app",
        ] {
            let error = Repository::parse(value).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{value}: {error}");
        }
        assert!(Repository::parse(&format!("/{}", "a".repeat(MAX_REPOSITORY_LENGTH))).is_err());
    }

    #[test]
    fn names_of_branches_and_tags() {
        for good in ["main", "feature/x", "v1.2.3", "über", "a@b"] {
            assert!(RefName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "", "-x", "@", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "/a", "a/",
            "a//b", ".a", "a/.b", "a.lock", "a.", "a@{1}", "a\n",
        ] {
            assert!(RefName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_source_survives_json_and_bad_json_is_refused() {
        let source = Source {
            repository: Repository::parse("/srv/app").unwrap(),
            revision: Revision::Commit(CommitId::parse(&"aB".repeat(20)).unwrap()),
            devcontainer_file_path: None,
        };
        let json = serde_json::to_string(&source).unwrap();
        assert_eq!(serde_json::from_str::<Source>(&json).unwrap(), source);
        for bad in [
            r#"{"repository":"app","revision":"head"}"#,
            r#"{"repository":"/app","revision":{"branch":"-x"}}"#,
            r#"{"repository":"/app","revision":{"commit":"abc"}}"#,
        ] {
            assert!(serde_json::from_str::<Source>(bad).is_err(), "{bad}");
        }
    }
}
