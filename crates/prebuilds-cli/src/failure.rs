//! How a command ends when it does not succeed: what is said, and the exit code that scripts see.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; of a prebuild that was waited for: COMPLETED |
//! | 1 | the operation failed; of a prebuild: FAILED, or cancelled or deleted by somebody else |
//! | 2 | bad usage: the command line says something that cannot be done |
//! | 129, 130, 143 | ended by SIGHUP, Ctrl-C (SIGINT) or SIGTERM |

use std::io::{self, Write};
use std::process::ExitCode;

use prebuilds::client::ClientError;
use tonic::Code;

use crate::interrupt::Signal;
use crate::style::Style;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something that cannot be: exit code 2.
    Usage(String),
    /// The operation failed: exit code 1.
    Failed(String),
    /// Somebody asked the process to end: exit code 128 and the number of the signal.
    Interrupted(Signal),
    /// Whoever read the output has gone, as `head` does: nothing is wrong.
    OutputClosed,
}

impl Failure {
    /// A failed operation, with what to do about it in the message.
    pub(crate) fn failed(message: impl ToString) -> Self {
        Self::Failed(message.to_string())
    }

    /// A command line that cannot be done, with what to write instead in the message.
    pub(crate) fn usage(message: impl ToString) -> Self {
        Self::Usage(message.to_string())
    }

    /// Tells the person on standard error, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Usage(message) => {
                error_line(&message);
                ExitCode::from(2)
            }
            Self::Failed(message) => {
                error_line(&message);
                ExitCode::FAILURE
            }
            Self::Interrupted(signal) => ExitCode::from(signal.exit_code()),
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }
}

/// A call failed; its message says what to do.
impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Status { status, base_url } if status.code() == Code::NotFound => {
                Self::Failed(format!(
                    "{error} on {base_url}: `prebuilds list` and `prebuilds project list` show what \
                     there is"
                ))
            }
            _ => Self::failed(error),
        }
    }
}

/// Writing to standard output failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Failed(format!("cannot write to standard output: {error}"))
        }
    }
}

/// `error: …` on standard error. When that is gone as well, nobody is left to tell.
fn error_line(message: &str) {
    let word = Style::stderr().red("error:");
    let _ = writeln!(io::stderr(), "{word} {message}");
}

/// `warning: …` on standard error.
pub(crate) fn warn(message: &str) {
    let word = Style::stderr().yellow("warning:");
    let _ = writeln!(io::stderr(), "{word} {message}");
}

/// A line on standard error for the person who looks on, who may have gone.
pub(crate) fn note(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}
