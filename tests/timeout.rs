//! `PrebuildTimeout`: its bounds, its text and its errors.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use prebuilds::timeout::{PrebuildTimeout, PrebuildTimeoutError};
use proptest::prelude::*;

fn parse_error(text: &str) -> String {
    text.parse::<PrebuildTimeout>().unwrap_err().to_string()
}

#[test]
fn reads_what_people_and_protobuf_write() {
    for (text, millis, shown) in [
        ("45m", 2_700_000, "45m"),
        ("2h", 7_200_000, "2h"),
        ("300s", 300_000, "5m"),
        ("1h30m", 5_400_000, "1h30m"),
        ("3600s", 3_600_000, "1h"),
        ("3600.5s", 3_600_500, "1h0m0.5s"),
        ("3600.500s", 3_600_500, "1h0m0.5s"),
        ("+3600s", 3_600_000, "1h"),
        ("5m0.5s", 300_500, "5m0.5s"),
        ("5m1s", 301_000, "5m1s"),
        ("1h1s", 3_601_000, "1h0m1s"),
        ("1h0m1s", 3_601_000, "1h0m1s"),
        ("1h59m59.999s", 7_199_999, "1h59m59.999s"),
        ("0h5m", 300_000, "5m"),
        ("90m", 5_400_000, "1h30m"),
        ("007m", 420_000, "7m"),
        ("4m60s", 300_000, "5m"),
    ] {
        let timeout: PrebuildTimeout = text.parse().unwrap();
        assert_eq!(timeout.get(), Duration::from_millis(millis), "{text}");
        assert_eq!(timeout.to_string(), shown, "{text}");
        assert_eq!(shown.parse(), Ok(timeout));
    }
}

#[test]
fn refuses_what_is_not_a_duration() {
    for text in [
        "",
        "abc",
        "45",
        "3600",
        "h",
        "m",
        "s",
        "hm",
        "1h30",
        "30m1h",
        "1m1m",
        "1h1h",
        "1s1m",
        "1.5h",
        "1.5m",
        "-45m",
        "+45m",
        "1h-5m",
        "1h+30m",
        "5m+1s",
        "5m-1s",
        "1h30m.5s",
        "1h30ms",
        "1h 30m",
        " 45m",
        "45m ",
        "45M",
        "2H",
        "45min",
        "2 h",
        "1d",
        "500ms",
        "5m0.1234567890s",
        "٤m",
        "45m\0",
        "--3600s",
        "1.+5s",
    ] {
        assert_eq!(
            parse_error(text),
            format!("timeout {text:?} is not a duration: write it like 45m, 2h or 3600s")
        );
    }
    let long = parse_error(&"m".repeat(1 << 20));
    assert!(long.len() < 400 && long.contains('…'), "{long}");
}

#[test]
fn names_value_and_bound() {
    for (text, message) in [
        ("4m59s", "timeout 4m59s is below the minimum of 5m"),
        ("299s", "timeout 4m59s is below the minimum of 5m"),
        (
            "299.999999999s",
            "timeout 4m59.999999999s is below the minimum of 5m",
        ),
        ("4s", "timeout 4s is below the minimum of 5m"),
        ("0.5s", "timeout 0.5s is below the minimum of 5m"),
        ("0s", "timeout 0s is below the minimum of 5m"),
        ("0h0m", "timeout 0s is below the minimum of 5m"),
        ("-3600s", "timeout -3600s is below the minimum of 5m"),
        ("-0.5s", "timeout -0.500s is below the minimum of 5m"),
        (
            "-999999999999999s",
            "timeout -999999999999999s is below the minimum of 5m",
        ),
        ("2h0m1s", "timeout 2h0m1s is above the maximum of 2h"),
        ("7201s", "timeout 2h0m1s is above the maximum of 2h"),
        (
            "2h0.000000001s",
            "timeout 2h0m0.000000001s is above the maximum of 2h",
        ),
        ("3h", "timeout 3h is above the maximum of 2h"),
        (
            "999999999999999s",
            "timeout 999999999999999s is above the maximum of 2h",
        ),
        (
            "99999999999999999999h",
            "timeout 99999999999999999999h is above the maximum of 2h",
        ),
        (
            "99999999999999999999m",
            "timeout 99999999999999999999m is above the maximum of 2h",
        ),
        (
            "5124095576030431h16s",
            "timeout 5124095576030431h16s is above the maximum of 2h",
        ),
        (
            "5124095576030431h99m",
            "timeout 5124095576030431h99m is above the maximum of 2h",
        ),
        (
            "1h999999999999999s",
            "timeout 1h999999999999999s is above the maximum of 2h",
        ),
    ] {
        assert_eq!(parse_error(text), message);
    }
}

#[test]
fn both_bounds_are_allowed() {
    for (timeout, seconds, text) in [
        (PrebuildTimeout::MIN, 300, "5m"),
        (PrebuildTimeout::DEFAULT, 3600, "1h"),
        (PrebuildTimeout::MAX, 7200, "2h"),
    ] {
        let duration = Duration::from_secs(seconds);
        assert_eq!(PrebuildTimeout::new(duration), Ok(timeout));
        assert_eq!(PrebuildTimeout::try_from(duration), Ok(timeout));
        assert_eq!(timeout.to_string(), text);
    }
    for (duration, message) in [
        (Duration::ZERO, "timeout 0s is below the minimum of 5m"),
        (
            Duration::new(299, 999_999_999),
            "timeout 4m59.999999999s is below the minimum of 5m",
        ),
        (
            Duration::new(7200, 1),
            "timeout 2h0m0.000000001s is above the maximum of 2h",
        ),
        (
            Duration::MAX,
            "timeout 5124095576030431h0m15.999999999s is above the maximum of 2h",
        ),
    ] {
        assert_eq!(
            PrebuildTimeout::new(duration).unwrap_err().to_string(),
            message
        );
    }
}

#[test]
fn takes_what_a_request_carries() {
    assert_eq!(
        PrebuildTimeout::from_spec(None),
        Ok(PrebuildTimeout::default())
    );
    assert_eq!(PrebuildTimeout::default(), PrebuildTimeout::DEFAULT);

    let of = |seconds, nanos| {
        let duration = pbjson_wkt::Duration { seconds, nanos };
        let timeout = PrebuildTimeout::from_spec(Some(&duration));
        assert_eq!(timeout, PrebuildTimeout::try_from(duration));
        timeout
    };
    assert_eq!(of(300, 0), Ok(PrebuildTimeout::MIN));
    assert_eq!(of(7200, 0), Ok(PrebuildTimeout::MAX));
    for (seconds, nanos, message) in [
        (0, 0, "timeout 0s is below the minimum of 5m"),
        (299, 0, "timeout 4m59s is below the minimum of 5m"),
        (7201, 0, "timeout 2h0m1s is above the maximum of 2h"),
        (
            -1,
            -500_000_000,
            "timeout -1.500s is below the minimum of 5m",
        ),
        (
            i64::MIN,
            0,
            "timeout -9223372036854775808s is below the minimum of 5m",
        ),
        (
            i64::MAX,
            i32::MAX,
            "timeout 9223372036854775807s is above the maximum of 2h",
        ),
        (
            600,
            -1,
            "timeout is not valid: duration has 600 seconds and -1 nanoseconds: give both the same sign",
        ),
    ] {
        assert_eq!(of(seconds, nanos).unwrap_err().to_string(), message);
    }
    assert!(matches!(
        of(600, i32::MIN),
        Err(PrebuildTimeoutError::Invalid(_))
    ));
}

proptest! {
    #[test]
    fn every_timeout_survives_text_and_wire(
        seconds in 300..7200_u64,
        nanos in prop_oneof![Just(0), (0..1000_u32).prop_map(|millis| millis * 1_000_000), 0..1_000_000_000_u32],
    ) {
        let duration = Duration::new(seconds, nanos);
        let timeout = PrebuildTimeout::new(duration).unwrap();
        prop_assert_eq!(timeout.to_string().parse(), Ok(timeout));
        let wire = pbjson_wkt::Duration::from(timeout);
        prop_assert!(wire.is_valid());
        prop_assert_eq!(wire.to_string().parse(), Ok(timeout));
        prop_assert_eq!(PrebuildTimeout::from_spec(Some(&wire)), Ok(timeout));
        prop_assert_eq!(Duration::from(timeout), duration);
    }

    #[test]
    fn nothing_outside_the_bounds_gets_in(seconds: i64, nanos: i32, near in 0..10_000_i64) {
        for seconds in [seconds, near] {
            let wire = pbjson_wkt::Duration { seconds, nanos };
            let inside = wire.is_valid()
                && wire >= PrebuildTimeout::MIN.into()
                && wire <= PrebuildTimeout::MAX.into();
            prop_assert_eq!(PrebuildTimeout::try_from(wire).is_ok(), inside);
        }
    }

    #[test]
    fn any_text_gives_a_timeout_or_an_error(
        text in prop_oneof![any::<String>(), "[-+]?([0-9]{0,20}h)?([0-9]{0,20}m)?([0-9]{0,20}[.]?[0-9]{0,10}s)?"],
    ) {
        if let Ok(timeout) = text.parse::<PrebuildTimeout>() {
            prop_assert!((PrebuildTimeout::MIN..=PrebuildTimeout::MAX).contains(&timeout));
            prop_assert_eq!(timeout.to_string().parse(), Ok(timeout));
        }
    }
}
