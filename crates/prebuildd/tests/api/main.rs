//! The API over real HTTP, with the real store.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod discovery;
mod events;
mod isolation;
mod logs;
mod prebuilds;
mod projects;
mod refusals;
mod server;
mod snapshots;
