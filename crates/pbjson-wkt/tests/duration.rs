//! `Duration`: what it reads, prints, refuses and converts to.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration as StdDuration;

use pbjson_wkt::{Duration, DurationError};
use proptest::prelude::*;
use prost::{Message, Name};

const fn raw(seconds: i64, nanos: i32) -> Duration {
    Duration { seconds, nanos }
}

/// Fields that no constructor would take, with words of the error that each deserves.
const INVALID: &[(Duration, &str)] = &[
    (
        raw(315_576_000_001, 0),
        "duration 315576000001s is out of range: keep it between -315576000000s and 315576000000s",
    ),
    (
        raw(-315_576_000_001, 0),
        "duration -315576000001s is out of range",
    ),
    (
        raw(i64::MAX, i32::MAX),
        "duration 9223372036854775807s is out of range",
    ),
    (
        raw(i64::MIN, i32::MIN),
        "duration -9223372036854775808s is out of range",
    ),
    (
        raw(0, 1_000_000_000),
        "duration has 1000000000 nanoseconds: keep them between -999999999 and 999999999",
    ),
    (
        raw(0, -1_000_000_000),
        "duration has -1000000000 nanoseconds",
    ),
    (raw(5, i32::MIN), "duration has -2147483648 nanoseconds"),
    (
        raw(1, -1),
        "duration has 1 seconds and -1 nanoseconds: give both the same sign",
    ),
    (
        raw(-1, 1),
        "duration has -1 seconds and 1 nanoseconds: give both the same sign",
    ),
];

#[test]
fn prints_the_shortest_exact_form() {
    for (duration, text) in [
        (raw(0, 0), "0s"),
        (raw(3600, 0), "3600s"),
        (raw(-3600, 0), "-3600s"),
        (raw(1, 500_000_000), "1.500s"),
        (raw(1, 10_000_000), "1.010s"),
        (raw(1, 1_000), "1.000001s"),
        (raw(1, 120_000), "1.000120s"),
        (raw(1, 1), "1.000000001s"),
        (raw(0, -500_000_000), "-0.500s"),
        (raw(-1, -1), "-1.000000001s"),
        (Duration::MAX, "315576000000.999999999s"),
        (Duration::MIN, "-315576000000.999999999s"),
    ] {
        assert_eq!(duration.to_string(), text);
        assert_eq!(
            serde_json::to_string(&duration).unwrap(),
            format!("{text:?}")
        );
        assert_eq!(text.parse(), Ok(duration));
    }
    assert_eq!(format!("{:>8}|", raw(5, 0)), "      5s|");
}

#[test]
fn reads_every_allowed_form() {
    for (text, duration) in [
        ("+9125115.360s", raw(9_125_115, 360_000_000)),
        ("+0s", raw(0, 0)),
        ("-0s", raw(0, 0)),
        ("-0.0s", raw(0, 0)),
        ("-0.5s", raw(0, -500_000_000)),
        ("0.1s", raw(0, 100_000_000)),
        ("0.12s", raw(0, 120_000_000)),
        ("0.1234s", raw(0, 123_400_000)),
        ("0.00000001s", raw(0, 10)),
        ("007s", raw(7, 0)),
        ("315576000000s", raw(315_576_000_000, 0)),
        ("-315576000000s", raw(-315_576_000_000, 0)),
    ] {
        assert_eq!(text.parse(), Ok(duration), "{text}");
        let json = format!("{text:?}");
        assert_eq!(serde_json::from_str::<Duration>(&json).unwrap(), duration);
    }
    // A string with an escape reaches the reader from a buffer, not from the input.
    assert_eq!(
        serde_json::from_str::<Duration>(r#""\u0035s""#).unwrap(),
        raw(5, 0)
    );
    assert_eq!(
        serde_json::from_str::<Option<Duration>>("null").unwrap(),
        None
    );
}

#[test]
fn refuses_every_other_form() {
    for text in [
        "",
        "s",
        "-",
        "+",
        "-s",
        "+s",
        ".",
        ".s",
        ".5s",
        "1.s",
        "-.5s",
        "5",
        "5.5",
        "5S",
        "5 s",
        " 5s",
        "5s ",
        "5ss",
        "--5s",
        "-+5s",
        "+-5s",
        "++5s",
        "1.+5s",
        "1.-5s",
        "1.5.5s",
        "1,5s",
        "1e3s",
        "0x5s",
        "1_000s",
        "0.1234567890s",
        "5m",
        "1h",
        "infs",
        "NaNs",
        "٣s",
        "5s\0",
        "--9223372036854775808s",
    ] {
        let error = text.parse::<Duration>().unwrap_err();
        assert_eq!(
            error,
            DurationError::Malformed {
                text: text.to_owned()
            }
        );
        let json = serde_json::to_string(text).unwrap();
        let json_error = serde_json::from_str::<Duration>(&json).unwrap_err();
        assert!(
            json_error.to_string().starts_with(&error.to_string()),
            "{json_error}"
        );
    }
    assert_eq!(
        "5".parse::<Duration>().unwrap_err().to_string(),
        r#"duration "5" cannot be read: write seconds with up to 9 decimals and an s, like "3600s" or "-0.5s""#
    );
    for json in ["5", "5.5", "null", "true", "{}", "[]", r#"{"seconds":5}"#] {
        let error = serde_json::from_str::<Duration>(json)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("expected a duration in seconds, like \"3600s\""),
            "{error}"
        );
    }
}

#[test]
fn refuses_text_out_of_range() {
    for text in [
        "315576000001s",
        "-315576000001s",
        "+315576000001.5s",
        "9223372036854775808s",
        "-9223372036854775808s",
        "18446744073709551616s",
        "99999999999999999999999999999999s",
    ] {
        assert_eq!(
            text.parse::<Duration>(),
            Err(DurationError::OutOfRange {
                value: text.to_owned()
            })
        );
    }
}

#[test]
fn an_error_is_small_whatever_the_input_was() {
    for text in ["é".repeat(1 << 20), format!("{}s", "9".repeat(1 << 20))] {
        let error = text.parse::<Duration>().unwrap_err().to_string();
        assert!(error.len() < 400 && error.contains('…'), "{error}");
    }
}

#[test]
fn an_invalid_duration_decodes_but_goes_nowhere() {
    for &(duration, message) in INVALID {
        assert!(!duration.is_valid());
        let decoded = Duration::decode(duration.encode_to_vec().as_slice()).unwrap();
        assert_eq!(decoded, duration);

        let error = Duration::new(duration.seconds, duration.nanos).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(
            serde_json::to_string(&duration).unwrap_err().to_string(),
            error.to_string()
        );
        assert_eq!(StdDuration::try_from(duration), Err(error.clone()));
        assert_eq!(
            prost_types::Duration::try_from(duration),
            Err(error.clone())
        );
        let Duration { seconds, nanos } = duration;
        let stock = prost_types::Duration { seconds, nanos };
        assert_eq!(Duration::try_from(stock), Err(error));
        assert_eq!(
            duration.to_string(),
            format!("invalid duration ({seconds} seconds, {nanos} nanoseconds)")
        );
    }
}

#[test]
fn converts_to_and_from_the_standard_library() {
    for (duration, std) in [
        (raw(0, 0), StdDuration::ZERO),
        (raw(0, 1), StdDuration::from_nanos(1)),
        (raw(5400, 500_000_000), StdDuration::from_millis(5_400_500)),
        (
            Duration::MAX,
            StdDuration::new(315_576_000_000, 999_999_999),
        ),
    ] {
        assert_eq!(StdDuration::try_from(duration), Ok(std));
        assert_eq!(Duration::try_from(std), Ok(duration));
    }
    for (duration, text) in [
        (raw(-1, 0), "-1s"),
        (raw(0, -1), "-0.000000001s"),
        (Duration::MIN, "-315576000000.999999999s"),
    ] {
        let error = StdDuration::try_from(duration).unwrap_err();
        assert_eq!(error, DurationError::Negative { duration });
        assert!(
            error
                .to_string()
                .starts_with(&format!("duration {text} is negative"))
        );
    }
    for (std, value) in [
        (StdDuration::from_secs(315_576_000_001), "315576000001s"),
        (StdDuration::from_secs(1 << 63), "9223372036854775808s"),
        (StdDuration::MAX, "18446744073709551615s"),
    ] {
        assert_eq!(
            Duration::try_from(std),
            Err(DurationError::OutOfRange {
                value: value.to_owned()
            })
        );
    }
}

#[test]
fn is_named_as_any_needs_it() {
    assert_eq!(Duration::full_name(), "google.protobuf.Duration");
    assert_eq!(
        Duration::type_url(),
        "type.googleapis.com/google.protobuf.Duration"
    );
}

#[test]
fn orders_by_length() {
    let ordered = [
        Duration::MIN,
        raw(-2, 0),
        raw(-1, -500_000_000),
        raw(-1, 0),
        raw(0, -1),
        Duration::default(),
        raw(0, 1),
        raw(1, 0),
        raw(1, 1),
        Duration::MAX,
    ];
    assert!(ordered.is_sorted_by(|a, b| a < b));
}

fn valid() -> impl Strategy<Value = Duration> {
    let nanos = prop_oneof![
        Just(0),
        (0..1000).prop_map(|millis| millis * 1_000_000),
        (0..1_000_000).prop_map(|micros| micros * 1000),
        0..1_000_000_000,
    ];
    let seconds = prop_oneof![0..10_i64, 0..=Duration::MAX_SECONDS];
    (seconds, nanos, any::<bool>()).prop_map(|(seconds, nanos, negative)| {
        if negative {
            raw(-seconds, -nanos)
        } else {
            raw(seconds, nanos)
        }
    })
}

fn anything() -> impl Strategy<Value = Duration> {
    let seconds = prop_oneof![
        any::<i64>(),
        -2..2_i64,
        Just(i64::MIN),
        Just(i64::MAX),
        Duration::MAX_SECONDS - 1..Duration::MAX_SECONDS + 2,
        Duration::MIN_SECONDS - 1..Duration::MIN_SECONDS + 2,
    ];
    let nanos = prop_oneof![
        any::<i32>(),
        -2..2,
        Just(i32::MIN),
        999_999_998..1_000_000_001
    ];
    (seconds, nanos).prop_map(|(seconds, nanos)| raw(seconds, nanos))
}

proptest! {
    #[test]
    fn valid_ones_survive_json_binary_and_conversion(duration in valid()) {
        prop_assert!(duration.is_valid());
        let json = serde_json::to_string(&duration).unwrap();
        prop_assert_eq!(serde_json::from_str::<Duration>(&json).unwrap(), duration);
        prop_assert_eq!(Duration::decode(duration.encode_to_vec().as_slice()).unwrap(), duration);

        let stock = prost_types::Duration::try_from(duration).unwrap();
        prop_assert_eq!(stock.encode_to_vec(), duration.encode_to_vec());
        prop_assert_eq!(Duration::try_from(stock).unwrap(), duration);
        if let Ok(std) = StdDuration::try_from(duration) {
            prop_assert_eq!(Duration::try_from(std).unwrap(), duration);
        }
    }

    #[test]
    fn the_order_is_that_of_the_lengths(a in valid(), b in valid()) {
        let length = |d: Duration| i128::from(d.seconds) * 1_000_000_000 + i128::from(d.nanos);
        prop_assert_eq!(a.cmp(&b), length(a).cmp(&length(b)));
    }

    #[test]
    fn any_fields_are_either_valid_everywhere_or_nowhere(duration in anything()) {
        let valid = duration.seconds.abs_diff(0) <= 315_576_000_000
            && duration.nanos.abs_diff(0) < 1_000_000_000
            && i64::from(duration.nanos.signum()) * duration.seconds.signum() >= 0;
        prop_assert_eq!(duration.is_valid(), valid);
        prop_assert_eq!(serde_json::to_string(&duration).is_ok(), valid);
        prop_assert_eq!(prost_types::Duration::try_from(duration).is_ok(), valid);
        prop_assert_eq!(duration.to_string().parse() == Ok(duration), valid);
        let negative = duration < Duration::default();
        prop_assert_eq!(StdDuration::try_from(duration).is_ok(), valid && !negative);
    }

    #[test]
    fn any_standard_duration_converts_or_is_refused(seconds: u64, nanos in 0..1_000_000_000_u32) {
        let std = StdDuration::new(seconds, nanos);
        prop_assert_eq!(Duration::try_from(std).is_ok(), seconds <= 315_576_000_000);
    }

    #[test]
    fn any_text_gives_a_valid_duration_or_an_error(
        text in prop_oneof![any::<String>(), "[-+]{0,2}[0-9]{0,20}[.]{0,2}[0-9+]{0,11}s?"],
    ) {
        if let Ok(duration) = text.parse::<Duration>() {
            prop_assert!(duration.is_valid());
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }
    }

    #[test]
    fn any_bytes_decode_to_something_harmless(bytes: Vec<u8>) {
        if let Ok(duration) = Duration::decode(bytes.as_slice()) {
            prop_assert_eq!(serde_json::to_string(&duration).is_ok(), duration.is_valid());
        }
    }
}
