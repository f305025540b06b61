//! Strings as JSON has them: found, checked and unescaped.

/// Why a string cannot be read, with where that is.
pub(super) type Fault = (&'static str, usize);

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// The bytes of a word, eight in little-endian order, that are quotes, backslashes or control
/// characters: not zero if there is one, and the lowest bit is in the first.
///
/// A byte below some number is one that borrows when the number is taken off. What borrows may
/// spoil the byte above, but never the lowest one found.
#[inline]
pub(super) fn specials(word: u64) -> u64 {
    let control = word.wrapping_sub(ONES * b' ' as u64);
    let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    // Bytes above 127 are none of these.
    (control | quote | backslash) & !word & HIGH
}

/// The offset, at `at` or behind it, of the next quote, backslash or control character, or of the
/// end of the text.
#[inline]
pub(super) fn next_special(text: &[u8], mut at: usize) -> usize {
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let found = specials(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = text.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..b' ') {
            break;
        }
        at += 1;
    }
    at
}

/// Appends what the escape at `at`, the offset of its backslash, stands for; returns where the text
/// goes on.
pub(super) fn unescape(text: &[u8], at: usize, out: &mut String) -> Result<usize, Fault> {
    let character = match text.get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unicode(text, at, out),
        Some(_) => return Err(("an escape that JSON does not have", at)),
        None => return Err(("the text ends within a string", at)),
    };
    out.push(character);
    Ok(at + 2)
}

/// `\u` with four digits, or two of them that are one character together.
fn unescape_unicode(text: &[u8], at: usize, out: &mut String) -> Result<usize, Fault> {
    let lone = ("half of a character, a lone surrogate,", at);
    let first = hex(text, at + 2)?;
    let (code, end) = match first {
        0xd800..0xdc00 => {
            if text.get(at + 6..at + 8) != Some(b"\\u") {
                return Err(lone);
            }
            match hex(text, at + 8)? {
                second @ 0xdc00..0xe000 => (
                    0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    at + 12,
                ),
                _ => return Err(lone),
            }
        }
        _ => (first, at + 6),
    };
    out.push(char::from_u32(code).ok_or(lone)?);
    Ok(end)
}

fn hex(text: &[u8], at: usize) -> Result<u32, Fault> {
    let mut code = 0;
    for at in at..at + 4 {
        let digit = text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        code = code * 16 + digit.ok_or(("an escape without four hexadecimal digits", at))?;
    }
    Ok(code)
}
