//! Finding and ending processes by what they carry in their environment.
//!
//! The marker survives everything but a process that changes its own environment: a new session, a
//! lost parent, a killed server. In the sandbox such a process goes with its pid namespace; without
//! one, a process without a terminal that works inside the environment's folder counts too.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use uuid::Uuid;

use super::ENVIRONMENT_VARIABLE;
use super::error::RunnerError;

/// Marks the processes of one command.
pub(super) const COMMAND_VARIABLE: &str = "PREBUILDS_COMMAND_ID";

/// How long killed processes may take to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often new processes may turn up while all are being stopped, before those that are known are
/// killed: a fork bomb that is faster than this loses its parents instead.
const FREEZE_ROUNDS: usize = 64;
/// How many searches must find nothing while the machine starts processes all the time, so that no
/// single search is proof.
const SEARCHES_WITHOUT_PROOF: usize = 100;
/// How long to wait before another look when a process is being replaced by another program.
const EXEC_PAUSE: Duration = Duration::from_millis(1);
/// How long that may take in all. A process can make itself look like that for good, and every
/// command on the machine would wait for it.
const EXEC_PATIENCE: Duration = Duration::from_secs(2);
/// How much of a process's environment is searched.
const MAX_ENVIRON: u64 = 8 * 1024 * 1024;

/// What the processes have in common.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    variable: Vec<u8>,
    folder: Option<PathBuf>,
    /// Whether they may try not to be found: commands without a sandbox.
    may_hide: bool,
}

impl Mark {
    pub(super) fn environment(id: Uuid, folder: PathBuf, may_hide: bool) -> Self {
        Self {
            variable: format!("{ENVIRONMENT_VARIABLE}={id}").into_bytes(),
            folder: Some(folder),
            may_hide,
        }
    }

    pub(super) fn command(id: Uuid) -> Self {
        Self {
            variable: format!("{COMMAND_VARIABLE}={id}").into_bytes(),
            folder: None,
            may_hide: true,
        }
    }

    fn is_on(&self, process: &Path) -> Carries {
        if self
            .folder
            .as_deref()
            .is_some_and(|folder| works_in(process, folder).unwrap_or(false))
        {
            return Carries::Mark;
        }
        // An error: it is another user's, or gone.
        let Ok(environ) = Environ::read(process) else {
            return Carries::NoMark;
        };
        let mut variables = environ.bytes.split(|&byte| byte == 0);
        if variables.any(|variable| variable == self.variable) {
            Carries::Mark
        } else if environ.whole {
            Carries::NoMark
        } else {
            Carries::Unknown
        }
    }
}

/// What a look at a process has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    Mark,
    NoMark,
    /// It is being replaced by another program, and shows neither's environment.
    Unknown,
}

/// What `/proc/[pid]/environ` says of a process.
struct Environ {
    bytes: Vec<u8>,
    /// `false` while `execve` is at work, which takes the old environment away before it shows the
    /// new one: what is read then ends too early, or is empty.
    whole: bool,
}

impl Environ {
    fn read(process: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        File::open(process.join("environ"))?
            .take(MAX_ENVIRON)
            .read_to_end(&mut bytes)?;
        let stat = Stat::read(process)?;
        let length = bytes.len() as u64;
        let whole = match stat.number(ENV_END) {
            // Not yet there, or the kernel does not tell. What has no memory has no environment
            // either: threads of the kernel, and processes that have ended and wait for their
            // parent.
            0 => length > 0 || stat.number(VSIZE) == 0,
            end => length == end.saturating_sub(stat.number(ENV_START)).min(MAX_ENVIRON),
        };
        Ok(Self { bytes, whole })
    }
}

/// Fields of `/proc/[pid]/stat`, by their numbers in proc_pid_stat(5).
const TTY_NR: usize = 7;
const VSIZE: usize = 23;
const ENV_START: usize = 50;
const ENV_END: usize = 51;

/// What `/proc/[pid]/stat` says of a process.
struct Stat(String);

impl Stat {
    fn read(process: &Path) -> io::Result<Self> {
        let stat = fs::read(process.join("stat"))?;
        // The name, field 2, stands in parentheses and may hold anything.
        let after_name = stat.iter().rposition(|&b| b == b')').map_or(0, |at| at + 1);
        Ok(Self(
            String::from_utf8_lossy(&stat[after_name..]).into_owned(),
        ))
    }

    /// A field after the name; 0 when it is missing or negative.
    fn number(&self, field: usize) -> u64 {
        self.0
            .split_ascii_whitespace()
            .nth(field - 3)
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    }
}

/// Whether the process has its working directory in `folder` and no terminal: somebody who looks
/// around there with a shell is not part of the environment.
fn works_in(process: &Path, folder: &Path) -> io::Result<bool> {
    if !fs::read_link(process.join("cwd"))?.starts_with(folder) {
        return Ok(false);
    }
    Ok(Stat::read(process)?.number(TTY_NR) == 0)
}

struct Process {
    id: Pid,
    handle: OwnedFd,
}

/// What a search has found.
struct Found {
    processes: Vec<Process>,
    /// Whether every process has shown what it carries.
    all_known: bool,
}

/// Stops the running processes that carry the mark, as soon as each is found: on a slow machine one
/// that starts another and ends would not live until all the others had been looked at. Those that
/// have ended and wait for their parent do not show an environment or a working directory any more.
fn freeze(mark: &Mark, known: &[Process]) -> io::Result<Found> {
    let own = std::process::id();
    let mut ids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        ids.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    // The newest first, since they have just been started by one that may have ended.
    ids.sort_unstable_by(|one, other| other.cmp(one));
    let mut found = Found {
        processes: Vec::new(),
        all_known: true,
    };
    for id in ids.into_iter().filter(|&id| id != own) {
        let path = Path::new("/proc").join(id.to_string());
        let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) else {
            continue;
        };
        if known.iter().any(|process| process.id == id) {
            continue;
        }
        match mark.is_on(&path) {
            Carries::Mark => {}
            Carries::NoMark => continue,
            Carries::Unknown => {
                found.all_known = false;
                continue;
            }
        }
        // The handle names this one process; look again, in case the id has changed hands.
        let Ok(handle) = pidfd_open(id, PidfdFlags::empty()) else {
            continue;
        };
        let process = Process { id, handle };
        match mark.is_on(&path) {
            Carries::Mark if signal(&process, Signal::STOP) => found.processes.push(process),
            Carries::Mark | Carries::NoMark => {}
            Carries::Unknown => found.all_known = false,
        }
    }
    Ok(found)
}

/// Sends the signal; `false` when that is not allowed, so waiting would be in vain.
fn signal(process: &Process, signal: Signal) -> bool {
    pidfd_send_signal(&process.handle, signal) != Err(rustix::io::Errno::PERM)
}

/// Kills all processes that carry the mark. They are stopped first, so that none can start another
/// behind the search.
fn kill(mark: &Mark) -> io::Result<Found> {
    let mut all: Vec<Process> = Vec::new();
    let mut all_known = true;
    for _ in 0..FREEZE_ROUNDS {
        let mut new = freeze(mark, &all)?;
        all_known = new.all_known;
        if new.processes.is_empty() {
            break;
        }
        all.append(&mut new.processes);
    }
    all.retain(|process| signal(process, Signal::KILL));
    Ok(Found {
        processes: all,
        all_known,
    })
}

/// Ends all processes that carry the mark, and returns when none is left. Goes on when the future is
/// dropped.
pub(super) async fn end(mark: Mark) -> Result<(), RunnerError> {
    tokio::task::spawn_blocking(move || end_now(&mark))
        .await
        .unwrap_or_else(|error| Err(failed(io::Error::other(error))))
}

fn failed(error: io::Error) -> RunnerError {
    RunnerError::io("end", Path::new("processes"), error)
}

fn end_now(mark: &Mark) -> Result<(), RunnerError> {
    let began = Instant::now();
    let deadline = began + PATIENCE;
    let mut empty = 0;
    loop {
        let before = forks();
        let Found {
            processes: killed,
            all_known,
        } = kill(mark).map_err(failed)?;
        if killed.is_empty() {
            if !all_known && began.elapsed() < EXEC_PATIENCE {
                std::thread::sleep(EXEC_PAUSE);
                continue;
            }
            empty += 1;
            // A process that starts another and ends hides it from a search that looks at the
            // first too late and does not know of the second: a search counts as proof when
            // nothing was started meanwhile.
            let proven = before.is_some() && before == forks();
            if !mark.may_hide || proven || empty >= SEARCHES_WITHOUT_PROOF {
                return Ok(());
            }
            continue;
        }
        empty = 0;
        for process in &killed {
            if !wait(process, deadline).map_err(failed)? {
                return Err(RunnerError::ProcessesLeft {
                    count: killed.len(),
                    example: process.id.as_raw_nonzero().get(),
                });
            }
        }
    }
}

/// How many processes and threads the machine has started since its boot.
fn forks() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines()
        .find_map(|line| line.strip_prefix("processes "))?
        .trim()
        .parse()
        .ok()
}

/// Waits until the process has ended; `false` when it has not by then.
fn wait(process: &Process, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut handles = [PollFd::new(&process.handle, PollFlags::IN)];
        match poll(&mut handles, Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
