//! Times in the layouts of Go's `time` package, and durations such as `1h30m`.
//!
//! A layout shows how the reference time `Mon Jan 2 15:04:05 MST 2006` would be written.

use crate::words::duration;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Zoned};

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Chunk {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    /// An offset: `Z` for UTC or not, colons or not, and how many parts (hours, minutes, seconds).
    Offset {
        z: bool,
        colon: bool,
        parts: u8,
    },
    /// A fraction of a second: the sign before it, the number of digits, and whether zeros at the end go.
    Fraction {
        sign: char,
        digits: usize,
        trim: bool,
    },
}

/// Finds the first chunk of a layout: the text before it, the chunk with its text, and what follows.
fn next_chunk(layout: &str) -> Option<(&str, Chunk, &str, &str)> {
    const FIXED: [(&str, Chunk); 33] = [
        ("January", Chunk::LongMonth),
        ("Jan", Chunk::Month),
        ("Monday", Chunk::LongWeekday),
        ("Mon", Chunk::Weekday),
        ("MST", Chunk::ZoneName),
        ("002", Chunk::ZeroYearDay),
        ("01", Chunk::ZeroMonth),
        ("02", Chunk::ZeroDay),
        ("03", Chunk::ZeroHour12),
        ("04", Chunk::ZeroMinute),
        ("05", Chunk::ZeroSecond),
        ("06", Chunk::Year),
        ("15", Chunk::Hour),
        ("1", Chunk::NumMonth),
        ("2006", Chunk::LongYear),
        ("2", Chunk::Day),
        ("__2", Chunk::UnderYearDay),
        ("_2", Chunk::UnderDay),
        ("3", Chunk::Hour12),
        ("4", Chunk::Minute),
        ("5", Chunk::Second),
        ("PM", Chunk::UpperPm),
        ("pm", Chunk::LowerPm),
        ("-070000", Chunk::Offset { z: false, colon: false, parts: 3 }),
        ("-07:00:00", Chunk::Offset { z: false, colon: true, parts: 3 }),
        ("-0700", Chunk::Offset { z: false, colon: false, parts: 2 }),
        ("-07:00", Chunk::Offset { z: false, colon: true, parts: 2 }),
        ("-07", Chunk::Offset { z: false, colon: false, parts: 1 }),
        ("Z070000", Chunk::Offset { z: true, colon: false, parts: 3 }),
        ("Z07:00:00", Chunk::Offset { z: true, colon: true, parts: 3 }),
        ("Z0700", Chunk::Offset { z: true, colon: false, parts: 2 }),
        ("Z07:00", Chunk::Offset { z: true, colon: true, parts: 2 }),
        ("Z07", Chunk::Offset { z: true, colon: false, parts: 1 }),
    ];
    for (at, letter) in layout.char_indices() {
        let rest = &layout[at..];
        if let Some(after) = rest.strip_prefix("_2006") {
            return Some((&layout[..at + 1], Chunk::LongYear, &rest[1..5], after));
        }
        if matches!(letter, '.' | ',') {
            if let Some((digits, trim)) = fraction(&rest[1..]) {
                let end = 1 + digits;
                return Some((&layout[..at], Chunk::Fraction { sign: letter, digits, trim }, &rest[..end], &rest[end..]));
            }
            continue;
        }
        let found = FIXED.iter().find(|(text, chunk)| {
            let is_word = matches!(chunk, Chunk::Month | Chunk::Weekday);
            rest.strip_prefix(text).is_some_and(|after| !is_word || !after.starts_with(|next: char| next.is_ascii_lowercase()))
        });
        if let Some((text, chunk)) = found {
            return Some((&layout[..at], *chunk, text, &rest[text.len()..]));
        }
    }
    None
}

fn fraction(after_sign: &str) -> Option<(usize, bool)> {
    let first = after_sign.chars().next().filter(|first| matches!(first, '0' | '9'))?;
    let digits = after_sign.chars().take_while(|letter| *letter == first).count();
    let ends = !after_sign[digits..].starts_with(|next: char| next.is_ascii_digit());
    ends.then_some((digits, first == '9'))
}

/// Writes a time in a layout.
pub(in crate::template) fn format(time: &Zoned, layout: &str) -> String {
    let mut out = String::with_capacity(layout.len() + 10);
    let mut layout = layout;
    while let Some((before, chunk, _, after)) = next_chunk(layout) {
        out.push_str(before);
        push_chunk(&mut out, time, chunk);
        layout = after;
    }
    out.push_str(layout);
    out
}

fn push_chunk(out: &mut String, time: &Zoned, chunk: Chunk) {
    let (month, day, hour) = (time.month(), time.day(), time.hour());
    let hour_12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    let weekday = DAYS[time.weekday().to_sunday_zero_offset() as usize];
    let text = match chunk {
        Chunk::LongMonth => MONTHS[month as usize - 1].to_owned(),
        Chunk::Month => MONTHS[month as usize - 1][..3].to_owned(),
        Chunk::NumMonth => month.to_string(),
        Chunk::ZeroMonth => format!("{month:02}"),
        Chunk::LongWeekday => weekday.to_owned(),
        Chunk::Weekday => weekday[..3].to_owned(),
        Chunk::Day => day.to_string(),
        Chunk::UnderDay => format!("{day:2}"),
        Chunk::ZeroDay => format!("{day:02}"),
        Chunk::UnderYearDay => format!("{:3}", time.day_of_year()),
        Chunk::ZeroYearDay => format!("{:03}", time.day_of_year()),
        Chunk::Hour => format!("{hour:02}"),
        Chunk::Hour12 => hour_12.to_string(),
        Chunk::ZeroHour12 => format!("{hour_12:02}"),
        Chunk::Minute => time.minute().to_string(),
        Chunk::ZeroMinute => format!("{:02}", time.minute()),
        Chunk::Second => time.second().to_string(),
        Chunk::ZeroSecond => format!("{:02}", time.second()),
        Chunk::LongYear if time.year() < 0 => format!("-{:04}", -time.year()),
        Chunk::LongYear => format!("{:04}", time.year()),
        Chunk::Year => format!("{:02}", time.year().rem_euclid(100)),
        Chunk::UpperPm => if hour >= 12 { "PM" } else { "AM" }.to_owned(),
        Chunk::LowerPm => if hour >= 12 { "pm" } else { "am" }.to_owned(),
        Chunk::ZoneName => zone_name(time),
        Chunk::Offset { z, colon, parts } => offset(time, z, colon, parts),
        Chunk::Fraction { sign, digits, trim } => {
            let nanoseconds = format!("{:09}", time.subsec_nanosecond());
            let shown = nanoseconds.get(..digits).unwrap_or(&nanoseconds);
            let shown = if trim { shown.trim_end_matches('0') } else { shown };
            if trim && shown.is_empty() { String::new() } else { format!("{sign}{shown}") }
        }
    };
    out.push_str(&text);
}

fn zone_name(time: &Zoned) -> String {
    let zone = time.time_zone();
    if zone.iana_name().is_none() && time.offset() != Offset::UTC {
        return offset(time, false, false, 2);
    }
    zone.to_offset_info(time.timestamp()).abbreviation().to_owned()
}

fn offset(time: &Zoned, z: bool, colon: bool, parts: u8) -> String {
    let seconds = time.offset().seconds();
    if z && seconds == 0 {
        return "Z".to_owned();
    }
    let size = seconds.unsigned_abs();
    let mut text = format!("{}{:02}", if seconds < 0 { '-' } else { '+' }, size / 3600);
    for number in [size / 60 % 60, size % 60].into_iter().take(usize::from(parts) - 1) {
        if colon {
            text.push(':');
        }
        text.push_str(&format!("{number:02}"));
    }
    text
}

/// The form that times take in JSON and YAML.
pub(in crate::template) fn rfc3339(time: &Zoned) -> String {
    format(time, "2006-01-02T15:04:05.999999999Z07:00")
}

/// The year 1, Go's zero time.
pub(in crate::template) fn zero_time() -> Zoned {
    DateTime::constant(1, 1, 1, 0, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap_or_else(|_| jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC))
}

#[derive(Default)]
struct Fields {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    afternoon: Option<bool>,
    offset: Option<i32>,
    zone_name: Option<String>,
}

/// Reads a time in a layout; where the text names no zone, it is in `local`. The error is Go's text.
pub(in crate::template) fn parse(layout: &str, text: &str, local: &TimeZone) -> Result<Zoned, String> {
    let whole = |what: String| format!("parsing time {} as {}{what}", quote(text), quote(layout));
    let mut fields = Fields::default();
    let (mut rest_layout, mut rest) = (layout, text);
    let mut out_of_range = None;
    loop {
        let (before, chunk) = match next_chunk(rest_layout) {
            Some((before, chunk, _, after)) => {
                let element = &rest_layout[before.len()..rest_layout.len() - after.len()];
                rest_layout = after;
                (before, Some((chunk, element)))
            }
            None => (rest_layout, None),
        };
        rest = skip(rest, before).map_err(|at| whole(format!(": cannot parse {} as {}", quote(at), quote(before))))?;
        let Some((chunk, element)) = chunk else {
            if !rest.is_empty() {
                return Err(format!("parsing time {}: extra text: {}", quote(text), quote(rest)));
            }
            break;
        };
        let hold = rest;
        match read_chunk(&mut fields, chunk, rest, rest_layout) {
            Ok(after) => rest = after,
            Err(Wrong::Range(what)) => {
                out_of_range = Some(what);
                break;
            }
            Err(Wrong::Text) => return Err(whole(format!(": cannot parse {} as {}", quote(hold), quote(element)))),
        }
    }
    let range = |what: &str| format!("parsing time {}: {what} out of range", quote(text));
    if let Some(what) = out_of_range {
        return Err(range(what));
    }
    finish(fields, local).map_err(range)
}

/// How Go's `time` quotes in errors: everything beyond ASCII byte by byte.
fn quote(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=0x7f => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn skip<'t>(text: &'t str, prefix: &str) -> Result<&'t str, &'t str> {
    let mut text = text;
    let mut prefix = prefix;
    while let Some(letter) = prefix.chars().next() {
        if letter == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return Err(text);
            }
            prefix = prefix.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
            continue;
        }
        text = text.strip_prefix(letter).ok_or(text)?;
        prefix = &prefix[letter.len_utf8()..];
    }
    Ok(text)
}

enum Wrong {
    Text,
    Range(&'static str),
}

fn digits(text: &str, fewest: usize, most: usize) -> Result<(i32, &str), Wrong> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length < fewest {
        return Err(Wrong::Text);
    }
    Ok((text[..length].parse().map_err(|_| Wrong::Text)?, &text[length..]))
}

fn in_range(number: i32, range: std::ops::RangeInclusive<i32>, what: &'static str) -> Result<i8, Wrong> {
    if range.contains(&number) { Ok(number as i8) } else { Err(Wrong::Range(what)) }
}

fn name<'t>(text: &'t str, names: &[&str], length: usize) -> Result<(usize, &'t str), Wrong> {
    for (at, name) in names.iter().enumerate() {
        let name = &name[..length.min(name.len())];
        if text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Ok((at, &text[name.len()..]));
        }
    }
    Err(Wrong::Text)
}

fn read_chunk<'t>(fields: &mut Fields, chunk: Chunk, text: &'t str, layout_after: &str) -> Result<&'t str, Wrong> {
    let unspaced = text.strip_prefix(' ').unwrap_or(text);
    let rest = match chunk {
        Chunk::Year => {
            let (year, rest) = digits(text, 2, 2)?;
            fields.year = if year >= 69 { year + 1900 } else { year + 2000 } as i16;
            rest
        }
        Chunk::LongYear => {
            let (year, rest) = digits(text, 4, 4)?;
            fields.year = year as i16;
            rest
        }
        Chunk::Month | Chunk::LongMonth => {
            let (at, rest) = name(text, &MONTHS, if chunk == Chunk::Month { 3 } else { 9 })?;
            fields.month = Some(at as i8 + 1);
            rest
        }
        Chunk::NumMonth | Chunk::ZeroMonth => {
            let (month, rest) = digits(text, if chunk == Chunk::ZeroMonth { 2 } else { 1 }, 2)?;
            fields.month = Some(in_range(month, 1..=12, "month")?);
            rest
        }
        Chunk::Weekday | Chunk::LongWeekday => name(text, &DAYS, if chunk == Chunk::Weekday { 3 } else { 9 })?.1,
        Chunk::Day | Chunk::UnderDay | Chunk::ZeroDay => {
            let text = if chunk == Chunk::UnderDay { unspaced } else { text };
            let (day, rest) = digits(text, if chunk == Chunk::ZeroDay { 2 } else { 1 }, 2)?;
            fields.day = Some(day as i8);
            rest
        }
        Chunk::UnderYearDay | Chunk::ZeroYearDay => {
            let (trimmed, fewest) = if chunk == Chunk::UnderYearDay { (text.trim_start_matches(' '), 1) } else { (text, 3) };
            let (day, rest) = digits(trimmed, fewest, 3)?;
            fields.year_day = Some(day as i16);
            rest
        }
        Chunk::Hour => {
            let (hour, rest) = digits(text, 1, 2)?;
            fields.hour = in_range(hour, 0..=23, "hour")?;
            rest
        }
        Chunk::Hour12 | Chunk::ZeroHour12 => {
            let (hour, rest) = digits(text, if chunk == Chunk::ZeroHour12 { 2 } else { 1 }, 2)?;
            fields.hour = in_range(hour, 0..=12, "hour")?;
            rest
        }
        Chunk::Minute | Chunk::ZeroMinute => {
            let (minute, rest) = digits(text, if chunk == Chunk::ZeroMinute { 2 } else { 1 }, 2)?;
            fields.minute = in_range(minute, 0..=59, "minute")?;
            rest
        }
        Chunk::Second | Chunk::ZeroSecond => {
            let (second, mut rest) = digits(text, if chunk == Chunk::ZeroSecond { 2 } else { 1 }, 2)?;
            fields.second = in_range(second, 0..=59, "second")?;
            // A fraction is read even where the layout names none.
            let named = matches!(next_chunk(layout_after), Some(("", Chunk::Fraction { .. }, _, _)));
            if !named && rest.starts_with(['.', ',']) {
                let length = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
                if length > 0 {
                    fields.nanosecond = nanoseconds(&rest[1..1 + length]);
                    rest = &rest[1 + length..];
                }
            }
            rest
        }
        Chunk::UpperPm | Chunk::LowerPm => {
            let (am, pm) = if chunk == Chunk::UpperPm { ("AM", "PM") } else { ("am", "pm") };
            match (text.strip_prefix(am), text.strip_prefix(pm)) {
                (Some(rest), _) => {
                    fields.afternoon = Some(false);
                    rest
                }
                (_, Some(rest)) => {
                    fields.afternoon = Some(true);
                    rest
                }
                _ => return Err(Wrong::Text),
            }
        }
        Chunk::ZoneName => {
            if let Some(rest) = text.strip_prefix("UTC") {
                fields.offset = Some(0);
                return Ok(rest);
            }
            let length = text.bytes().take_while(u8::is_ascii_uppercase).count();
            if !(3..=5).contains(&length) {
                return Err(Wrong::Text);
            }
            fields.zone_name = Some(text[..length].to_owned());
            &text[length..]
        }
        Chunk::Offset { z: true, .. } if text.starts_with('Z') => {
            fields.offset = Some(0);
            &text[1..]
        }
        Chunk::Offset { colon, parts, .. } => {
            let sign = match text.chars().next() {
                Some('+') => 1,
                Some('-') => -1,
                // hours are looked at before the sign
                Some(other) => match digits(&text[other.len_utf8()..], 2, 2) {
                    Ok((25.., _)) if !colon || text[other.len_utf8() + 2..].starts_with(':') => {
                        return Err(Wrong::Range("time zone offset hour"));
                    }
                    _ => return Err(Wrong::Text),
                },
                None => return Err(Wrong::Text),
            };
            let (hours, mut rest) = digits(&text[1..], 2, 2)?;
            let mut seconds = hours * 3600;
            for unit in [60, 1].into_iter().take(usize::from(parts) - 1) {
                if colon {
                    rest = rest.strip_prefix(':').ok_or(Wrong::Text)?;
                }
                let (number, after) = digits(rest, 2, 2)?;
                seconds += number * unit;
                rest = after;
            }
            if hours > 24 {
                return Err(Wrong::Range("time zone offset hour"));
            }
            fields.offset = Some(sign * seconds);
            rest
        }
        Chunk::Fraction { digits: wanted, trim, .. } => {
            if trim && !(text.starts_with(['.', ',']) && text[1..].starts_with(|next: char| next.is_ascii_digit())) {
                return Ok(text);
            }
            let length = text.get(1..).map_or(0, |digits| digits.bytes().take_while(u8::is_ascii_digit).count());
            if !text.starts_with(['.', ',']) || (!trim && length < wanted) {
                return Err(Wrong::Text);
            }
            let length = if trim { length.min(9) } else { wanted };
            fields.nanosecond = nanoseconds(&text[1..1 + length]);
            &text[1 + length..]
        }
    };
    Ok(rest)
}

fn nanoseconds(digits: &str) -> i32 {
    let padded = format!("{digits:0<9}");
    padded[..9].parse().unwrap_or(0)
}

fn finish(fields: Fields, local: &TimeZone) -> Result<Zoned, &'static str> {
    let hour = match (fields.afternoon, fields.hour) {
        (Some(true), hour @ ..12) => hour + 12,
        (Some(false), 12) => 0,
        (_, hour) => hour,
    };
    let date = match fields.year_day {
        Some(day) => {
            let first = Date::new(fields.year, 1, 1).map_err(|_| "year")?;
            if !(1..=first.days_in_year()).contains(&day) {
                return Err("day-of-year");
            }
            first.checked_add(SignedDuration::from_hours(24 * i64::from(day - 1))).map_err(|_| "day-of-year")?
        }
        None => Date::new(fields.year, fields.month.unwrap_or(1), fields.day.unwrap_or(1)).map_err(|_| "day")?,
    };
    let time = Time::new(hour, fields.minute, fields.second, fields.nanosecond).map_err(|_| "second")?;
    let moment = date.to_datetime(time);
    let Some(seconds) = fields.offset else {
        // An unknown abbreviation is taken for a place with the offset of UTC.
        let zone = match &fields.zone_name {
            None => local.clone(),
            Some(name) => {
                let zoned = moment.to_zoned(local.clone()).map_err(|_| "year")?;
                if zone_name(&zoned) == *name { local.clone() } else { TimeZone::posix(&format!("<{name}>0")).unwrap_or(TimeZone::UTC) }
            }
        };
        return moment.to_zoned(zone).map_err(|_| "year");
    };
    let offset = Offset::from_seconds(seconds).map_err(|_| "time zone offset hour")?;
    let timestamp = offset.to_timestamp(moment).map_err(|_| "year")?;
    // The local zone keeps its name where it has the same offset at that time.
    let here = local.to_offset(timestamp) == offset;
    let zone = match seconds {
        _ if here => local.clone(),
        0 => TimeZone::UTC,
        _ => offset.to_time_zone(),
    };
    Ok(timestamp.to_zoned(zone))
}

/// Reads a duration such as `-1h30m` or `1.5s` as nanoseconds. The error is Go's text.
pub(in crate::template) fn parse_duration(text: &str) -> Result<i64, String> {
    duration::nanoseconds(text).map_err(|wrong| match wrong {
        duration::Wrong::Invalid => format!("time: invalid duration {}", quote(text)),
        duration::Wrong::NoUnit => format!("time: missing unit in duration {}", quote(text)),
        duration::Wrong::Unit(unit) => format!("time: unknown unit {} in duration {}", quote(unit), quote(text)),
    })
}

/// The weekday as Go counts it, Sunday first.
pub(in crate::template) fn weekday_name(weekday: Weekday) -> &'static str {
    DAYS[weekday.to_sunday_zero_offset() as usize]
}

/// The month's English name.
pub(in crate::template) fn month_name(month: i8) -> &'static str {
    MONTHS[(month.clamp(1, 12) - 1) as usize]
}
