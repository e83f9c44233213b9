//! Durations as Go writes them: numbers with `h`, `m`, `s`, `ms`, `us` or `ns` one after another (`time.ParseDuration`).

use std::time::Duration;

/// A text that is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong<'t> {
    /// It is none at all, or one that is longer than Go's can be.
    Invalid,
    /// A number has no unit.
    NoUnit,
    /// A number has another unit.
    Unit(&'t str),
}

/// Reads a duration such as `-1h30m` or `1.5s` as nanoseconds.
pub fn nanoseconds(text: &str) -> Result<i64, Wrong<'_>> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(Wrong::Invalid);
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(Wrong::Invalid);
        }
        let unit_end = after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let scale: i128 = match unit {
            "" => return Err(Wrong::NoUnit),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(Wrong::Unit(unit)),
        };
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| Wrong::Invalid)? };
        total += whole.saturating_mul(scale);
        if !fraction.is_empty() {
            let digits = &fraction[..fraction.len().min(18)];
            total += digits.parse::<i128>().unwrap_or(0) * scale / 10i128.pow(digits.len() as u32);
        }
        if total > 1 << 63 {
            return Err(Wrong::Invalid);
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| Wrong::Invalid)
}

/// The same where only the future counts: a negative one is none.
pub fn parse(text: &str) -> Option<Duration> {
    nanoseconds(text).ok().and_then(|nanoseconds| u64::try_from(nanoseconds).ok()).map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, seconds) in [
            ("168h", Some(604_800.0)),
            ("1h30m", Some(5400.0)),
            ("1.5h", Some(5400.0)),
            (".5s", Some(0.5)),
            ("1500ms", Some(1.5)),
            ("+1µs", Some(1e-6)),
            ("0", Some(0.0)),
            ("-1s", None),
            ("7d", None),
            ("", None),
            ("5", None),
            ("1.2.3s", None),
            ("99999999999h", None),
        ] {
            assert_eq!(parse(text), seconds.map(Duration::from_secs_f64), "{text}");
        }
        assert_eq!(nanoseconds("-1.5s"), Ok(-1_500_000_000));
        assert_eq!(
            (nanoseconds("3"), nanoseconds("3 d"), nanoseconds("-")),
            (Err(Wrong::NoUnit), Err(Wrong::Unit(" d")), Err(Wrong::Invalid))
        );
    }
}
