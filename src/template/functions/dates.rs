//! Dates: the present, layouts, zones, durations, and the methods of times.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::layout;
use crate::template::call::{FunctionError, Nanoseconds, Scope, Table, Time};
use crate::template::number::format_duration;
use crate::template::value::{IntKind, Str, Value};

const SECOND: i64 = 1_000_000_000;

pub(super) fn register(table: &mut Table) {
    table.add_scoped("now", |scope: &mut dyn Scope| scope.host().now());
    table.add_scoped("date", |scope: &mut dyn Scope, layout: Str, date: Value| in_zone(scope, &layout, &date, "Local"));
    table.add_scoped("dateInZone", |scope: &mut dyn Scope, layout: Str, date: Value, zone: Str| {
        in_zone(scope, &layout, &date, &zone.shown())
    });
    table.alias("date_in_zone", "dateInZone");
    table.add_scoped("htmlDate", |scope: &mut dyn Scope, date: Value| in_zone(scope, &"2006-01-02".into(), &date, "Local"));
    table.add_scoped("htmlDateInZone", |scope: &mut dyn Scope, date: Value, zone: Str| {
        in_zone(scope, &"2006-01-02".into(), &date, &zone.shown())
    });
    table.add("dateModify", |by: Str, time: Time| match layout::parse_duration(&by.shown()) {
        Ok(duration) => add(&time.0, duration),
        Err(_) => Value::Time(time.0),
    });
    table.add("mustDateModify", |by: Str, time: Time| {
        layout::parse_duration(&by.shown()).map(|duration| add(&time.0, duration)).map_err(FunctionError::from)
    });
    table.alias("date_modify", "dateModify");
    table.alias("must_date_modify", "mustDateModify");
    table.add_scoped("toDate", |scope: &mut dyn Scope, layout: Str, text: Str| {
        layout::parse(&layout.shown(), &text.shown(), scope.host().now().time_zone()).unwrap_or_else(|_| layout::zero_time())
    });
    table.add_scoped("mustToDate", |scope: &mut dyn Scope, layout: Str, text: Str| {
        layout::parse(&layout.shown(), &text.shown(), scope.host().now().time_zone()).map_err(FunctionError::from)
    });
    table.add("unixEpoch", |time: Time| time.0.timestamp().as_second().to_string());
    table.add_scoped("ago", |scope: &mut dyn Scope, date: Value| {
        let now = scope.host().now();
        let nanoseconds = moment(&date).map_or(0, |time| since(&now, &time));
        format_duration(round(nanoseconds, SECOND))
    });
    table.add("duration", |seconds: Value| {
        let seconds = match &seconds {
            Value::String(text) => text.as_str().map_or(0, whole_seconds),
            Value::Int(number, IntKind::Int64) => *number,
            _ => 0i64,
        };
        format_duration(seconds.wrapping_mul(SECOND))
    });
    table.add_scoped("durationRound", |scope: &mut dyn Scope, duration: Value| {
        let nanoseconds = match &duration {
            Value::String(text) => text.as_str().and_then(|text| layout::parse_duration(text).ok()).unwrap_or(0),
            Value::Int(number, IntKind::Int64) => *number,
            Value::Time(time) => since(&scope.host().now(), time),
            _ => 0,
        };
        coarse(nanoseconds)
    });
    register_conversions(table);
    register_methods(table);
}

/// A number of seconds; what is too large becomes the largest that there is, what is no number 0.
fn whole_seconds(text: &str) -> i64 {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse::<i64>().unwrap_or_else(|error| match error.kind() {
        PosOverflow => i64::MAX,
        NegOverflow => i64::MIN,
        _ => 0,
    })
}

/// Helm 4's functions of durations.
fn register_conversions(table: &mut Table) {
    table.add("mustToDuration", |value: Value| to_duration(&value).map(Nanoseconds).map_err(FunctionError::from));
    for (name, unit) in [
        ("durationSeconds", SECOND),
        ("durationMinutes", 60 * SECOND),
        ("durationHours", 3600 * SECOND),
        ("durationDays", 24 * 3600 * SECOND),
        ("durationWeeks", 7 * 24 * 3600 * SECOND),
    ] {
        table.add(name, move |value: Value| to_duration(&value).map_or(0.0, |nanoseconds| units(nanoseconds, unit)));
    }
    for (name, unit) in [("durationMilliseconds", 1_000_000), ("durationMicroseconds", 1_000), ("durationNanoseconds", 1)] {
        table.add(name, move |value: Value| to_duration(&value).map_or(0, |nanoseconds| nanoseconds / unit));
    }
    table.add("durationRoundTo", |value: Value, unit: Value| Nanoseconds(by_unit(&value, &unit, round)));
    table.add("durationTruncateTo", |value: Value, unit: Value| {
        Nanoseconds(by_unit(&value, &unit, |nanoseconds, unit| if unit <= 0 { nanoseconds } else { nanoseconds - nanoseconds % unit }))
    });
}

fn by_unit(value: &Value, unit: &Value, operation: fn(i64, i64) -> i64) -> i64 {
    match (to_duration(value), to_duration(unit)) {
        (Ok(nanoseconds), Ok(unit)) => operation(nanoseconds, unit),
        _ => 0,
    }
}

/// Whole units and the fraction apart, as Go computes them, so that no digit is lost.
fn units(nanoseconds: i64, unit: i64) -> f64 {
    (nanoseconds / unit) as f64 + (nanoseconds % unit) as f64 / unit as f64
}

/// Text is a duration, or a number of seconds; numbers are seconds.
fn to_duration(value: &Value) -> Result<i64, String> {
    let seconds = |number: f64| {
        let nanoseconds = number * SECOND as f64;
        match nanoseconds.abs() < 9.3e18 {
            true => Ok(nanoseconds as i64),
            false => Err(format!("duration overflow: {number} seconds")),
        }
    };
    match value {
        Value::Duration(nanoseconds) => Ok(*nanoseconds),
        Value::Int(number, _) => number.checked_mul(SECOND).ok_or_else(|| format!("duration overflow: {number} seconds")),
        Value::Float(number) => seconds(*number),
        Value::String(text) => {
            let text = text.shown();
            let text = text.trim();
            match text.parse::<f64>() {
                Ok(number) if number.is_finite() => seconds(number),
                _ => layout::parse_duration(text)
                    .map_err(|error| format!("cannot parse duration {}: {error}", crate::template::format::quote(text))),
            }
        }
        other => Err(format!("unsupported type {} for duration", other.type_name())),
    }
}

fn register_methods(table: &mut Table) {
    const TIME: &str = "time.Time";
    table.method(TIME, "Unix", |time: Time| time.0.timestamp().as_second());
    table.method(TIME, "UnixMilli", |time: Time| time.0.timestamp().as_millisecond());
    table.method(TIME, "UnixMicro", |time: Time| time.0.timestamp().as_microsecond());
    table.method(TIME, "UnixNano", |time: Time| time.0.timestamp().as_nanosecond() as i64);
    table.method(TIME, "Year", |time: Time| time.0.year() as isize);
    table.method(TIME, "Month", |time: Time| layout::month_name(time.0.month()));
    table.method(TIME, "Day", |time: Time| time.0.day() as isize);
    table.method(TIME, "YearDay", |time: Time| time.0.day_of_year() as isize);
    table.method(TIME, "Weekday", |time: Time| layout::weekday_name(time.0.weekday()));
    table.method(TIME, "Hour", |time: Time| time.0.hour() as isize);
    table.method(TIME, "Minute", |time: Time| time.0.minute() as isize);
    table.method(TIME, "Second", |time: Time| time.0.second() as isize);
    table.method(TIME, "Nanosecond", |time: Time| time.0.subsec_nanosecond() as isize);
    table.method(TIME, "Format", |time: Time, layout: Str| layout.through(|layout| layout::format(&time.0, layout)));
    table.method(TIME, "String", |time: Time| crate::template::format::time_text(&time.0));
    table.method(TIME, "UTC", |time: Time| time.0.with_time_zone(TimeZone::UTC));
    table.method(TIME, "Add", |time: Time, duration: Nanoseconds| add(&time.0, duration.0));
    table.method(TIME, "AddDate", |time: Time, years: isize, months: isize, days: isize| {
        // Days that a shorter month does not have run over into the next one.
        let moved = || {
            let date = time.0.date();
            let first = date.first_of_month();
            let months = jiff::Span::new().try_years(years as i64)?.try_months(months as i64)?;
            let days = jiff::Span::new().try_days(i64::from(date.day()) - 1 + days as i64)?;
            let moved = first.checked_add(months)?.checked_add(days)?;
            moved.to_datetime(time.0.time()).to_zoned(time.0.time_zone().clone())
        };
        moved().map_err(|error: jiff::Error| FunctionError::from(error.to_string()))
    });
    table.method(TIME, "Sub", |time: Time, other: Time| Nanoseconds(since(&time.0, &other.0)));
    table.method(TIME, "After", |time: Time, other: Time| time.0.timestamp() > other.0.timestamp());
    table.method(TIME, "Before", |time: Time, other: Time| time.0.timestamp() < other.0.timestamp());
    table.method(TIME, "Equal", |time: Time, other: Time| time.0.timestamp() == other.0.timestamp());
    table.method(TIME, "IsZero", |time: Time| time.0.timestamp() == layout::zero_time().timestamp());
    table.method(TIME, "Truncate", |time: Time, unit: Nanoseconds| add(&time.0, -from_zero(&time.0, unit.0)));

    const DURATION: &str = "time.Duration";
    table.method(DURATION, "Hours", |duration: Nanoseconds| units(duration.0, 3600 * SECOND));
    table.method(DURATION, "Minutes", |duration: Nanoseconds| units(duration.0, 60 * SECOND));
    table.method(DURATION, "Seconds", |duration: Nanoseconds| units(duration.0, SECOND));
    table.method(DURATION, "Milliseconds", |duration: Nanoseconds| duration.0 / 1_000_000);
    table.method(DURATION, "Microseconds", |duration: Nanoseconds| duration.0 / 1_000);
    table.method(DURATION, "Nanoseconds", |duration: Nanoseconds| duration.0);
    table.method(DURATION, "String", |duration: Nanoseconds| format_duration(duration.0));
    table.method(DURATION, "Abs", |duration: Nanoseconds| Nanoseconds(duration.0.saturating_abs()));
    table.method(DURATION, "Round", |duration: Nanoseconds, unit: Nanoseconds| Nanoseconds(round(duration.0, unit.0)));
    table.method(DURATION, "Truncate", |duration: Nanoseconds, unit: Nanoseconds| {
        Nanoseconds(if unit.0 <= 0 { duration.0 } else { duration.0 - duration.0 % unit.0 })
    });
}

/// Nanoseconds past the last multiple of a unit since the year 1.
fn from_zero(time: &Zoned, unit: i64) -> i64 {
    if unit <= 0 {
        return 0;
    }
    let since_zero = time.timestamp().as_nanosecond() - layout::zero_time().timestamp().as_nanosecond();
    since_zero.rem_euclid(i128::from(unit)) as i64
}

fn in_zone(scope: &mut dyn Scope, layout: &Str, date: &Value, zone: &str) -> Str {
    let now = scope.host().now();
    let local = now.time_zone().clone();
    let time = moment(date).unwrap_or(now);
    let zone = match zone {
        "Local" => local,
        "" | "UTC" => TimeZone::UTC,
        name => TimeZone::get(name).unwrap_or(TimeZone::UTC),
    };
    layout.through(|layout| layout::format(&time.with_time_zone(zone), layout))
}

/// The time that a value stands for: itself, or seconds since 1970.
fn moment(value: &Value) -> Option<Zoned> {
    match value {
        Value::Time(time) => Some(Zoned::clone(time)),
        Value::Int(seconds, IntKind::Int | IntKind::Int64 | IntKind::Int32) => {
            Some(Timestamp::from_second(*seconds).ok()?.to_zoned(TimeZone::UTC))
        }
        _ => None,
    }
}

fn add(time: &Zoned, nanoseconds: i64) -> Value {
    let moved = time.checked_add(SignedDuration::from_nanos(nanoseconds));
    Value::from(moved.unwrap_or_else(|_| time.clone()))
}

fn since(now: &Zoned, time: &Zoned) -> i64 {
    let nanoseconds = now.timestamp().as_nanosecond() - time.timestamp().as_nanosecond();
    nanoseconds.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// The nearest multiple, halves away from zero.
fn round(nanoseconds: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return nanoseconds;
    }
    let rest = nanoseconds % unit;
    let size = i128::from(rest).abs();
    match (size * 2 >= i128::from(unit), nanoseconds < 0) {
        (false, _) => nanoseconds - rest,
        (true, false) => nanoseconds.saturating_add(unit - rest),
        (true, true) => nanoseconds.saturating_sub(unit + rest),
    }
}

/// The largest unit that fits more than once: `3y`, `5mo`, `2d`.
fn coarse(nanoseconds: i64) -> String {
    const HOUR: u64 = 3_600_000_000_000;
    let units = [(HOUR * 24 * 365, "y"), (HOUR * 24 * 30, "mo"), (HOUR * 24, "d"), (HOUR, "h"), (HOUR / 60, "m"), (HOUR / 3600, "s")];
    let size = nanoseconds.unsigned_abs();
    match units.iter().find(|(unit, _)| size > *unit) {
        Some((unit, name)) => format!("{}{name}", size / unit),
        None => "0s".to_owned(),
    }
}
