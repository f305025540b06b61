//! The backend of prebuilds: store, controller, runner, snapshots and API as a library.

pub mod api;
pub mod domain;
pub mod http;
pub mod logs;
pub mod runner;
pub mod snapshot;
pub mod store;
