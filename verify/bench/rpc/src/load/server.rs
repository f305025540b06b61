//! The process of one contestant, and what the system says that it used.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The programs, and where they run.
pub(crate) struct Programs {
    /// `rpc-server`.
    pub(crate) rust: PathBuf,
    /// The server in Go, if there is one.
    pub(crate) go: Option<PathBuf>,
    /// The processor that servers run on.
    pub(crate) processor: String,
}

/// A server that listens.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
}

impl Programs {
    /// Starts the contestant that serves as `name`.
    pub(crate) fn start(&self, name: &str) -> io::Result<Server> {
        let mut command = Command::new("taskset");
        command.args(["-c", &self.processor]);
        match (&self.go, name) {
            (Some(go), "connect-go") => command.arg(go),
            _ => command.arg(&self.rust).arg(name),
        };
        Server::start(command)
    }

    /// Starts it under valgrind, which counts instructions and writes them to `out`.
    pub(crate) fn start_counting(&self, name: &str, out: &Path) -> io::Result<Server> {
        let mut command = Command::new("valgrind");
        command
            .args(["--quiet", "--tool=callgrind"])
            .arg(format!("--callgrind-out-file={}", out.display()))
            .arg(&self.rust)
            .arg(name);
        Server::start(command)
    }
}

impl Server {
    fn start(mut command: Command) -> io::Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = process.stdout.as_mut() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let port = line
            .trim()
            .parse()
            .map_err(|_| io::Error::other(format!("{command:?} gave no port: {line:?}")))?;
        Ok(Self { process, port })
    }

    /// The processor time that all its threads have had, from the scheduler's account in nanoseconds.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(self.file("task"))? {
            let Ok(account) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue; // It has just ended.
            };
            let first = account.split_whitespace().next();
            nanoseconds += first.and_then(|text| text.parse().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The part of its processor time that was spent in its own code and not in the system, in ticks, and all of it.
    pub(crate) fn ticks(&self) -> io::Result<(u64, u64)> {
        let stat = fs::read_to_string(self.file("stat"))?;
        // The name of the program comes before, in parentheses, with whatever is in it.
        let after = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = after.split_whitespace().skip(11).map(str::parse::<u64>);
        match (fields.next(), fields.next()) {
            (Some(Ok(user)), Some(Ok(system))) => Ok((user, user + system)),
            _ => Err(io::Error::other(format!("cannot read {stat:?}"))),
        }
    }

    /// Its resident memory in bytes.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let status = fs::read_to_string(self.file("status"))?;
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
            .and_then(|text| text.trim().parse::<u64>().ok());
        kibibytes
            .map(|kibibytes| kibibytes * 1024)
            .ok_or_else(|| io::Error::other("the server is gone"))
    }

    /// Ends it by closing its input, and waits for the end.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        drop(self.process.stdin.take());
        self.process.wait().map(|_| ())
    }

    fn file(&self, name: &str) -> PathBuf {
        // `taskset` becomes the program that it starts, so the process is the server's.
        PathBuf::from(format!("/proc/{}/{name}", self.process.id()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
