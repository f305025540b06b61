//! The rules of the backend as pure code: no I/O and no clock of its own.

pub mod source;
