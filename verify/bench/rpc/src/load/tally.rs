//! Counts what has been answered, for all connections together.

use std::cell::{Cell, RefCell};

/// Shared by the connections of one measurement.
pub(crate) struct Tally {
    left: Cell<u64>,
    calls: Cell<u64>,
    streamed: Cell<u64>,
    kept: Option<RefCell<Vec<u8>>>,
}

impl Tally {
    /// For `calls` calls in all.
    pub(crate) fn of(calls: u64) -> Self {
        Self {
            left: Cell::new(calls),
            calls: Cell::new(0),
            streamed: Cell::new(0),
            kept: None,
        }
    }

    /// For one call, whose answer is kept.
    pub(crate) fn of_one() -> Self {
        Self {
            kept: Some(RefCell::default()),
            ..Self::of(1)
        }
    }

    /// Whether another call may begin.
    pub(crate) fn begin(&self) -> bool {
        let left = self.left.get();
        if left > 0 {
            self.left.set(left - 1);
        }
        left > 0
    }

    /// A call has been answered.
    pub(crate) fn end(&self) {
        self.calls.set(self.calls.get() + 1);
    }

    /// Bytes of streamed messages have gone one way or the other.
    pub(crate) fn stream(&self, bytes: usize) {
        self.streamed.set(self.streamed.get() + bytes as u64);
    }

    /// Bytes of an answer.
    pub(crate) fn answer(&self, body: &[u8]) {
        if let Some(kept) = &self.kept {
            kept.borrow_mut().extend_from_slice(body);
        }
    }

    /// How many calls have been answered.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// How many bytes of streamed messages have gone.
    pub(crate) fn streamed(&self) -> u64 {
        self.streamed.get()
    }

    /// The answer to the one call.
    pub(crate) fn into_answer(self) -> Vec<u8> {
        self.kept.map(RefCell::into_inner).unwrap_or_default()
    }
}
