//! Decimal digits, read from bytes and written to the stack.
//!
//! Both types share this much of their JSON form: plain digits, and a fraction of a second with
//! nanosecond resolution. Written text goes into a fixed buffer, two digits at a time, so that
//! printing a value costs no allocation.

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

/// ASCII text of at most [`Text::LEN`] bytes, built in place.
pub(crate) struct Text {
    bytes: [u8; Self::LEN],
    start: usize,
    end: usize,
}

impl Text {
    /// The length of the longest text, `9999-12-31T23:59:59.999999999Z`; durations have 24 bytes
    /// at most, integers 20.
    pub(crate) const LEN: usize = 30;

    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            bytes: [0; Self::LEN],
            start: 0,
            end: 0,
        }
    }

    /// Becomes a 64-bit integer: a negative one has at most 2⁶³ for its magnitude.
    #[inline]
    pub(crate) fn set_integer(&mut self, negative: bool, magnitude: u64) {
        let bytes = &mut self.bytes;
        let mut start = Self::LEN;
        let mut rest = magnitude;
        while rest >= 10 {
            start -= 2;
            bytes[start..start + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
            rest /= 100;
        }
        if rest > 0 || magnitude == 0 {
            start -= 1;
            bytes[start] = b'0' + rest as u8;
        }
        if negative {
            start -= 1;
            bytes[start] = b'-';
        }
        self.start = start;
        self.end = Self::LEN;
    }

    #[inline]
    pub(crate) fn push(&mut self, byte: u8) {
        self.bytes[self.end] = byte;
        self.end += 1;
    }

    /// Writes `number`, without leading zeros.
    #[inline]
    pub(crate) fn push_number(&mut self, number: u64) {
        let mut digits = Self::new();
        digits.set_integer(false, number);
        self.push_all(digits.as_bytes());
    }

    #[inline]
    pub(crate) fn push_all(&mut self, bytes: &[u8]) {
        let end = self.end + bytes.len();
        self.bytes[self.end..end].copy_from_slice(bytes);
        self.end = end;
    }

    /// Writes a fraction of a second as ProtoJSON wants it: nothing for zero, else a point and 3,
    /// 6 or 9 digits, the fewest that lose nothing.
    #[inline]
    pub(crate) fn push_fraction(&mut self, nanos: u32) {
        if nanos == 0 {
            return;
        }
        let (millis, below) = (nanos / 1_000_000, nanos % 1_000_000);
        let [a, b, c] = three(millis);
        self.push_all(&[b'.', a, b, c]);
        if below != 0 {
            let (micros, below) = (below / 1_000, below % 1_000);
            self.push_all(&three(micros));
            if below != 0 {
                self.push_all(&three(below));
            }
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII is ever pushed.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}
