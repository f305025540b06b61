//! Colour, only where a person looks: on a terminal, unless `NO_COLOR` or `TERM=dumb` say no.

use std::env;
use std::io::{self, IsTerminal};

use prebuilds::v1::PrebuildPhase;

/// Whether text for one of the standard streams is coloured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    coloured: bool,
}

impl Style {
    /// For standard output.
    pub(crate) fn stdout() -> Self {
        Self::on(io::stdout().is_terminal())
    }

    /// For standard error.
    pub(crate) fn stderr() -> Self {
        Self::on(io::stderr().is_terminal())
    }

    fn on(terminal: bool) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            coloured: terminal && !refused,
        }
    }

    /// Whether anything is coloured.
    pub(crate) fn is_coloured(self) -> bool {
        self.coloured
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31;1", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33;1", text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// The phase in the colour of its meaning: green is good, red is not.
    pub(crate) fn phase(self, phase: PrebuildPhase, text: &str) -> String {
        match phase {
            PrebuildPhase::Completed => self.paint("32", text),
            PrebuildPhase::Failed => self.paint("31", text),
            PrebuildPhase::Cancelling | PrebuildPhase::Cancelled => self.paint("33", text),
            PrebuildPhase::Deleting | PrebuildPhase::Deleted => self.paint("2", text),
            _ => self.paint("36", text),
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.coloured {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
