//! Snapshots at their public seam: real folders, real archives, a real local store.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod hostile;
mod publish;
mod restore;
mod round_trip;
mod tree;
