//! Validation by the rules of a schema: the trait that generated messages implement, and what
//! they found.
//!
//! Checking a valid message allocates nothing: the path to a field is a chain on the stack, and
//! becomes text only for a violation.

#[doc(hidden)]
pub mod rules;

use std::fmt;
use std::sync::OnceLock;

/// The most violations that one check reports; the rest is cut off.
pub const MAX_VIOLATIONS: usize = 32;

/// A message that knows the rules of its schema. Implemented by generated code.
pub trait Validate {
    /// Adds what is wrong with this message, which stands at `path`, to `found`.
    fn check(&self, path: &FieldPath<'_>, found: &mut Violations);

    /// Checks this message and all that it holds.
    ///
    /// # Errors
    ///
    /// All violations, up to [`MAX_VIOLATIONS`].
    fn validate(&self) -> Result<(), Violations> {
        let mut found = Violations::default();
        self.check(&FieldPath::root(), &mut found);
        if found.violations.is_empty() {
            Ok(())
        } else {
            Err(found)
        }
    }
}

impl<T: Validate + ?Sized> Validate for Box<T> {
    fn check(&self, path: &FieldPath<'_>, found: &mut Violations) {
        (**self).check(path, found);
    }
}

/// One value that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field in protobuf notation, such as `filter.project_ids[3]`.
    pub field: String,
    /// The rule, such as `string.uuid`.
    pub rule: &'static str,
    /// What is wrong with the value, for people.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
pub struct Violations {
    violations: Vec<Violation>,
}

impl Violations {
    /// The violations, in the order of the schema.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.violations.iter()
    }

    fn push(&mut self, path: &FieldPath<'_>, rule: &'static str, message: impl fmt::Display) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(Violation {
                field: path.to_string(),
                rule,
                message: message.to_string(),
            });
        }
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.violations.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            violation.fmt(f)?;
        }
        Ok(())
    }
}

/// Where a value stands, as a chain from the field to the root.
#[derive(Debug)]
pub struct FieldPath<'a> {
    parent: Option<&'a FieldPath<'a>>,
    step: Step<'a>,
}

#[derive(Debug)]
enum Step<'a> {
    Root,
    Field(&'static str),
    Index(usize),
    Key(&'a (dyn fmt::Debug + 'a)),
}

impl<'a> FieldPath<'a> {
    /// The message that is checked.
    #[must_use]
    pub fn root() -> Self {
        Self {
            parent: None,
            step: Step::Root,
        }
    }

    /// A field of the message at this path.
    #[must_use]
    pub fn field(&'a self, name: &'static str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Field(name),
        }
    }

    /// An entry of the repeated field at this path.
    #[must_use]
    pub fn index(&'a self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    /// The value of a key of the map at this path.
    #[must_use]
    pub fn key(&'a self, key: &'a dyn fmt::Debug) -> Self {
        Self {
            parent: Some(self),
            step: Step::Key(key),
        }
    }
}

impl fmt::Display for FieldPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Field(name)
                if matches!(
                    self.parent,
                    Some(FieldPath {
                        step: Step::Root,
                        ..
                    }) | None
                ) =>
            {
                f.write_str(name)
            }
            Step::Field(name) => write!(f, ".{name}"),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) => write!(f, "[{key:?}]"),
        }
    }
}

/// A regular expression that is compiled at its first use. The generator has checked it.
#[derive(Debug)]
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Option<regex_lite::Regex>>,
}

impl Pattern {
    /// A pattern from its source.
    #[must_use]
    pub const fn new(source: &'static str) -> Self {
        Self {
            source,
            compiled: OnceLock::new(),
        }
    }

    fn is_match(&self, value: &str) -> bool {
        self.compiled
            .get_or_init(|| regex_lite::Regex::new(self.source).ok())
            .as_ref()
            .is_some_and(|regex| regex.is_match(value))
    }
}

/// `invalid_argument`, with the violations as `google.rpc.BadRequest` in the details.
#[cfg(feature = "protocol")]
impl From<Violations> for tonic::Status {
    fn from(violations: Violations) -> Self {
        crate::details::bad_request(
            violations
                .violations
                .into_iter()
                .map(|violation| (violation.field, violation.message)),
        )
    }
}
