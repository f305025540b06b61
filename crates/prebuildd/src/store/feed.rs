//! The feed of changes: what wakes the controller and watchers up.

use uuid::Uuid;

/// Something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// Whose it is.
    pub organization_id: Uuid,
    /// What it is.
    pub resource: Resource,
    /// Which one.
    pub id: Uuid,
    /// What happened to it.
    pub operation: Operation,
}

/// The kinds of resource whose changes are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A prebuild.
    Prebuild,
    /// A project.
    Project,
}

/// What happened to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// It was created.
    Create,
    /// Its spec changed.
    Update,
    /// Its status changed.
    UpdateStatus,
    /// It is gone.
    Delete,
}
