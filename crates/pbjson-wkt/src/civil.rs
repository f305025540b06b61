//! The proleptic Gregorian calendar, as days since 1970-01-01.
//!
//! Years are counted from March, so that the leap day is the last of its year and the lengths of
//! the months before it repeat every five months (31, 30, 31, 30, 31: 153 days). The calendar
//! repeats every 400 years.

pub(crate) const SECONDS_PER_DAY: i64 = 86_400;
/// Days in 400 years, 97 of them leap years.
const DAYS_PER_CYCLE: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

/// A day of the calendar: month 1 to 12, day 1 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

impl Date {
    /// Whether this day is in the calendar.
    pub(crate) fn exists(self) -> bool {
        (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
    }

    /// Days from 1970-01-01 to this day, which must exist.
    pub(crate) fn days_since_epoch(self) -> i64 {
        let (year, month) = if self.month > 2 {
            (self.year, self.month - 3)
        } else {
            (self.year - 1, self.month + 9)
        };
        let year_of_cycle = year.rem_euclid(400);
        let day_of_year = (153 * month + 2) / 5 + self.day - 1;
        let leap_days = year_of_cycle / 4 - year_of_cycle / 100;
        year.div_euclid(400) * DAYS_PER_CYCLE + year_of_cycle * 365 + leap_days + day_of_year
            - EPOCH
    }

    /// The day that lies `days` after 1970-01-01, which must not be before 0000-03-01.
    pub(crate) fn from_days_since_epoch(days: i64) -> Self {
        // Unsigned and short, for the sake of the divisions.
        let days = (days + EPOCH) as u32;
        let cycle = days / DAYS_PER_CYCLE as u32;
        let day_of_cycle = days % DAYS_PER_CYCLE as u32;
        // Taking the leap days that have passed off the count leaves years of 365 days: one every
        // 1,460 days, but not in each 100th year, and again in the 400th.
        let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524
            - day_of_cycle / 146_096)
            / 365;
        let day_of_year =
            day_of_cycle - (year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, next_year) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        Self {
            year: i64::from(cycle * 400 + year_of_cycle + next_year),
            month: month.into(),
            day: day.into(),
        }
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
