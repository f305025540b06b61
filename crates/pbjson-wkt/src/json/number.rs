//! Numbers as text: the grammar of JSON, exactly, and nothing that only Rust's parsers take.

use crate::decimal;

/// A number in the grammar of JSON (RFC 8259, section 6), in its parts.
struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let (negative, rest) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (whole, rest) = decimal::split_digits(rest);
    if whole.is_empty() || (whole.len() > 1 && whole[0] == b'0') {
        return None;
    }
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => {
            let (fraction, rest) = decimal::split_digits(rest);
            if fraction.is_empty() {
                return None;
            }
            (fraction, rest)
        }
        rest => (&[][..], rest),
    };
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', rest @ ..] => {
            let (sign, digits) = match rest {
                [b'-', digits @ ..] => (-1, digits),
                [b'+', digits @ ..] => (1, digits),
                digits => (1, digits),
            };
            let (digits, rest) = decimal::split_digits(digits);
            if digits.is_empty() || !rest.is_empty() {
                return None;
            }
            sign * i64::try_from(decimal::number(digits)).unwrap_or(i64::MAX)
        }
        _ => return None,
    };
    Some(Parts {
        negative,
        whole,
        fraction,
        exponent,
    })
}

/// Whether the text is a number in JSON.
pub(super) fn is_number(text: &str) -> bool {
    parts(text).is_some()
}

/// The integer that a JSON number denotes, `1.0`, `1e5` and `1.5e1` among them; `None` for a
/// fraction, for what is not a number, and beyond 64 bits and their sign.
pub(super) fn integer(text: &str) -> Option<i128> {
    let parts = parts(text)?;
    let mut magnitude: u128 = 0;
    // The place of the digit: how many zeros follow it in the number.
    let mut place = i64::try_from(parts.whole.len())
        .ok()?
        .saturating_add(parts.exponent);
    for digit in parts.whole.iter().chain(parts.fraction) {
        place = place.saturating_sub(1);
        let digit = digit - b'0';
        if place < 0 {
            if digit != 0 {
                return None;
            }
        } else {
            magnitude = magnitude * 10 + u128::from(digit);
            if magnitude > u128::from(u64::MAX) {
                return None;
            }
        }
    }
    if magnitude != 0 {
        for _ in 0..place.max(0) {
            magnitude *= 10;
            if magnitude > u128::from(u64::MAX) {
                return None;
            }
        }
    }
    let magnitude = i128::try_from(magnitude).ok()?;
    Some(if parts.negative {
        -magnitude
    } else {
        magnitude
    })
}

/// The number that a string denotes for a field of floating point; `None` beyond its range too.
pub(super) fn float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => {
            parts(text)?;
            text.parse().ok().filter(|number: &f64| number.is_finite())
        }
    }
}
