//! What a person sees while a prebuild runs: phases, the live log and the progress of its snapshot,
//! on standard error. On a terminal the last line is a bar that moves; elsewhere each change is a
//! plain line.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use prebuilds::v1::{Prebuild, PrebuildPhase};

use crate::humanize::one_line;
use crate::resources::{phase, status};
use crate::style::Style;

/// The longest part of a line of the log that waits for its end.
const MAX_PENDING: usize = 64 * 1024;

const SPINNER: &str = "{spinner} {msg} ({elapsed})";
const BAR: &str = "{spinner} {msg} [{bar:40}] {percent:>3} % ({elapsed})";

/// Shows the progress of one piece of work.
pub(crate) struct Progress {
    /// What stands before every plain line, to tell several prebuilds from each other.
    prefix: String,
    bar: Option<ProgressBar>,
    style: Style,
    last: PrebuildPhase,
    percent: i32,
    warning: String,
    /// The beginning of a line of the log.
    pending: Vec<u8>,
}

impl Progress {
    /// Progress of the only work.
    pub(crate) fn new() -> Self {
        let mut progress = Self::among_others(String::new());
        if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::hidden());
            progress.bar = Some(bar.clone());
            progress.show("waiting", false);
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        progress
    }

    /// Progress of one prebuild among others: lines with a prefix, and no bar.
    pub(crate) fn among_others(prefix: String) -> Self {
        Self {
            prefix,
            bar: None,
            style: Style::stderr(),
            last: PrebuildPhase::Unspecified,
            percent: 0,
            warning: String::new(),
            pending: Vec::new(),
        }
    }

    /// Shows where a prebuild stands.
    pub(crate) fn update(&mut self, prebuild: &Prebuild) {
        let (status, phase) = (status(prebuild), phase(prebuild));
        if phase != self.last {
            self.last = phase;
            self.percent = 0;
            self.flush_log();
            self.line(&format!("phase: {}", self.style.phase(phase, phase.name())));
            self.show(phase.name(), phase == PrebuildPhase::Snapshotting);
        }
        if phase == PrebuildPhase::Snapshotting {
            self.percent(status.snapshot_completion_percentage);
        }
        if status.warning_message != self.warning {
            self.warning.clone_from(&status.warning_message);
            let word = self.style.yellow("warning:");
            self.line(&format!("{word} {}", one_line(&status.warning_message)));
        }
    }

    /// Names the work that is under way, and whether a percentage of it is known.
    pub(crate) fn show(&self, message: &str, measured: bool) {
        if let Some(bar) = &self.bar {
            let template = if measured { BAR } else { SPINNER };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(message.to_owned());
        }
    }

    /// Shows how much of the work is done; as lines, every quarter of it.
    pub(crate) fn percent(&mut self, percent: i32) {
        let percent = percent.clamp(0, 100);
        if let Some(bar) = &self.bar {
            bar.set_position(percent.unsigned_abs().into());
        } else if percent / 25 > self.percent / 25 {
            self.line(&format!("{percent} %"));
        }
        self.percent = percent;
    }

    /// Shows a piece of the log, whole lines at a time.
    pub(crate) fn log(&mut self, chunk: &[u8]) {
        self.pending.extend_from_slice(chunk);
        let end = match chunk.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => self.pending.len() - chunk.len() + end + 1,
            None if self.pending.len() > MAX_PENDING => self.pending.len(),
            None => return,
        };
        let rest = self.pending.split_off(end);
        let lines = std::mem::replace(&mut self.pending, rest);
        self.write(&lines);
    }

    /// A line of its own.
    pub(crate) fn line(&self, text: &str) {
        let prefix = &self.prefix;
        self.write(format!("{prefix}{text}\n").as_bytes());
    }

    /// A line that is not about this piece of work.
    pub(crate) fn aside(&self, text: &str) {
        self.write(format!("{text}\n").as_bytes());
    }

    /// Shows what of the log had no line end, and takes the bar away.
    pub(crate) fn end(&mut self) {
        self.flush_log();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn flush_log(&mut self) {
        if !self.pending.is_empty() {
            let mut rest = std::mem::take(&mut self.pending);
            rest.push(b'\n');
            self.write(&rest);
        }
    }

    /// Writes above the bar. Nobody is left to tell when that fails.
    fn write(&self, bytes: &[u8]) {
        let write = || {
            let mut stderr = io::stderr().lock();
            let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}
