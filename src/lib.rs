//! API.
pub mod timeout;
