//! What to do with names that the schema does not have: a choice of whoever reads, at run time.

use std::cell::Cell;

/// What to do with field and enum value names that are not in the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// Unknown fields are errors, and so are unknown enum names: for tools that check what a
    /// person wrote.
    Reject,
    /// Unknown fields are skipped, unknown enum names are errors: for servers, whose clients may
    /// be newer. This is the default.
    #[default]
    IgnoreFields,
    /// Unknown fields are skipped, and a field or element with an unknown enum name counts as not
    /// there: what the reference implementation does with "ignore unknown fields".
    Ignore,
}

thread_local! {
    static UNKNOWN: Cell<Unknown> = const { Cell::new(Unknown::IgnoreFields) };
}

/// Runs `read` on this thread with another choice, and puts the former one back afterwards.
pub fn with_unknown<T>(unknown: Unknown, read: impl FnOnce() -> T) -> T {
    struct Restore(Unknown);

    impl Drop for Restore {
        fn drop(&mut self) {
            UNKNOWN.set(self.0);
        }
    }

    let _restore = Restore(UNKNOWN.replace(unknown));
    read()
}

pub(crate) fn current() -> Unknown {
    UNKNOWN.get()
}
