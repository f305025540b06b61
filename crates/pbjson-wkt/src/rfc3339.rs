//! Reading RFC 3339, as strictly as ProtoJSON wants it: upper-case `T` and `Z`, a full time of day,
//! `Z` or an offset in hours and minutes, no leap seconds.

use crate::civil::{Date, SECONDS_PER_DAY};
use crate::decimal::{number, split_fraction};

/// What an RFC 3339 text says, field by field.
pub(crate) struct Fields {
    date: Date,
    hour: i64,
    minute: i64,
    second: i64,
    pub(crate) nanos: i32,
    /// 1 east of Greenwich and for `Z`, -1 west of it.
    offset_sign: i64,
    offset_hour: i64,
    offset_minute: i64,
}

impl Fields {
    /// Reads `text`, or returns `None` when a separator or a digit is not in its place.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let (date_time, rest) = text.split_first_chunk::<19>()?;
        let separators = [4, 7, 10, 13, 16].map(|index| date_time[index]);
        if separators != *b"--T::" {
            return None;
        }
        let (nanos, zone) = split_fraction(rest)?;
        let (offset_sign, offset_hour, offset_minute) = match zone {
            [b'Z'] => (1, 0, 0),
            [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => (
                if *sign == b'-' { -1 } else { 1 },
                field(&[*h0, *h1])?,
                field(&[*m0, *m1])?,
            ),
            _ => return None,
        };
        Some(Self {
            date: Date {
                year: field(&date_time[0..4])?,
                month: field(&date_time[5..7])?,
                day: field(&date_time[8..10])?,
            },
            hour: field(&date_time[11..13])?,
            minute: field(&date_time[14..16])?,
            second: field(&date_time[17..19])?,
            nanos,
            offset_sign,
            offset_hour,
            offset_minute,
        })
    }

    /// Whether the day is in the calendar, and time of day and offset are in range.
    pub(crate) fn exist(&self) -> bool {
        self.date.exists()
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
            && self.offset_hour < 24
            && self.offset_minute < 60
    }

    /// Seconds from 1970-01-01T00:00:00Z to this time, which must exist.
    pub(crate) fn seconds_since_epoch(&self) -> i64 {
        let local = self.date.days_since_epoch() * SECONDS_PER_DAY
            + self.hour * 3_600
            + self.minute * 60
            + self.second;
        local - self.offset_sign * (self.offset_hour * 3_600 + self.offset_minute * 60)
    }
}

/// The value of a field of two or four digits.
fn field(digits: &[u8]) -> Option<i64> {
    if digits.iter().all(u8::is_ascii_digit) {
        i64::try_from(number(digits)).ok()
    } else {
        None
    }
}
