//! The kinds of environment that this server can make.

use uuid::Uuid;

/// A kind of environment: what a project chooses among.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentClass {
    /// Stable for the life of the server's store.
    pub id: Uuid,
    /// The runner that makes environments of this class.
    pub runner_id: Uuid,
    /// The name shown to people.
    pub display_name: String,
    /// What one gets, in a sentence.
    pub description: String,
    /// Settings of the runner, in order.
    pub configuration: Vec<(String, String)>,
    /// Whether new environments may be made of it.
    pub enabled: bool,
}
