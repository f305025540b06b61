//! Conversions to and from jiff, chrono and prost-types, to the ends of their ranges.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use pbjson_wkt::{
    Any, Duration, DurationError, FieldMask, Struct, Timestamp, TimestampError, Value,
};
use proptest::prelude::*;
use prost::Message as _;

type Chrono = chrono::DateTime<chrono::Utc>;

#[test]
fn times_of_others_name_the_same_moment() {
    for text in [
        "1970-01-01T00:00:00Z",
        "2026-11-23T09:30:00.250Z",
        "1969-12-31T23:59:59.999999999Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00.000000001Z",
        "9999-12-30T21:59:59.999999999Z",
    ] {
        let timestamp: Timestamp = text.parse().unwrap();
        let jiff = jiff::Timestamp::try_from(timestamp).unwrap();
        assert_eq!(jiff, text.parse().unwrap());
        assert_eq!(Timestamp::try_from(jiff), Ok(timestamp));
        let chrono = Chrono::try_from(timestamp).unwrap();
        assert_eq!(chrono.timestamp(), timestamp.seconds);
        assert_eq!(
            i64::from(chrono.timestamp_subsec_nanos()),
            i64::from(timestamp.nanos)
        );
        assert_eq!(Timestamp::try_from(chrono), Ok(timestamp));
    }
    let east = chrono::FixedOffset::east_opt(3600).unwrap();
    let local = Chrono::from_timestamp(0, 0).unwrap().with_timezone(&east);
    assert_eq!(Timestamp::try_from(local), Ok(Timestamp::default()));
}

#[test]
fn times_beyond_the_other_range_are_refused() {
    let timestamp = Timestamp::MAX;
    assert_eq!(
        jiff::Timestamp::try_from(timestamp),
        Err(TimestampError::Unrepresentable { timestamp })
    );
    assert_eq!(
        Timestamp::try_from(Chrono::try_from(timestamp).unwrap()),
        Ok(timestamp)
    );
    for early in [
        Chrono::MIN_UTC,
        Chrono::from_timestamp(-62_135_596_801, 0).unwrap(),
    ] {
        assert!(matches!(
            Timestamp::try_from(early),
            Err(TimestampError::OutOfRange { .. })
        ));
    }
    assert!(matches!(
        Timestamp::try_from(Chrono::MAX_UTC),
        Err(TimestampError::OutOfRange { .. })
    ));
    for early in ["-009999-01-02T02:00:00Z", "0000-12-31T23:59:59.999999999Z"] {
        let early: jiff::Timestamp = early.parse().unwrap();
        assert!(matches!(
            Timestamp::try_from(early),
            Err(TimestampError::OutOfRange { .. })
        ));
    }
    // 2016-12-31T23:59:60.5Z, as chrono holds it.
    let leap = Chrono::from_timestamp(1_483_228_799, 1_500_000_000).unwrap();
    assert_eq!(
        Timestamp::try_from(leap),
        Err(TimestampError::NanosOutOfRange {
            nanos: 1_500_000_000
        })
    );
}

#[test]
fn durations_beyond_the_range_are_refused() {
    for duration in [jiff::SignedDuration::MAX, jiff::SignedDuration::MIN] {
        assert!(matches!(
            Duration::try_from(duration),
            Err(DurationError::OutOfRange { .. })
        ));
    }
    for delta in [chrono::TimeDelta::MAX, chrono::TimeDelta::MIN] {
        assert!(matches!(
            Duration::try_from(delta),
            Err(DurationError::OutOfRange { .. })
        ));
    }
}

#[test]
fn invalid_fields_are_never_passed_on() {
    for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, i32::MIN), (0, i32::MAX)] {
        let (timestamp, duration) = (Timestamp { seconds, nanos }, Duration { seconds, nanos });
        assert!(jiff::Timestamp::try_from(timestamp).is_err());
        assert!(Chrono::try_from(timestamp).is_err());
        assert!(prost_types::Timestamp::try_from(timestamp).is_err());
        assert!(jiff::SignedDuration::try_from(duration).is_err());
        assert!(chrono::TimeDelta::try_from(duration).is_err());
        assert!(prost_types::Duration::try_from(duration).is_err());
    }
    assert!(
        jiff::SignedDuration::try_from(Duration {
            seconds: 1,
            nanos: -1
        })
        .is_err()
    );
    assert!(
        chrono::TimeDelta::try_from(Duration {
            seconds: -1,
            nanos: 1
        })
        .is_err()
    );
}

#[test]
fn prost_types_are_the_same_on_the_wire() {
    let any = Any::pack(&Duration::new(1, 2).unwrap());
    let stock = prost_types::Any::from(any.clone());
    assert_eq!(stock.encode_to_vec(), any.encode_to_vec());
    assert_eq!(Any::from(stock), any);

    let mask = FieldMask::new(["a_b", "c"]).unwrap();
    let stock = prost_types::FieldMask::from(mask.clone());
    assert_eq!(stock.encode_to_vec(), mask.encode_to_vec());
    assert_eq!(FieldMask::from(stock), mask);

    let object = Struct::from_iter([
        ("null", Value::NULL),
        ("number", Value::from(7)),
        (
            "list",
            Value::from_iter([Value::from("s"), Value::from(false), Value::default()]),
        ),
        ("object", Struct::from_iter([("k", Value::NULL)]).into()),
    ]);
    let stock = prost_types::Struct::from(object.clone());
    assert_eq!(stock.encode_to_vec(), object.encode_to_vec());
    assert_eq!(Struct::from(stock), object);
}

proptest! {
    #[test]
    fn every_duration_survives(seconds in -315_576_000_000..=315_576_000_000_i64, nanos in 0..1_000_000_000_i32) {
        let duration = Duration::new(seconds, if seconds < 0 { -nanos } else { nanos }).unwrap();
        let jiff = jiff::SignedDuration::try_from(duration).unwrap();
        prop_assert_eq!(Duration::try_from(jiff), Ok(duration));
        let chrono = chrono::TimeDelta::try_from(duration).unwrap();
        prop_assert_eq!(chrono.num_seconds(), duration.seconds);
        prop_assert_eq!(Duration::try_from(chrono), Ok(duration));
    }

    #[test]
    fn every_timestamp_survives(seconds in -62_135_596_800..=253_402_300_799_i64, nanos in 0..1_000_000_000_i32) {
        let timestamp = Timestamp::new(seconds, nanos).unwrap();
        let chrono = Chrono::try_from(timestamp).unwrap();
        prop_assert_eq!(Timestamp::try_from(chrono), Ok(timestamp));
        if let Ok(jiff) = jiff::Timestamp::try_from(timestamp) {
            prop_assert_eq!(Timestamp::try_from(jiff), Ok(timestamp));
        }
    }
}
