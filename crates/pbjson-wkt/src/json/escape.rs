//! Strings as JSON writes them, in quotes.

use super::text::specials;

/// Appends `text` in quotes, with quotes, backslashes and control characters escaped.
#[inline]
pub(super) fn push_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_text(out, text);
    out.push(b'"');
}

/// Appends a part of a string: `text` without quotes around it, escaped.
#[inline]
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        push_escaped(out, text);
    }
}

/// 1 for a byte that cannot stand in a string as it is.
#[inline]
fn special(byte: u8) -> u8 {
    u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\')
}

/// Whether nothing in the text has to be escaped: eight bytes at a time, the last of which may have
/// been seen before.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk::<8>() else {
        return text.iter().all(|byte| special(*byte) == 0);
    };
    let (words, _) = text.as_chunks::<8>();
    let mut found = specials(u64::from_le_bytes(*last));
    for word in words {
        found |= specials(u64::from_le_bytes(*word));
    }
    found == 0
}

#[cold]
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut plain = text.as_bytes();
    while let Some(at) = plain.iter().position(|byte| special(*byte) != 0) {
        let (before, rest) = plain.split_at(at);
        out.extend_from_slice(before);
        if let Some((byte, after)) = rest.split_first() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0x08 => out.extend_from_slice(b"\\b"),
                0x0c => out.extend_from_slice(b"\\f"),
                _ => {
                    let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                    out.extend_from_slice(b"\\u00");
                    out.extend_from_slice(&[HEX[high], HEX[low]]);
                }
            }
            plain = after;
        }
    }
    out.extend_from_slice(plain);
}
