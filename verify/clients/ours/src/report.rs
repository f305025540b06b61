//! One line per case on standard output: protocol, case, and `ok` or what went wrong, between tabs.

/// The outcome of one case.
pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// The cases of one protocol, counted.
#[derive(Debug)]
pub struct Report {
    protocol: String,
    failed: bool,
}

impl Report {
    /// A report on `protocol`, with nothing in it yet.
    pub fn new(protocol: impl Into<String>) -> Self {
        Self {
            protocol: protocol.into(),
            failed: false,
        }
    }

    /// Prints the outcome of `case`.
    pub fn case(&mut self, case: &str, outcome: Outcome) {
        let said = match outcome {
            Ok(()) => "ok".to_owned(),
            Err(error) => {
                self.failed = true;
                format!("FAILED {error}").replace(['\n', '\t'], " ")
            }
        };
        println!("{}\t{case}\t{said}", self.protocol);
    }

    /// Whether a case failed.
    pub fn failed(&self) -> bool {
        self.failed
    }
}

/// Fails with both values unless they are equal.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, shall: T) -> Outcome {
    if is == shall {
        return Ok(());
    }
    Err(format!("{what} is {is:?}, not {shall:?}").into())
}
