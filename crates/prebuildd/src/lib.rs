//! The backend of prebuilds: store, controller, runner, snapshots and API as a library.

pub mod api;
pub mod config;
pub mod controller;
pub mod daemon;
pub mod data_dir;
pub mod domain;
pub mod http;
pub mod logs;
pub mod runner;
pub mod snapshot;
pub mod store;
pub mod tokens;
