//! Decimal digits, read from bytes and written to the stack.
//!
//! Both types share this much of their JSON form: plain digits, and a fraction of a second with
//! nanosecond resolution. A text is printed in pieces of several bytes, straight to where it
//! belongs: it costs no allocation, and no second copy, for which a processor would have to wait
//! until the first is in memory.

use std::convert::Infallible;
use std::fmt;

/// The most digits that a fraction of a second may have.
const FRACTION_DIGITS: usize = 9;

/// The digits of each number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Splits `bytes` after its leading ASCII digits, of which there may be none.
pub(crate) fn split_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// The number that ASCII `digits` spell, `u64::MAX` when it is larger than that.
pub(crate) fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number: u64, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit.wrapping_sub(b'0')))
    })
}

/// Reads an optional fraction, a point and one to nine digits, off the front of `bytes`.
///
/// Returns it in nanoseconds with what follows it, or `None` when the point has no digits or more
/// than nine after it.
pub(crate) fn split_fraction(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let [b'.', rest @ ..] = bytes else {
        return Some((0, bytes));
    };
    let (digits, rest) = split_digits(rest);
    if digits.is_empty() || digits.len() > FRACTION_DIGITS {
        return None;
    }
    let nanos = (digits.len()..FRACTION_DIGITS).fold(number(digits), |nanos, _| nanos * 10);
    Some((i32::try_from(nanos).ok()?, rest))
}

/// The two digits of a number below 100; of a larger one, the last two.
#[inline]
pub(crate) fn pair(number: u32) -> [u8; 2] {
    PAIRS[(number % 100) as usize]
}

/// The three digits of a number below 1,000.
#[inline]
fn three(number: u32) -> [u8; 3] {
    let [tens, ones] = pair(number);
    [b'0' + (number / 100) as u8, tens, ones]
}

/// A value whose text is short, and ASCII with nothing to escape.
pub(crate) trait Print {
    /// Why a value has no text.
    type Error: fmt::Display;

    /// Writes the text, [`Text::LEN`] bytes at most.
    ///
    /// # Errors
    /// For a value that has none, before anything is written.
    fn print(&self, out: &mut impl Pieces) -> Result<(), Self::Error>;
}

/// Where the pieces of a text go: to the stack, or straight to where it belongs.
pub(crate) trait Pieces {
    /// Appends a piece. One of a fixed length costs the least.
    fn push(&mut self, piece: &[u8]);

    /// Writes a fraction of a second as ProtoJSON wants it: nothing for zero, else a point and 3,
    /// 6 or 9 digits, the fewest that lose nothing.
    #[inline]
    fn push_fraction(&mut self, nanos: u32) {
        if nanos == 0 {
            return;
        }
        let (millis, below) = (nanos / 1_000_000, nanos % 1_000_000);
        let [a, b, c] = three(millis);
        self.push(&[b'.', a, b, c]);
        if below != 0 {
            let (micros, below) = (below / 1_000, below % 1_000);
            self.push(&three(micros));
            if below != 0 {
                self.push(&three(below));
            }
        }
    }
}

/// A 64-bit integer: a negative one has at most 2⁶³ for its magnitude.
pub(crate) struct Integer {
    pub(crate) negative: bool,
    pub(crate) magnitude: u64,
}

impl Print for Integer {
    type Error = Infallible;

    #[inline]
    fn print(&self, out: &mut impl Pieces) -> Result<(), Infallible> {
        if self.negative {
            out.push(b"-");
        }
        let mut rest = self.magnitude;
        if rest < 10 {
            // Versions and counters mostly are, and need no buffer.
            out.push(&[b'0' + rest as u8]);
            return Ok(());
        }
        let mut digits = [0; 20];
        let mut start = digits.len();
        while rest >= 10 {
            start -= 2;
            digits[start..start + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
            rest /= 100;
        }
        if rest > 0 {
            start -= 1;
            digits[start] = b'0' + rest as u8;
        }
        out.push(&digits[start..]);
        Ok(())
    }
}

/// ASCII text of at most [`Text::LEN`] bytes, built in place.
pub(crate) struct Text {
    bytes: [u8; Self::LEN],
    len: usize,
}

impl Text {
    /// The length of the longest text, `9999-12-31T23:59:59.999999999Z`; durations have 24 bytes
    /// at most, integers 20.
    pub(crate) const LEN: usize = 30;

    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            bytes: [0; Self::LEN],
            len: 0,
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII is ever pushed.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl Pieces for Text {
    #[inline]
    fn push(&mut self, piece: &[u8]) {
        let end = self.len + piece.len();
        self.bytes[self.len..end].copy_from_slice(piece);
        self.len = end;
    }
}

impl Pieces for Vec<u8> {
    #[inline]
    fn push(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::{Integer, Print, Text};

    /// The last digit of every power of ten and its neighbours, and the ends of the range.
    #[test]
    fn integers_are_printed_as_the_standard_library_prints_them() {
        let powers = (0..20).map(|exponent| 10u64.pow(exponent));
        let around = powers.flat_map(|power| [power - 1, power, power + 1, power.wrapping_mul(7)]);
        let all = around
            .chain(0..=20_000)
            .chain([u64::MAX - 1, u64::MAX, 1 << 63]);
        for magnitude in all {
            for negative in [false, true] {
                let mut text = Text::new();
                let Ok(()) = Integer {
                    negative,
                    magnitude,
                }
                .print(&mut text);
                let sign = if negative { "-" } else { "" };
                assert_eq!(text.as_str(), format!("{sign}{magnitude}"));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_integer_is_printed_as_the_standard_library_prints_it(magnitude: u64, shift in 0..64) {
            let magnitude = magnitude >> shift;
            let mut text = Text::new();
            let Ok(()) = Integer { negative: false, magnitude }.print(&mut text);
            proptest::prop_assert_eq!(text.as_str(), magnitude.to_string());
        }
    }
}
