//! Decimal digits, read from bytes and written to the stack.
//!
//! Both types share this much of their JSON form: plain digits, and a fraction of a second with
//! nanosecond resolution. Written text goes into a fixed buffer, so that printing a value costs
//! no allocation.

/// The most digits that a fraction of a second may have.
const FRACTION_DIGITS: usize = 9;

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

/// ASCII text of at most `N` bytes, built in place.
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    pub(crate) fn new() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
    }

    pub(crate) fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    /// Writes `number` with leading zeros up to `width` digits, and with more when it needs them.
    pub(crate) fn push_number(&mut self, number: u64, width: usize) {
        let digits = number.checked_ilog10().map_or(1, |log| log as usize + 1);
        let start = self.len;
        self.len += digits.max(width);
        let mut rest = number;
        for slot in self.bytes[start..self.len].iter_mut().rev() {
            *slot = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }

    /// Writes a fraction of a second as ProtoJSON wants it: nothing for zero, else a point and 3,
    /// 6 or 9 digits, the fewest that lose nothing.
    pub(crate) fn push_fraction(&mut self, nanos: u32) {
        if nanos == 0 {
            return;
        }
        let (fraction, width) = if nanos.is_multiple_of(1_000_000) {
            (nanos / 1_000_000, 3)
        } else if nanos.is_multiple_of(1_000) {
            (nanos / 1_000, 6)
        } else {
            (nanos, 9)
        };
        self.push(b'.');
        self.push_number(fraction.into(), width);
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII is ever pushed.
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}
