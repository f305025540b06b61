//! The rules that generated code calls. Each says the value, the bound and what to do about it.

use std::fmt::{self, Display};
use std::ops::Bound;

use super::{FieldPath, Pattern, Validate, Violations};

/// The most characters of a value that a message repeats.
const SHOWN_CHARACTERS: usize = 64;

/// A value as a message shows it: quoted, and cut when it is long.
struct Shown<'a>(&'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(SHOWN_CHARACTERS) {
            Some((end, _)) => write!(f, "{:?}…", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// A message of another crate, which may know its rules or not: `(&Foreign(value)).check(…)` checks those that do.
///
/// Method resolution decides: [`KnowsRules`] takes what the receiver is, and [`KnowsNone`] wants one more reference,
/// so it is found for types only that do not implement [`Validate`].
#[derive(Debug)]
pub struct Foreign<'a, T>(pub &'a T);

/// See [`Foreign`].
pub trait KnowsRules {
    /// Checks the message.
    fn check(&self, path: &FieldPath<'_>, found: &mut Violations);
}

impl<T: Validate> KnowsRules for Foreign<'_, T> {
    fn check(&self, path: &FieldPath<'_>, found: &mut Violations) {
        self.0.check(path, found);
    }
}

/// See [`Foreign`].
pub trait KnowsNone {
    /// Checks nothing.
    fn check(&self, _: &FieldPath<'_>, _: &mut Violations) {}
}

impl<T> KnowsNone for &Foreign<'_, T> {}

/// `required`.
pub fn required(set: bool, path: &FieldPath<'_>, found: &mut Violations) {
    if !set {
        found.push(path, "required", "is required");
    }
}

/// `(buf.validate.oneof).required`.
pub fn one_of(set: bool, fields: &str, path: &FieldPath<'_>, found: &mut Violations) {
    if !set {
        found.push(
            path,
            "required",
            format_args!("one of {fields} is required"),
        );
    }
}

/// `string.uuid`: 36 characters, hexadecimal digits in groups of 8, 4, 4, 4 and 12.
pub fn uuid(value: &str, path: &FieldPath<'_>, found: &mut Violations) {
    let bytes = value.as_bytes();
    let valid = bytes.len() == 36
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if !valid {
        let shown = Shown(value);
        found.push(
            path,
            "string.uuid",
            format_args!("{shown} is not a UUID of 36 characters"),
        );
    }
}

/// `string.uri`: a scheme, a colon, and nothing that a URI cannot hold (RFC 3986, section 3).
pub fn uri(value: &str, path: &FieldPath<'_>, found: &mut Violations) {
    let valid = value.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && escapes_are_complete(rest)
            && rest.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
            })
    });
    if !valid {
        let shown = Shown(value);
        found.push(
            path,
            "string.uri",
            format_args!("{shown} is not a URI: write it like https://host/path"),
        );
    }
}

fn escapes_are_complete(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

/// `string.min_len` and `string.max_len`, in Unicode characters.
pub fn characters(
    value: &str,
    min: Option<u64>,
    max: Option<u64>,
    path: &FieldPath<'_>,
    found: &mut Violations,
) {
    length(
        value.chars().count(),
        "characters",
        ("string.min_len", min),
        ("string.max_len", max),
        path,
        found,
    );
}

/// `string.min_bytes` and `string.max_bytes`.
pub fn bytes(
    value: &str,
    min: Option<u64>,
    max: Option<u64>,
    path: &FieldPath<'_>,
    found: &mut Violations,
) {
    length(
        value.len(),
        "bytes",
        ("string.min_bytes", min),
        ("string.max_bytes", max),
        path,
        found,
    );
}

/// `repeated.min_items` and `repeated.max_items`.
pub fn items(
    count: usize,
    min: Option<u64>,
    max: Option<u64>,
    path: &FieldPath<'_>,
    found: &mut Violations,
) {
    length(
        count,
        "entries",
        ("repeated.min_items", min),
        ("repeated.max_items", max),
        path,
        found,
    );
}

fn length(
    count: usize,
    unit: &str,
    (min_rule, min): (&'static str, Option<u64>),
    (max_rule, max): (&'static str, Option<u64>),
    path: &FieldPath<'_>,
    found: &mut Violations,
) {
    let count = count as u64;
    if let Some(min) = min.filter(|min| count < *min) {
        found.push(
            path,
            min_rule,
            format_args!("has {count} {unit}, at least {min} are needed"),
        );
    }
    if let Some(max) = max.filter(|max| count > *max) {
        found.push(
            path,
            max_rule,
            format_args!("has {count} {unit}, at most {max} are allowed"),
        );
    }
}

/// `cel` in the form `this.matches(…)`, and `string.pattern`.
pub fn matches(
    value: &str,
    pattern: &Pattern,
    rule: &'static str,
    message: &str,
    path: &FieldPath<'_>,
    found: &mut Violations,
) {
    if !pattern.is_match(value) {
        found.push(path, rule, format_args!("{} {message}", Shown(value)));
    }
}

/// `lt`, `lte`, `gt` and `gte` of integers.
pub fn range<T: PartialOrd + Display + Copy>(
    value: T,
    lower: Bound<T>,
    upper: Bound<T>,
    path: &FieldPath<'_>,
    found: &mut Violations,
) {
    match lower {
        Bound::Included(bound) if value < bound => {
            found.push(
                path,
                "gte",
                format_args!("{value} is below the minimum of {bound}"),
            );
        }
        Bound::Excluded(bound) if value <= bound => {
            found.push(
                path,
                "gt",
                format_args!("{value} must be greater than {bound}"),
            );
        }
        _ => {}
    }
    match upper {
        Bound::Included(bound) if value > bound => {
            found.push(
                path,
                "lte",
                format_args!("{value} is above the maximum of {bound}"),
            );
        }
        Bound::Excluded(bound) if value >= bound => {
            found.push(
                path,
                "lt",
                format_args!("{value} must be less than {bound}"),
            );
        }
        _ => {}
    }
}

/// A `google.protobuf.Duration` as seconds and nanoseconds, shown in its JSON form.
#[derive(PartialEq, PartialOrd, Clone, Copy)]
struct Seconds(i64, i32);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 || self.1 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", self.0.unsigned_abs())?;
        if self.1 != 0 {
            let fraction = format!("{:09}", self.1.unsigned_abs());
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_str("s")
    }
}

/// `duration.lt`, `lte`, `gt` and `gte`; a duration that is none, because its two fields have
/// different signs or the nanoseconds are a second or more, breaks `duration`.
pub fn duration(
    seconds: i64,
    nanos: i32,
    lower: Bound<(i64, i32)>,
    upper: Bound<(i64, i32)>,
    path: &FieldPath<'_>,
    found: &mut Violations,
) {
    let same_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
    if !same_sign || nanos.unsigned_abs() >= 1_000_000_000 {
        found.push(
            path,
            "duration",
            format_args!("{seconds} seconds and {nanos} nanoseconds are not a duration"),
        );
        return;
    }
    let seconds_of = |(seconds, nanos)| Seconds(seconds, nanos);
    range(
        Seconds(seconds, nanos),
        lower.map(seconds_of),
        upper.map(seconds_of),
        path,
        found,
    );
}

/// `enum.defined_only`.
pub fn defined(
    value: i32,
    is_defined: bool,
    of: &str,
    path: &FieldPath<'_>,
    found: &mut Violations,
) {
    if !is_defined {
        found.push(
            path,
            "enum.defined_only",
            format_args!("{value} is not a value of {of}"),
        );
    }
}

/// `enum.not_in`.
pub fn not_in(value: i32, forbidden: &[i32], path: &FieldPath<'_>, found: &mut Violations) {
    if forbidden.contains(&value) {
        found.push(path, "enum.not_in", format_args!("{value} is not allowed"));
    }
}
