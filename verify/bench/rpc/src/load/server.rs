//! The process of one contestant, and what the system says that it used.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bench_rpc::account;

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

    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        account::cpu(&self.process.id().to_string())
    }

    pub(crate) fn ticks(&self) -> io::Result<(u64, u64)> {
        account::ticks(&self.process.id().to_string())
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
