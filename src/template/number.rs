//! Go's `strconv.FormatFloat` and Go's text of durations.

/// A floating-point number in one of Go's formats `b e E f g G x X`; no precision means as many digits as tell the number apart.
pub fn format_float(number: f64, verb: u8, precision: Option<usize>) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number < 0.0 { "-Inf".into() } else { "+Inf".into() };
    }
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let magnitude = number.abs();
    let body = match verb {
        b'b' => binary(magnitude),
        b'x' | b'X' => hexadecimal(magnitude, verb, precision),
        b'e' | b'E' => {
            let digits = match precision {
                Some(precision) => Decimal::rounded(magnitude, precision + 1),
                None => Decimal::shortest(magnitude),
            };
            let precision = precision.unwrap_or(digits.digits.len() - 1);
            exponent_form(&digits, precision, verb)
        }
        b'g' | b'G' => general(magnitude, verb, precision),
        _ => match precision {
            Some(precision) => fixed(magnitude, precision),
            None => Decimal::shortest(magnitude).positional(),
        },
    };
    format!("{sign}{body}")
}

/// More digits than any float has, on either side of the point.
const MOST_DIGITS: usize = 1100;

/// With so many digits after the point; the standard library knows only 65535.
fn fixed(magnitude: f64, precision: usize) -> String {
    let mut text = format!("{magnitude:.*}", precision.min(MOST_DIGITS));
    text.extend(std::iter::repeat_n('0', precision.saturating_sub(MOST_DIGITS)));
    text
}

/// Significant digits without trailing zeros, and the position of the decimal point relative to the first of them.
struct Decimal {
    digits: String,
    point: i32,
}

impl Decimal {
    fn shortest(number: f64) -> Self {
        let shortest = Decimal::parse(&format!("{number:e}"));
        // Two texts of this length can be equally near to the number: Go takes the even one, Rust the upper one.
        if shortest.digits.len() >= 15 {
            let rounded = format!("{number:.*e}", shortest.digits.len() - 1);
            if rounded.parse() == Ok(number) {
                return Decimal::parse(&rounded);
            }
        }
        shortest
    }

    fn rounded(number: f64, digits: usize) -> Self {
        Decimal::parse(&format!("{number:.*e}", digits.saturating_sub(1).min(MOST_DIGITS)))
    }

    fn parse(scientific: &str) -> Self {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let digits = mantissa.replace('.', "");
        let trimmed = digits.trim_end_matches('0');
        if trimmed.is_empty() {
            return Decimal { digits: "0".into(), point: 1 };
        }
        Decimal { digits: trimmed.into(), point: exponent.parse::<i32>().unwrap_or(0) + 1 }
    }

    /// Without an exponent.
    fn positional(&self) -> String {
        let (digits, count) = (&self.digits, self.digits.len());
        match usize::try_from(self.point) {
            Ok(0) | Err(_) => format!("0.{}{digits}", "0".repeat(self.point.unsigned_abs() as usize)),
            Ok(point) if point >= count => format!("{digits}{}", "0".repeat(point - count)),
            Ok(point) => format!("{}.{}", &digits[..point], &digits[point..]),
        }
    }
}

fn general(number: f64, verb: u8, precision: Option<usize>) -> String {
    let decimal = match precision {
        Some(precision) => Decimal::rounded(number, precision.max(1)),
        None => Decimal::shortest(number),
    };
    let count = decimal.digits.len();
    let limit = match precision {
        None => 6,
        Some(precision) => {
            let precision = precision.max(1);
            if precision > count && count as i32 >= decimal.point { count } else { precision }
        }
    };
    let exponent = decimal.point - 1;
    if exponent < -4 || exponent >= limit as i32 {
        return exponent_form(&decimal, count - 1, if verb == b'g' { b'e' } else { b'E' });
    }
    decimal.positional()
}

fn exponent_form(decimal: &Decimal, precision: usize, verb: u8) -> String {
    let mut digits = decimal.digits.clone();
    while digits.len() < precision + 1 {
        digits.push('0');
    }
    let exponent = if decimal.digits == "0" { 0 } else { decimal.point - 1 };
    let fraction = if precision > 0 { format!(".{}", &digits[1..precision + 1]) } else { String::new() };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}{fraction}{}{sign}{:02}", &digits[..1], verb as char, exponent.abs())
}

/// Mantissa and binary exponent of a finite number that is not negative.
fn parts(number: f64) -> (u64, i32) {
    let bits = number.to_bits();
    let (mantissa, exponent) = (bits & ((1 << 52) - 1), ((bits >> 52) & 0x7ff) as i32);
    if exponent == 0 { (mantissa, -1074) } else { (mantissa | 1 << 52, exponent - 1075) }
}

fn binary(number: f64) -> String {
    let (mantissa, exponent) = parts(number);
    format!("{mantissa}p{exponent:+}")
}

fn hexadecimal(number: f64, verb: u8, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = parts(number);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // One digit before the point, 60 bits of fraction.
        let shift = mantissa.leading_zeros() as i32 - 3;
        mantissa <<= shift;
        exponent = exponent - shift + 60;
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let dropped = (15 - precision) * 4;
        let (kept, rest, half) = (mantissa >> dropped, mantissa & ((1 << dropped) - 1), 1u64 << (dropped - 1));
        let up = rest > half || rest == half && kept & 1 == 1;
        mantissa = (kept + u64::from(up)) << dropped;
        if mantissa >> 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let fraction = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let fraction = match precision {
        None => fraction.trim_end_matches('0').to_owned(),
        Some(precision) => {
            // the language's own padding ends at 65,535
            let missing = precision.saturating_sub(fraction.len());
            format!("{}{}", &fraction[..precision.min(fraction.len())], "0".repeat(missing))
        }
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    let text = format!("0x{}{point}{fraction}p{sign}{:02}", mantissa >> 60, exponent.abs());
    if verb == b'X' { text.to_uppercase() } else { text }
}

/// A duration as Go prints it: `1h2m3.5s`, `1.5ms`, `0s`.
pub fn format_duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let decimal = |value: u64, unit: u64| {
        let (whole, rest) = (value / unit, value % unit);
        if rest == 0 {
            return whole.to_string();
        }
        let width = unit.ilog10() as usize;
        format!("{whole}.{}", format!("{rest:0width$}").trim_end_matches('0'))
    };
    let body = match total {
        0 => "0s".into(),
        1..1_000 => format!("{total}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(total, 1_000_000)),
        _ => {
            let seconds = format!("{}s", decimal(total % 60_000_000_000, 1_000_000_000));
            let minutes = total / 60_000_000_000;
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    };
    format!("{sign}{body}")
}
