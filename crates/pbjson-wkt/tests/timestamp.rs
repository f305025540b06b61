//! `Timestamp`: what it reads, prints, refuses and converts to.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration as StdDuration, SystemTime};

use pbjson_wkt::{Timestamp, TimestampError};
use proptest::prelude::*;
use prost::{Message, Name};

const fn raw(seconds: i64, nanos: i32) -> Timestamp {
    Timestamp { seconds, nanos }
}

/// Fields that no constructor would take, with words of the error that each deserves.
const INVALID: &[(Timestamp, &str)] = &[
    (
        raw(-62_135_596_801, 0),
        "timestamp -62135596801 seconds from 1970 is out of range: keep it between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z",
    ),
    (
        raw(253_402_300_800, 0),
        "timestamp 253402300800 seconds from 1970 is out of range",
    ),
    (
        raw(i64::MIN, i32::MIN),
        "timestamp -9223372036854775808 seconds from 1970 is out of range",
    ),
    (
        raw(i64::MAX, i32::MAX),
        "timestamp 9223372036854775807 seconds from 1970 is out of range",
    ),
    (
        raw(0, -1),
        "timestamp has -1 nanoseconds: keep them between 0 and 999999999",
    ),
    (raw(-1, -1), "timestamp has -1 nanoseconds"),
    (
        raw(0, 1_000_000_000),
        "timestamp has 1000000000 nanoseconds",
    ),
    (raw(0, i32::MIN), "timestamp has -2147483648 nanoseconds"),
];

#[test]
fn prints_the_shortest_exact_form() {
    for (timestamp, text) in [
        (raw(0, 0), "1970-01-01T00:00:00Z"),
        (raw(-1, 0), "1969-12-31T23:59:59Z"),
        (raw(-1, 500_000_000), "1969-12-31T23:59:59.500Z"),
        (raw(0, 10_000_000), "1970-01-01T00:00:00.010Z"),
        (raw(0, 10_000), "1970-01-01T00:00:00.000010Z"),
        (raw(0, 1), "1970-01-01T00:00:00.000000001Z"),
        (raw(951_782_400, 0), "2000-02-29T00:00:00Z"),
        (raw(951_868_800, 0), "2000-03-01T00:00:00Z"),
        (raw(1_795_426_200, 0), "2026-11-23T09:30:00Z"),
        (raw(-2_203_891_200, 0), "1900-03-01T00:00:00Z"),
        (Timestamp::MIN, "0001-01-01T00:00:00Z"),
        (Timestamp::MAX, "9999-12-31T23:59:59.999999999Z"),
    ] {
        assert_eq!(timestamp.to_string(), text);
        assert_eq!(
            serde_json::to_string(&timestamp).unwrap(),
            format!("{text:?}")
        );
        assert_eq!(text.parse(), Ok(timestamp));
    }
    assert_eq!(format!("{:>22}|", raw(0, 0)), "  1970-01-01T00:00:00Z|");
}

#[test]
fn reads_every_allowed_form() {
    for (text, timestamp) in [
        ("1970-01-01T00:00:00.1Z", raw(0, 100_000_000)),
        ("1970-01-01T00:00:00.12345678Z", raw(0, 123_456_780)),
        ("1970-01-01T00:00:00.000000000Z", raw(0, 0)),
        ("1970-01-01T08:00:01+08:00", raw(1, 0)),
        ("1969-12-31T16:00:01-08:00", raw(1, 0)),
        ("1970-01-01T00:00:00+00:00", raw(0, 0)),
        ("1970-01-01T00:00:00-00:00", raw(0, 0)),
        ("1970-01-01T05:45:00.5+05:45", raw(0, 500_000_000)),
        ("1970-01-01T23:59:00+23:59", raw(0, 0)),
        // Out of range as written, in range once the offset is taken off.
        ("0000-12-31T23:00:00-01:00", Timestamp::MIN),
        ("9999-12-31T23:59:59.999999999Z", Timestamp::MAX),
        ("0001-01-01T01:00:00+01:00", Timestamp::MIN),
    ] {
        assert_eq!(text.parse(), Ok(timestamp), "{text}");
        let json = format!("{text:?}");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), timestamp);
    }
    let escaped = r#""1970-01-01T00:00:00\u005a""#;
    assert_eq!(
        serde_json::from_str::<Timestamp>(escaped).unwrap(),
        raw(0, 0)
    );
    assert_eq!(
        serde_json::from_str::<Option<Timestamp>>("null").unwrap(),
        None
    );
}

#[test]
fn refuses_every_other_form() {
    for text in [
        "",
        "Z",
        "1970",
        "1970-01-01",
        "1970-01-01T00:00Z",
        "1970-01-01T00:00:00",
        "1970-01-01t00:00:00Z",
        "1970-01-01T00:00:00z",
        "1970-01-01 00:00:00Z",
        "1970-01-01T00:00:00 Z",
        " 1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z ",
        "1970-01-01T00:00:00ZZ",
        "1970-01-01T00:00:00Z+00:00",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00,5Z",
        "1970-01-01T00:00:00.1234567890Z",
        "1970-01-01T00:00:00.+5Z",
        "1970-01-01T00:00:00.5",
        "1970-01-01T00:00:00+0800",
        "1970-01-01T00:00:00+08",
        "1970-01-01T00:00:00+8:00",
        "1970-01-01T00:00:00+08:0",
        "1970-01-01T00:00:00+08:00:00",
        "1970-01-01T00:00:00+-8:00",
        "1970-01-01T00:00:00+0a:00",
        "1970-01-01T00:00:00±08:00",
        "70-01-01T00:00:00Z",
        "01970-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "+1970-01-01T00:00:00Z",
        "1970-1-01T00:00:00Z",
        "1970/01/01T00:00:00Z",
        "1970-01-01T00.00.00Z",
        "1970-01-01T0:00:00Z",
        "1970-01-01T00:00:+1Z",
        "19700101T000000Z",
        "1970-W01-4T00:00:00Z",
        "197٣-01-01T00:00:00Z",
        "0",
        "1970-01-01T00:00:00Z\0",
    ] {
        let error = text.parse::<Timestamp>().unwrap_err();
        assert_eq!(
            error,
            TimestampError::Malformed {
                text: text.to_owned()
            }
        );
        let json = serde_json::to_string(text).unwrap();
        let json_error = serde_json::from_str::<Timestamp>(&json).unwrap_err();
        assert!(
            json_error.to_string().starts_with(&error.to_string()),
            "{json_error}"
        );
    }
    assert_eq!(
        "now".parse::<Timestamp>().unwrap_err().to_string(),
        r#"timestamp "now" is not RFC 3339: write it like "2026-11-23T09:30:00Z" or "2026-11-23T10:30:00.25+01:00""#
    );
    for json in ["5", "5.5", "null", "true", "{}", "[]", r#"{"seconds":5}"#] {
        let error = serde_json::from_str::<Timestamp>(json)
            .unwrap_err()
            .to_string();
        assert!(error.contains("expected an RFC 3339 timestamp"), "{error}");
    }
}

#[test]
fn refuses_times_that_do_not_exist() {
    for text in [
        "1970-00-01T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2000-02-30T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:60Z",
        "1990-12-31T23:59:60Z",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00-00:60",
        "9999-99-99T99:99:99Z",
    ] {
        let error = text.parse::<Timestamp>().unwrap_err();
        assert_eq!(
            error,
            TimestampError::Nonexistent {
                text: text.to_owned()
            }
        );
        assert!(
            error
                .to_string()
                .starts_with(&format!("timestamp {text:?} does not exist: check"))
        );
    }
}

#[test]
fn refuses_text_out_of_range() {
    for text in [
        "0000-01-01T00:00:00Z",
        "0000-12-31T23:59:59.999999999Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ] {
        assert_eq!(
            text.parse::<Timestamp>(),
            Err(TimestampError::OutOfRange {
                value: text.to_owned()
            })
        );
    }
}

#[test]
fn an_error_is_small_whatever_the_input_was() {
    let error = "é"
        .repeat(1 << 20)
        .parse::<Timestamp>()
        .unwrap_err()
        .to_string();
    assert!(error.len() < 400 && error.contains('…'), "{error}");
}

/// Counts the days of the calendar one month after the other, and asks for the first and the last
/// day of each.
#[test]
fn knows_every_month_of_the_calendar() {
    let mut seconds = Timestamp::MIN_SECONDS;
    for year in 1..=9999 {
        let leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
        let february = if leap { 29 } else { 28 };
        let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, days) in (1..).zip(months) {
            let first = format!("{year:04}-{month:02}-01T00:00:00Z");
            assert_eq!(raw(seconds, 0).to_string(), first);
            assert_eq!(first.parse(), Ok(raw(seconds, 0)));
            seconds += days * 86_400;
            let last = format!("{year:04}-{month:02}-{days}T23:59:59Z");
            assert_eq!(raw(seconds - 1, 0).to_string(), last);
            assert_eq!(last.parse(), Ok(raw(seconds - 1, 0)));
        }
    }
    assert_eq!(seconds - 1, Timestamp::MAX_SECONDS);
}

#[test]
fn an_invalid_timestamp_decodes_but_goes_nowhere() {
    for &(timestamp, message) in INVALID {
        assert!(!timestamp.is_valid());
        let decoded = Timestamp::decode(timestamp.encode_to_vec().as_slice()).unwrap();
        assert_eq!(decoded, timestamp);

        let error = Timestamp::new(timestamp.seconds, timestamp.nanos).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(
            serde_json::to_string(&timestamp).unwrap_err().to_string(),
            error.to_string()
        );
        assert_eq!(SystemTime::try_from(timestamp), Err(error.clone()));
        assert_eq!(
            prost_types::Timestamp::try_from(timestamp),
            Err(error.clone())
        );
        let Timestamp { seconds, nanos } = timestamp;
        let stock = prost_types::Timestamp { seconds, nanos };
        assert_eq!(Timestamp::try_from(stock), Err(error));
        assert_eq!(
            timestamp.to_string(),
            format!("invalid timestamp ({seconds} seconds, {nanos} nanoseconds)")
        );
    }
}

#[test]
fn converts_to_and_from_the_standard_library() {
    let epoch = SystemTime::UNIX_EPOCH;
    for (timestamp, time) in [
        (raw(0, 0), epoch),
        (raw(1, 100), epoch + StdDuration::new(1, 100)),
        (raw(-1, 0), epoch - StdDuration::new(1, 0)),
        (raw(-1, 999_999_900), epoch - StdDuration::new(0, 100)),
        (raw(-2, 999_999_900), epoch - StdDuration::new(1, 100)),
    ] {
        assert_eq!(SystemTime::try_from(timestamp), Ok(time));
        assert_eq!(Timestamp::try_from(time), Ok(timestamp));
    }
    for (seconds, text) in [
        (
            253_402_300_800,
            "timestamp 253402300800 seconds from 1970 is out of range",
        ),
        (
            i64::MAX.unsigned_abs(),
            "timestamp 9223372036854775807 seconds from 1970 is out of range",
        ),
    ] {
        if let Some(time) = epoch.checked_add(StdDuration::from_secs(seconds)) {
            let error = Timestamp::try_from(time).unwrap_err();
            assert!(error.to_string().starts_with(text), "{error}");
        }
    }
    // The earliest time that a Unix clock can hold.
    if let Some(time) = epoch.checked_sub(StdDuration::from_secs(1 << 63)) {
        let error = Timestamp::try_from(time).unwrap_err();
        assert!(
            matches!(error, TimestampError::OutOfRange { .. }),
            "{error}"
        );
    }
}

#[test]
fn is_named_as_any_needs_it() {
    assert_eq!(Timestamp::full_name(), "google.protobuf.Timestamp");
    assert_eq!(
        Timestamp::type_url(),
        "type.googleapis.com/google.protobuf.Timestamp"
    );
}

fn valid() -> impl Strategy<Value = Timestamp> {
    let nanos = prop_oneof![
        Just(0),
        (0..1000).prop_map(|millis| millis * 1_000_000),
        (0..1_000_000).prop_map(|micros| micros * 1000),
        0..1_000_000_000,
    ];
    let seconds = prop_oneof![-3..3_i64, Timestamp::MIN_SECONDS..=Timestamp::MAX_SECONDS];
    (seconds, nanos).prop_map(|(seconds, nanos)| raw(seconds, nanos))
}

fn anything() -> impl Strategy<Value = Timestamp> {
    let seconds = prop_oneof![
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
        Timestamp::MAX_SECONDS - 1..Timestamp::MAX_SECONDS + 2,
        Timestamp::MIN_SECONDS - 1..Timestamp::MIN_SECONDS + 2,
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
    fn valid_ones_survive_json_binary_and_conversion(timestamp in valid()) {
        prop_assert!(timestamp.is_valid());
        let json = serde_json::to_string(&timestamp).unwrap();
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), timestamp);
        let bytes = timestamp.encode_to_vec();
        prop_assert_eq!(Timestamp::decode(bytes.as_slice()).unwrap(), timestamp);

        let stock = prost_types::Timestamp::try_from(timestamp).unwrap();
        prop_assert_eq!(stock.encode_to_vec(), bytes);
        prop_assert_eq!(stock.to_string(), timestamp.to_string());
        prop_assert_eq!(Timestamp::try_from(stock).unwrap(), timestamp);
    }

    #[cfg(unix)]
    #[test]
    fn valid_ones_survive_the_system_clock(timestamp in valid()) {
        let time = SystemTime::try_from(timestamp).unwrap();
        prop_assert_eq!(Timestamp::try_from(time).unwrap(), timestamp);
    }

    #[test]
    fn an_offset_names_the_same_time(
        timestamp in -62_135_500_000..253_402_200_000_i64,
        hour in 0..24_i64,
        minute in 0..60_i64,
        west: bool,
    ) {
        let (sign, direction) = if west { ('-', -1) } else { ('+', 1) };
        let local = raw(timestamp + direction * (hour * 3600 + minute * 60), 0).to_string();
        let text = format!("{}{sign}{hour:02}:{minute:02}", local.trim_end_matches('Z'));
        prop_assert_eq!(text.parse(), Ok(raw(timestamp, 0)));
    }

    #[test]
    fn any_fields_are_either_valid_everywhere_or_nowhere(timestamp in anything()) {
        let valid = timestamp >= Timestamp::MIN
            && timestamp <= Timestamp::MAX
            && (0..1_000_000_000).contains(&timestamp.nanos);
        prop_assert_eq!(timestamp.is_valid(), valid);
        prop_assert_eq!(serde_json::to_string(&timestamp).is_ok(), valid);
        prop_assert_eq!(prost_types::Timestamp::try_from(timestamp).is_ok(), valid);
        prop_assert_eq!(timestamp.to_string().parse() == Ok(timestamp), valid);
        if !valid {
            prop_assert!(SystemTime::try_from(timestamp).is_err());
        }
    }

    #[test]
    fn any_text_gives_a_valid_timestamp_or_an_error(
        text in prop_oneof![
            any::<String>(),
            "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9]{0,10})?(Z|[-+][0-2][0-9]:[0-6][0-9])",
            "[0-9]{4}.[0-9]{2}.[0-9]{2}.[0-9]{2}.[0-9]{2}.[0-9]{2}.{0,3}",
        ],
    ) {
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            prop_assert!(timestamp.is_valid());
            prop_assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        }
    }

    #[test]
    fn any_bytes_decode_to_something_harmless(bytes: Vec<u8>) {
        if let Ok(timestamp) = Timestamp::decode(bytes.as_slice()) {
            prop_assert_eq!(serde_json::to_string(&timestamp).is_ok(), timestamp.is_valid());
        }
    }
}
