#![doc = include_str!("../docs/guide.md")]

mod attributes;
mod builder;
mod collisions;
mod comments;
mod compile;
mod connect;
mod connect_client;
mod error;
mod external;
mod file;
mod json;
mod naming;
mod output;
mod place;
mod services;
mod validate;

pub use builder::Builder;
pub use error::Error;

/// Starts a configuration with the defaults: clients, servers, JSON and validation.
#[must_use]
pub fn configure() -> Builder {
    Builder::default()
}
