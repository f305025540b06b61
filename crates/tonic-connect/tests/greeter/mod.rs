//! A service as the generator would write it, and the least client that can tell what each protocol answered.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used
)]

mod answers;
mod requests;
mod service;

pub use answers::*;
pub use requests::*;
pub use service::*;
