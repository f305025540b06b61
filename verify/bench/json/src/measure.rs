//! Times operations in turns: every round runs all of them once, so that what slows the machine
//! down for a while slows all of them down alike, and ratios are taken within a round.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

use crate::allocations;

/// The processor time, in nanoseconds, that one turn of an operation takes at least.
const TURN: f64 = 4_000_000.0;

/// Something to be timed.
pub struct Operation<'a> {
    pub what: &'static str,
    pub who: &'static str,
    run: Box<dyn FnMut() + 'a>,
    repeats: u32,
    /// Nanoseconds, by round.
    pub rounds: Vec<f64>,
    pub allocations: u64,
}

impl<'a> Operation<'a> {
    pub fn new<T>(what: &'static str, who: &'static str, mut run: impl FnMut() -> T + 'a) -> Self {
        Self {
            what,
            who,
            run: Box::new(move || {
                black_box(run());
            }),
            repeats: 1,
            rounds: Vec::new(),
            allocations: 0,
        }
    }

    fn turn(&mut self) -> f64 {
        let before = processor_time();
        for _ in 0..self.repeats {
            (self.run)();
        }
        (processor_time() - before) / f64::from(self.repeats)
    }

    fn prepare(&mut self) {
        (self.run)();
        self.allocations = allocations::during(|| (self.run)());
        while self.turn() * f64::from(self.repeats) < TURN {
            self.repeats *= 2;
        }
    }

    /// The least, the median and the most nanoseconds.
    pub fn spread(&self) -> (f64, f64, f64) {
        spread(self.rounds.clone())
    }

    /// The median over all rounds of how many times as long as `other` this took.
    pub fn ratio(&self, other: &Self) -> f64 {
        let ratios = self.rounds.iter().zip(&other.rounds);
        spread(ratios.map(|(ours, theirs)| ours / theirs).collect()).1
    }
}

pub fn run(operations: &mut [Operation<'_>], rounds: usize) {
    for operation in operations.iter_mut() {
        operation.prepare();
    }
    for _ in 0..rounds {
        for operation in operations.iter_mut() {
            let time = operation.turn();
            operation.rounds.push(time);
        }
    }
}

pub fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (
        values[0],
        values[values.len() / 2],
        values[values.len() - 1],
    )
}

/// Of this thread, in nanoseconds: what other programs take is not in it.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
