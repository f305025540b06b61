//! Why a value cannot be written as JSON, or a JSON text cannot be read.

use std::fmt;

/// Why a value cannot be written as JSON, or a JSON text cannot be read.
#[derive(Debug)]
pub struct Error(Box<Fault>);

#[derive(Debug)]
struct Fault {
    message: String,
    offset: Option<usize>,
    line: usize,
    column: usize,
}

impl Error {
    #[cold]
    pub(super) fn new(message: impl fmt::Display) -> Self {
        Self(Box::new(Fault {
            message: message.to_string(),
            offset: None,
            line: 0,
            column: 0,
        }))
    }

    #[cold]
    pub(super) fn at(mut self, offset: usize) -> Self {
        // The innermost place is the most exact.
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Counts the lines up to the place of the fault.
    #[cold]
    pub(super) fn located(mut self, text: &[u8]) -> Self {
        let before = &text[..self.0.offset.unwrap_or_default().min(text.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n');
        self.0.line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        self.0.column = 1 + before.len() - line_start.map_or(0, |newline| newline + 1);
        self
    }

    /// How many bytes of the text were read when the fault was found: the offset of what should
    /// not be there, or of the end of a value that the message has no use for. `None` for what was
    /// written.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match self.0.offset {
            Some(_) => write!(f, " at line {} column {}", self.0.line, self.0.column),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}
