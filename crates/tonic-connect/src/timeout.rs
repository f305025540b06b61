//! The two wire forms of a deadline: `Connect-Timeout-Ms` and `grpc-timeout`.
//!
//! Both carry the time that is left, not a point in time, so nobody's clock matters. Both bound the number of digits,
//! so parsing needs no overflow checks. Formatting saturates at the largest value of the form, and rounds up: a server
//! that got a rounded-down timeout would give up before its client does.

// A server reads what a client writes: with one of the two features, one direction is unused.
#![cfg_attr(
    not(all(feature = "client", feature = "server", feature = "transport")),
    allow(dead_code)
)]

use std::time::Duration;

use http::HeaderValue;

/// The header of Connect's timeout, in milliseconds.
pub(crate) const CONNECT_TIMEOUT_MS: &str = "connect-timeout-ms";
/// The header of gRPC's timeout, digits and a unit.
pub(crate) const GRPC_TIMEOUT: &str = "grpc-timeout";

const CONNECT_DIGITS: usize = 10;
const CONNECT_MAX: u128 = 9_999_999_999;
const GRPC_DIGITS: usize = 8;
const GRPC_MAX: u128 = 99_999_999;

/// A timeout header that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimeoutError {
    #[error("Connect-Timeout-Ms {0:?} is not a number of milliseconds with 1 to 10 digits")]
    Connect(String),
    #[error(
        "grpc-timeout {0:?} is not a number with 1 to 8 digits followed by one of the units H, M, S, m, u, n"
    )]
    Grpc(String),
}

/// Reads `Connect-Timeout-Ms`: 1 to 10 ASCII digits.
pub(crate) fn parse_connect(value: &HeaderValue) -> Result<Duration, TimeoutError> {
    match digits(value.as_bytes(), CONNECT_DIGITS) {
        Some(millis) => Ok(Duration::from_millis(millis)),
        None => Err(TimeoutError::Connect(shown(value))),
    }
}

/// Writes `Connect-Timeout-Ms`; more than 9,999,999,999 ms (115 days) becomes that.
pub(crate) fn format_connect(timeout: Duration) -> HeaderValue {
    let millis = timeout.as_nanos().div_ceil(1_000_000).min(CONNECT_MAX);
    // At most ten digits: the cast is lossless.
    HeaderValue::from(millis as u64)
}

/// Reads `grpc-timeout`: 1 to 8 ASCII digits and a unit.
pub(crate) fn parse_grpc(value: &HeaderValue) -> Result<Duration, TimeoutError> {
    let parsed = value.as_bytes().split_last().and_then(|(unit, number)| {
        let number = digits(number, GRPC_DIGITS)?;
        Some(match unit {
            b'H' => Duration::from_secs(number * 3600),
            b'M' => Duration::from_secs(number * 60),
            b'S' => Duration::from_secs(number),
            b'm' => Duration::from_millis(number),
            b'u' => Duration::from_micros(number),
            b'n' => Duration::from_nanos(number),
            _ => return None,
        })
    });
    parsed.ok_or_else(|| TimeoutError::Grpc(shown(value)))
}

/// Writes `grpc-timeout` in the finest unit that holds the value in 8 digits; more than 99,999,999 h becomes that.
pub(crate) fn format_grpc(timeout: Duration) -> HeaderValue {
    const UNITS: [(u128, char); 6] = [
        (1, 'n'),
        (1_000, 'u'),
        (1_000_000, 'm'),
        (1_000_000_000, 'S'),
        (60_000_000_000, 'M'),
        (3_600_000_000_000, 'H'),
    ];
    let nanos = timeout.as_nanos();
    let (number, unit) = UNITS
        .iter()
        .map(|(size, unit)| (nanos.div_ceil(*size), *unit))
        .find(|(number, _)| *number <= GRPC_MAX)
        .unwrap_or((GRPC_MAX, 'H'));
    // Digits and a letter are always a valid header value.
    HeaderValue::try_from(format!("{number}{unit}"))
        .unwrap_or(HeaderValue::from_static("99999999H"))
}

fn digits(bytes: &[u8], most: usize) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > most {
        return None;
    }
    bytes.iter().try_fold(0, |number: u64, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u64::from(byte - b'0'))
    })
}

/// The value as a message may carry it: a stranger chose it, so only its beginning.
fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes())
        .chars()
        .take(32)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(text: &str) -> HeaderValue {
        HeaderValue::from_str(text).unwrap()
    }

    #[test]
    fn connect_timeouts_have_one_to_ten_digits() {
        for (text, millis) in [
            ("0", 0),
            ("1", 1),
            ("0000000005", 5),
            ("9999999999", 9_999_999_999),
        ] {
            assert_eq!(
                parse_connect(&header(text)),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "00000000001",
            "10000000000",
            "-1",
            "+1",
            "1.5",
            " 1",
            "1ms",
            "1_0",
            "x",
        ] {
            assert_eq!(
                parse_connect(&header(text)),
                Err(TimeoutError::Connect(text.into())),
                "{text}"
            );
        }
    }

    #[test]
    fn grpc_timeouts_have_one_to_eight_digits_and_a_unit() {
        for (text, expected) in [
            ("0n", Duration::ZERO),
            ("1H", Duration::from_secs(3600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("4m", Duration::from_millis(4)),
            ("5u", Duration::from_micros(5)),
            ("6n", Duration::from_nanos(6)),
            ("99999999H", Duration::from_secs(99_999_999 * 3600)),
        ] {
            assert_eq!(parse_grpc(&header(text)), Ok(expected), "{text}");
        }
        for text in [
            "",
            "H",
            "1",
            "123456789n",
            "1h",
            "1s",
            "-1S",
            "1 S",
            "1.5S",
            "1SS",
        ] {
            assert_eq!(
                parse_grpc(&header(text)),
                Err(TimeoutError::Grpc(text.into())),
                "{text}"
            );
        }
    }

    #[test]
    fn formats_round_up_and_saturate() {
        for (timeout, connect, grpc) in [
            (Duration::ZERO, "0", "0n"),
            (Duration::from_nanos(1), "1", "1n"),
            (Duration::from_nanos(99_999_999), "100", "99999999n"),
            (Duration::from_nanos(100_000_001), "101", "100001u"),
            (Duration::from_secs(5), "5000", "5000000u"),
            (Duration::from_secs(3600), "3600000", "3600000m"),
            (Duration::MAX, "9999999999", "99999999H"),
        ] {
            assert_eq!(format_connect(timeout), connect, "{timeout:?}");
            assert_eq!(format_grpc(timeout), grpc, "{timeout:?}");
        }
    }

    #[test]
    fn an_error_shows_the_beginning_of_a_long_value_only() {
        let error = parse_connect(&header(&"9".repeat(5000))).unwrap_err();
        assert!(error.to_string().len() < 128, "{error}");
    }

    proptest! {
        #[test]
        fn no_header_value_panics(bytes in prop::collection::vec(any::<u8>(), 0..16)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = parse_connect(&value);
                let _ = parse_grpc(&value);
            }
        }

        #[test]
        fn what_is_formatted_parses_to_no_less_and_little_more(secs in 0u64..100_000_000, nanos in 0u32..1_000_000_000) {
            let timeout = Duration::new(secs, nanos);
            let connect = parse_connect(&format_connect(timeout)).unwrap();
            prop_assert!(connect >= timeout.min(Duration::from_millis(9_999_999_999)));
            prop_assert!(connect <= timeout + Duration::from_millis(1));
            let grpc = parse_grpc(&format_grpc(timeout)).unwrap();
            prop_assert!(grpc >= timeout);
            // Eight digits: the relative error stays under one in ten million, and one nanosecond for the smallest.
            prop_assert!(grpc - timeout <= timeout / 100_000 + Duration::from_nanos(1));
        }

        #[test]
        fn no_duration_panics(secs: u64, nanos in 0u32..1_000_000_000) {
            let timeout = Duration::new(secs, nanos);
            prop_assert!(parse_connect(&format_connect(timeout)).is_ok());
            prop_assert!(parse_grpc(&format_grpc(timeout)).is_ok());
        }
    }
}
