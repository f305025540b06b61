//! What `run` is asked to prebuild: a checkout on this machine, at the commit it stands at, or a
//! repository by its URL.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use prebuildd::domain::source::Repository;

use crate::failure::Failure;

/// Variables that make git look elsewhere than where it is told to; hooks set them.
const REDIRECTIONS: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
];

/// A repository to prebuild.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// What git clones: an absolute path or a URL.
    pub(crate) repository: String,
    /// The name of the project, from the last part of the path.
    pub(crate) name: String,
    /// The commit to take; `None`: what the repository's HEAD names by then.
    pub(crate) commit: Option<String>,
    /// How many files have changes that are in no commit.
    pub(crate) uncommitted: usize,
}

impl Target {
    /// Reads what the person wrote: a folder if there is one of that name, else a URL.
    pub(crate) fn find(given: &str) -> Result<Self, Failure> {
        let path = Path::new(given);
        if path.is_dir() {
            return Self::checkout(path);
        }
        if path.exists() {
            return Err(Failure::usage(format!(
                "{given} is a file: name the folder of a git checkout, or the URL of a repository"
            )));
        }
        if !given.contains(':') {
            return Err(Failure::usage(format!(
                "{given} does not exist: name the folder of a git checkout, or the URL of a repository"
            )));
        }
        let repository = Repository::parse(given).map_err(Failure::usage)?;
        Ok(Self {
            name: project_name(&repository),
            repository: given.to_owned(),
            commit: None,
            uncommitted: 0,
        })
    }

    fn checkout(folder: &Path) -> Result<Self, Failure> {
        let bare = git(folder, ["rev-parse", "--is-bare-repository"])?;
        if !bare.status.success() {
            let said = stderr(&bare);
            return Err(Failure::usage(if said.contains("not a git repository") {
                format!(
                    "{} is not in a git repository: run `git init` there and commit, or name \
                     another folder or the URL of a repository",
                    folder.display()
                )
            } else {
                format!("git cannot read {}: {said}", folder.display())
            }));
        }
        let is_bare = line(&bare) == "true";
        let question = if is_bare {
            "--absolute-git-dir"
        } else {
            "--show-toplevel"
        };
        let root = answer(folder, &["rev-parse", question])?;
        let repository = Repository::parse(&root).map_err(Failure::usage)?;

        let head = git(
            folder,
            ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"],
        )?;
        let commit = head.status.success().then(|| line(&head));
        let uncommitted = if is_bare {
            0
        } else {
            answer(Path::new(&root), &["status", "--porcelain"])?
                .lines()
                .count()
        };
        Ok(Self {
            name: project_name(&repository),
            repository: root,
            commit,
            uncommitted,
        })
    }
}

/// The name of a project for a repository, within the 80 characters that a project's may have.
fn project_name(repository: &Repository) -> String {
    repository.name().chars().take(80).collect()
}

/// What git answers to a question that it must be able to answer.
fn answer(folder: &Path, words: &[&str]) -> Result<String, Failure> {
    let output = git(folder, words)?;
    if output.status.success() {
        Ok(line(&output))
    } else {
        Err(Failure::failed(format!(
            "`git {}` failed in {}: {}",
            words.join(" "),
            folder.display(),
            stderr(&output)
        )))
    }
}

fn git<I>(folder: &Path, words: I) -> Result<Output, Failure>
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    let mut command = Command::new("git");
    command.arg("--no-optional-locks").arg("-C").arg(folder);
    command.args(words).stdin(Stdio::null());
    // Its messages are compared.
    command.env("LC_ALL", "C");
    for name in REDIRECTIONS {
        command.env_remove(name);
    }
    command.output().map_err(|error| {
        Failure::failed(format!(
            "cannot start git: {error}; install git, or add its folder to PATH"
        ))
    })
}

fn line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout)
        .trim_end_matches(['\r', '\n'])
        .to_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
