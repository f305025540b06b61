//! Projects: a repository, and how prebuilds of it are made.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Subject;

/// A repository with the settings from which its prebuilds are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Stable id, of version 7.
    pub id: Uuid,
    /// The organization that owns it.
    pub organization_id: Uuid,
    /// The name shown to people; not unique.
    pub name: String,
    /// Who created it.
    pub creator: Subject,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Grows by one with every change; an update must name the one it was made from.
    pub version: u64,
    /// Where its content comes from.
    pub initializer: Initializer,
    /// The devcontainer.json to use, relative to the repository; empty: found by the rules.
    pub devcontainer_file_path: String,
    /// The automations file to use, relative to the repository; empty: found by the rules.
    pub automations_file_path: String,
    /// Free text.
    pub technical_description: String,
    /// The classes its environments may have, the default first.
    pub environment_classes: Vec<Uuid>,
    /// How prebuilds are made, if that was configured.
    pub prebuild_configuration: Option<PrebuildConfiguration>,
    /// Editors recommended to its users, by name.
    pub recommended_editors: Vec<Editor>,
}

/// Where the content of a project comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initializer {
    /// A git repository, at a revision.
    Git {
        /// The URL or path that is cloned.
        remote_uri: String,
        /// The repository that the remote was forked from; may be empty.
        upstream_remote_uri: String,
        /// The number of `GitInitializer.CloneTargetMode`: how `clone_target` is to be read.
        target_mode: i32,
        /// Branch, tag or commit; empty with the remote's HEAD.
        clone_target: String,
        /// Where the checkout goes, relative to the workspace; may be empty.
        checkout_location: String,
    },
    /// The URL of a repository, or of a page of its host that names one.
    ContextUrl {
        /// As it was given.
        url: String,
    },
}

impl Initializer {
    /// The URL or path that names the repository.
    pub fn repository(&self) -> &str {
        match self {
            Self::Git { remote_uri, .. } => remote_uri,
            Self::ContextUrl { url } => url,
        }
    }
}

/// How prebuilds of a project are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrebuildConfiguration {
    /// Whether prebuilds are made at all without someone asking.
    pub enabled: bool,
    /// The classes for which prebuilds are made.
    pub environment_class_ids: Vec<Uuid>,
    /// How long one may take; unset: the default.
    pub timeout: Option<Duration>,
    /// The hour of the day, in UTC, at which prebuilds start: 0 to 23; unset: no schedule.
    pub daily_schedule_hour_utc: Option<u8>,
    /// Whose credentials prebuilds use; unset: the creator's.
    pub executor: Option<Subject>,
    /// Whether JetBrains back-ends are warmed up as part of the prebuild.
    pub enable_jetbrains_warmup: bool,
}

/// An editor recommended to the users of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Editor {
    /// The editor's name.
    pub name: String,
    /// Its recommended versions, in order; may be empty.
    pub versions: Vec<String>,
}
