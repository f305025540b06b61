//! Percentages that only ever grow, whatever thread reports them.

use std::sync::atomic::{AtomicU8, Ordering};

/// Tells a callback each new percentage once, in growing order.
pub(super) struct Progress {
    last: AtomicU8,
    report: Box<dyn Fn(u8) + Send + Sync>,
}

impl Progress {
    /// Reports 0 at once.
    pub(super) fn new(report: Box<dyn Fn(u8) + Send + Sync>) -> Self {
        report(0);
        Self {
            last: AtomicU8::new(0),
            report,
        }
    }

    /// Reports `done` of `total` as a share of the percentages `from..=to`.
    pub(super) fn part(&self, (from, to): (u8, u8), done: u64, total: u64) {
        let share = u128::from(to - from) * u128::from(done.min(total)) / u128::from(total.max(1));
        self.set(from + share as u8);
    }

    /// Reports `percent`, unless as much was reported already.
    pub(super) fn set(&self, percent: u8) {
        if self.last.fetch_max(percent, Ordering::Relaxed) < percent {
            (self.report)(percent);
        }
    }
}
