//! A service as the generator would write it, and the least client that can tell what each protocol answered.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used
)]

mod answers;
#[cfg(feature = "transport")]
mod exchange;
mod requests;
mod service;

pub use answers::*;
#[cfg(feature = "transport")]
pub use exchange::*;
pub use requests::*;
pub use service::*;
