//! What a project's environments start with: checked when it is given, so that a project which
//! cannot be cloned is refused at once and not prebuild by prebuild.

use prebuilds::v1::environment_initializer::{Spec, spec};
use prebuilds::v1::git_initializer::CloneTargetMode;
use prebuilds::v1::{ContextUrlInitializer, EnvironmentInitializer, GitInitializer};
use tonic::Status;

use super::error::invalid;
use crate::domain::Initializer;
use crate::domain::source::{CommitId, InvalidSource, RefName, Repository, Revision, Source};

/// What is wrong with a field of an initializer.
pub(super) struct Refused {
    /// The field, below the one spec.
    field: &'static str,
    /// What is wrong, and what would be right.
    pub(super) reason: String,
}

/// Where the one spec stands in a request.
const SPEC: &str = "initializer.specs[0]";

/// The initializer of a request.
///
/// # Errors
/// `invalid_argument` for anything but exactly one repository that can be cloned.
pub(super) fn from_message(message: &EnvironmentInitializer) -> Result<Initializer, Status> {
    let [spec] = message.specs.as_slice() else {
        let reason = format!(
            "has {} entries: give exactly one, with git or context_url",
            message.specs.len()
        );
        return Err(invalid("initializer.specs", reason));
    };
    let initializer = match &spec.spec {
        Some(spec::Spec::Git(git)) => Initializer::Git {
            remote_uri: git.remote_uri.clone(),
            upstream_remote_uri: git.upstream_remote_uri.clone(),
            target_mode: git.target_mode,
            clone_target: git.clone_target.clone(),
            checkout_location: git.checkout_location.clone(),
        },
        Some(spec::Spec::ContextUrl(context)) => Initializer::ContextUrl {
            url: context.url.clone(),
        },
        None => return Err(invalid(SPEC, "is empty: give git or context_url")),
    };
    match source(&initializer, "") {
        Ok(_) => Ok(initializer),
        Err(refused) => Err(invalid(format!("{SPEC}.{}", refused.field), refused.reason)),
    }
}

/// The initializer as the API shows it.
pub(super) fn to_message(initializer: Initializer) -> EnvironmentInitializer {
    let spec = match initializer {
        Initializer::Git {
            remote_uri,
            upstream_remote_uri,
            target_mode,
            clone_target,
            checkout_location,
        } => spec::Spec::Git(GitInitializer {
            remote_uri,
            upstream_remote_uri,
            target_mode,
            clone_target,
            checkout_location,
        }),
        Initializer::ContextUrl { url } => spec::Spec::ContextUrl(ContextUrlInitializer { url }),
    };
    EnvironmentInitializer {
        specs: vec![Spec { spec: Some(spec) }],
    }
}

/// What a prebuild of `initializer` clones, with the project's devcontainer file.
pub(super) fn source(
    initializer: &Initializer,
    devcontainer_file_path: &str,
) -> Result<Source, Refused> {
    let (repository, revision) = match initializer {
        Initializer::Git {
            remote_uri,
            upstream_remote_uri,
            target_mode,
            clone_target,
            checkout_location,
        } => {
            let repository = Repository::parse(remote_uri).map_err(of("git.remote_uri"))?;
            if !upstream_remote_uri.is_empty() {
                Repository::parse(upstream_remote_uri).map_err(of("git.upstream_remote_uri"))?;
            }
            let here = checkout_location.trim_start_matches("./");
            if !matches!(here, "" | ".") && here != repository.name() {
                return Err(Refused {
                    field: "git.checkout_location",
                    reason: format!(
                        "other places than {:?} are not supported: leave it empty",
                        repository.name()
                    ),
                });
            }
            (repository, revision(*target_mode, clone_target)?)
        }
        Initializer::ContextUrl { url } => {
            let repository = Repository::parse(url).map_err(of("context_url.url"))?;
            (repository, Revision::Head)
        }
    };
    Ok(Source {
        repository,
        revision,
        devcontainer_file_path: Some(devcontainer_file_path)
            .filter(|path| !path.is_empty())
            .map(str::to_owned),
    })
}

fn revision(mode: i32, target: &str) -> Result<Revision, Refused> {
    const TARGET: &str = "git.clone_target";
    match CloneTargetMode::try_from(mode) {
        Ok(CloneTargetMode::Unspecified | CloneTargetMode::RemoteHead) if !target.is_empty() => {
            Err(Refused {
                field: "git.target_mode",
                reason: format!(
                    "does not say what {target:?} is: use REMOTE_BRANCH, REMOTE_TAG or REMOTE_COMMIT"
                ),
            })
        }
        // A local branch begins at the remote's HEAD.
        Ok(
            CloneTargetMode::Unspecified
            | CloneTargetMode::RemoteHead
            | CloneTargetMode::LocalBranch,
        ) => Ok(Revision::Head),
        Ok(CloneTargetMode::RemoteBranch) => {
            let name = RefName::parse(target).map_err(of(TARGET))?;
            Ok(Revision::Branch(name))
        }
        Ok(CloneTargetMode::RemoteTag) => {
            let name = RefName::parse(target).map_err(of(TARGET))?;
            Ok(Revision::Tag(name))
        }
        Ok(CloneTargetMode::RemoteCommit) => {
            let id = CommitId::parse(target).map_err(of(TARGET))?;
            Ok(Revision::Commit(id))
        }
        Err(_) => Err(Refused {
            field: "git.target_mode",
            reason: format!("{mode} is not known: use a value of CloneTargetMode"),
        }),
    }
}

fn of(field: &'static str) -> impl Fn(InvalidSource) -> Refused {
    move |error| Refused {
        field,
        reason: error.to_string(),
    }
}
