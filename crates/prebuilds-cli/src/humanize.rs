//! Quantities as people read them: how long ago, how long it took, how large. And text of others
//! made safe to show.

use std::time::{Duration, SystemTime};

/// A length of time in its two largest units: `45s`, `12m 5s`, `3h 20m`, `2d 4h`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if days > 0 {
        pair(days, "d", hours % 24, "h")
    } else if hours > 0 {
        pair(hours, "h", minutes % 60, "m")
    } else if minutes > 0 {
        pair(minutes, "m", seconds % 60, "s")
    } else {
        format!("{seconds}s")
    }
}

fn pair(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit} {small}{small_unit}")
    }
}

/// A moment of the wire; `None` when there is none, or none that a clock of ours could show.
pub(crate) fn moment<T>(timestamp: Option<T>) -> Option<SystemTime>
where
    SystemTime: TryFrom<T>,
{
    SystemTime::try_from(timestamp?).ok()
}

/// How long ago a moment is, `just now` when it lies ahead of this machine's clock; empty when it
/// is not known.
pub(crate) fn age(moment: Option<SystemTime>) -> String {
    let Some(moment) = moment else {
        return String::new();
    };
    match SystemTime::now().duration_since(moment) {
        Ok(age) if age.as_secs() > 0 => format!("{} ago", duration(age)),
        _ => "just now".to_owned(),
    }
}

/// How much time lies between two moments; empty when one is not known.
pub(crate) fn between(from: Option<SystemTime>, to: Option<SystemTime>) -> String {
    let (Some(from), Some(to)) = (from, to) else {
        return String::new();
    };
    let took = to.duration_since(from).unwrap_or_default();
    if took < Duration::from_secs(10) {
        format!("{:.1}s", took.as_secs_f64())
    } else {
        duration(took)
    }
}

/// A size in the largest unit of which there is at least one: `512 B`, `1.5 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        // What would be shown as 1024.0 belongs to the next unit.
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// Text that a stranger may have written, on one line and without the characters that steer a
/// terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_at_most_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (725, "12m 5s"),
            (3_600, "1h"),
            (12_005, "3h 20m"),
            (86_400, "1d"),
            (187_261, "2d 4h"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn sizes_change_their_unit_before_they_need_a_fifth_digit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_572_864, "1.5 MiB"),
            (1_048_575, "1.0 MiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn times_that_are_not_known_are_empty_and_never_negative() {
        let now = SystemTime::now();
        let later = now + Duration::from_secs(3_600);
        assert_eq!(age(None), "");
        assert_eq!(age(Some(later)), "just now");
        assert_eq!(age(Some(now - Duration::from_secs(7_200))), "2h ago");
        assert_eq!(between(Some(now), None), "");
        assert_eq!(between(Some(later), Some(now)), "0.0s");
        assert_eq!(between(Some(now), Some(later)), "1h");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(one_line("a\x1b[31mb\r\nc\n"), "a [31mb c");
    }
}
