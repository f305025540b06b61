//! Whatever happens to a prebuild, it reaches its end, and nothing of it is left running.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod deletion;
mod endings;
mod house;
mod restarts;
#[path = "../runner_fixture/mod.rs"]
mod runner_fixture;
mod stopping;
