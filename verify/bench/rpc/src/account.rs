//! What the system says of a process: the processor time that it used.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// The processor time that all threads of `process`, a number or `self`, have had, from the scheduler's account in
/// nanoseconds.
pub fn cpu(process: &str) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(Path::new("/proc").join(process).join("task"))? {
        let Ok(account) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue; // It has just ended.
        };
        let first = account.split_whitespace().next();
        nanoseconds += first.and_then(|text| text.parse().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The part of its processor time that was spent in its own code and not in the system, in ticks, and all of it.
pub fn ticks(process: &str) -> io::Result<(u64, u64)> {
    let stat = fs::read_to_string(Path::new("/proc").join(process).join("stat"))?;
    // The name of the program comes before, in parentheses, with whatever is in it.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let mut fields = after.split_whitespace().skip(11).map(str::parse::<u64>);
    match (fields.next(), fields.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok((user, user + system)),
        _ => Err(io::Error::other(format!("cannot read {stat:?}"))),
    }
}
