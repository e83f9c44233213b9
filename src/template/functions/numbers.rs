//! Arithmetic over loosely typed numbers, rounding and sequences.

use super::cast::{self, Radix};
use crate::template::call::{FunctionError, Rest, Table};
use crate::template::value::{List, Str, Value};

/// No sequence is longer than this.
const LONGEST: usize = 1_000_000;

pub(super) fn register(table: &mut Table) {
    table.add("add", |numbers: Rest<Value>| numbers.iter().map(cast::int).fold(0, i64::wrapping_add));
    table.add("add1", |number: Value| cast::int(&number).wrapping_add(1));
    table.add("sub", |a: Value, b: Value| cast::int(&a).wrapping_sub(cast::int(&b)));
    table.add("mul", |a: Value, rest: Rest<Value>| rest.iter().map(cast::int).fold(cast::int(&a), i64::wrapping_mul));
    table.add("div", |a: Value, b: Value| divide(&a, &b, i64::wrapping_div));
    table.add("mod", |a: Value, b: Value| divide(&a, &b, i64::wrapping_rem));
    table.add("max", |a: Value, rest: Rest<Value>| rest.iter().map(cast::int).fold(cast::int(&a), i64::max));
    table.alias("biggest", "max");
    table.add("min", |a: Value, rest: Rest<Value>| rest.iter().map(cast::int).fold(cast::int(&a), i64::min));
    table.add("maxf", |a: Value, rest: Rest<Value>| rest.iter().map(cast::float).fold(cast::float(&a), max));
    table.add("minf", |a: Value, rest: Rest<Value>| rest.iter().map(cast::float).fold(cast::float(&a), min));
    table.add("addf", |numbers: Rest<Value>| decimals(&Value::Float(0.0), &numbers, Operation::Add));
    table.add("add1f", |number: Value| decimals(&number, &[Value::int(1)], Operation::Add));
    table.add("subf", |a: Value, rest: Rest<Value>| decimals(&a, &rest, Operation::Subtract));
    table.add("mulf", |a: Value, rest: Rest<Value>| decimals(&a, &rest, Operation::Multiply));
    table.add("divf", |a: Value, rest: Rest<Value>| decimals(&a, &rest, Operation::Divide));
    table.add("ceil", |number: Value| cast::float(&number).ceil());
    table.add("floor", |number: Value| cast::float(&number).floor());
    table.add("round", |number: Value, places: isize, from: Rest<f64>| round(cast::float(&number), places, from.first().copied()));
    table.add("int", |value: Value| cast::int(&value) as isize);
    table.add("int64", |value: Value| cast::int(&value));
    table.add("float64", |value: Value| cast::float(&value));
    table.add("atoi", |text: Str| atoi(&text.shown()));
    table.add("toDecimal", |value: Value| cast::parse_int(&value.to_text().shown(), Radix::Fixed(8)).unwrap_or(0));
    table.add("until", |count: isize| steps(0, count, if count < 0 { -1 } else { 1 }).map(List::ints));
    table.add("untilStep", |start: isize, stop: isize, step: isize| steps(start, stop, step).map(List::ints));
    table.add("seq", |numbers: Rest<isize>| seq(&numbers));
}

/// Go's `Atoi` without its error: a number that does not fit becomes the nearest one that does, as `ParseInt` answers it.
fn atoi(text: &str) -> isize {
    cast::parse_int(text, Radix::Fixed(10)).map_or_else(
        || {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            match (all_digits, text.starts_with('-')) {
                (true, true) => isize::MIN,
                (true, false) => isize::MAX,
                (false, _) => 0,
            }
        },
        |number| number as isize,
    )
}

fn divide(a: &Value, b: &Value, operation: fn(i64, i64) -> i64) -> Result<i64, FunctionError> {
    match cast::int(b) {
        0 => Err("runtime error: integer divide by zero".into()),
        divisor => Ok(operation(cast::int(a), divisor)),
    }
}

fn max(a: f64, b: f64) -> f64 {
    match a == b {
        // of two zeros the positive one
        true if a.is_sign_positive() => a,
        true => b,
        false if a.is_nan() || b.is_nan() => f64::NAN,
        false => a.max(b),
    }
}

fn min(a: f64, b: f64) -> f64 {
    match a == b {
        // of two zeros the negative one
        true if a.is_sign_negative() => a,
        true => b,
        false if a.is_nan() || b.is_nan() => f64::NAN,
        false => a.min(b),
    }
}

fn round(number: f64, places: isize, from: Option<f64>) -> f64 {
    let power = 10f64.powi(places.clamp(-400, 400) as i32);
    let shifted = power * number;
    let up = shifted.fract() >= from.unwrap_or(0.5);
    (if up { shifted.ceil() } else { shifted.floor() }) / power
}

fn steps(start: isize, stop: isize, step: isize) -> Result<Vec<i64>, FunctionError> {
    let distance = stop.abs_diff(start);
    let forward = stop >= start;
    if step == 0 || distance == 0 || forward != (step > 0) {
        return Ok(Vec::new());
    }
    if distance.div_ceil(step.unsigned_abs()) > LONGEST {
        return Err(format!("the sequence would have more than {LONGEST} numbers").into());
    }
    let mut numbers = Vec::new();
    let mut next = Some(start);
    while let Some(number) = next.filter(|&number| if forward { number < stop } else { number > stop }) {
        numbers.push(number as i64);
        next = number.checked_add(step);
    }
    Ok(numbers)
}

fn seq(numbers: &[isize]) -> Result<String, FunctionError> {
    let direction = |start, end| if end < start { -1 } else { 1 };
    let numbers = match *numbers {
        [end] => steps(1, end.saturating_add(direction(1, end)), direction(1, end))?,
        [start, end] => steps(start, end.saturating_add(direction(start, end)), direction(start, end))?,
        [start, step, end] if end < start && step > 0 => steps(start, start, step)?,
        [start, step, end] => steps(start, end.saturating_add(direction(start, end)), step)?,
        _ => Vec::new(),
    };
    Ok(numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" "))
}

#[derive(Clone, Copy)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Folds numbers in decimal, so that `addf 0.1 0.2` is 0.3.
fn decimals(first: &Value, rest: &[Value], operation: Operation) -> Result<f64, FunctionError> {
    let mut result = Decimal::from_float(cast::float(first))?;
    for value in rest {
        let operand = Decimal::from_float(cast::float(value))?;
        result = match operation {
            Operation::Add => result.add(operand),
            Operation::Subtract => result.add(Decimal { digits: -operand.digits, ..operand }),
            Operation::Multiply => result.multiply(operand),
            Operation::Divide if operand.digits == 0 => return Err("decimal division by 0".into()),
            Operation::Divide => result.divide(operand),
        };
    }
    Ok(result.to_float())
}

/// `digits × 10^exponent`.
#[derive(Clone, Copy)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

/// Quotients are rounded to this many decimal places.
const QUOTIENT_PLACES: i32 = 16;

impl Decimal {
    fn from_float(number: f64) -> Result<Decimal, FunctionError> {
        if !number.is_finite() {
            let name = if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "+Inf"
            } else {
                "-Inf"
            };
            return Err(format!("Cannot create a Decimal from {name}").into());
        }
        Ok(Self::shortest(number))
    }

    /// The shortest decimal that reads back as the number.
    fn shortest(number: f64) -> Decimal {
        if number.is_infinite() {
            return Decimal { digits: if number > 0.0 { 1 } else { -1 }, exponent: 400 };
        }
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let places = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
        let digits = mantissa.replace('.', "").parse().unwrap_or(0);
        Decimal { digits, exponent: exponent.parse::<i32>().unwrap_or(0) - places }
    }

    fn to_float(self) -> f64 {
        format!("{}e{}", self.digits, self.exponent).parse().unwrap_or(0.0)
    }

    /// The digits at a lower exponent, while they fit.
    fn at(self, exponent: i32) -> Option<i128> {
        let shift = u32::try_from(self.exponent - exponent).ok()?;
        if self.digits == 0 { Some(0) } else { self.digits.checked_mul(10i128.checked_pow(shift)?) }
    }

    fn add(self, other: Decimal) -> Decimal {
        let exponent = self.exponent.min(other.exponent);
        let sum = || self.at(exponent)?.checked_add(other.at(exponent)?);
        // Numbers so far apart that their digits do not fit together are added as floats.
        sum().map_or_else(|| Self::shortest(self.to_float() + other.to_float()), |digits| Decimal { digits, exponent })
    }

    fn multiply(self, other: Decimal) -> Decimal {
        match self.digits.checked_mul(other.digits) {
            Some(digits) => Decimal { digits, exponent: self.exponent + other.exponent },
            None => Self::shortest(self.to_float() * other.to_float()),
        }
    }

    fn divide(self, other: Decimal) -> Decimal {
        let shift = QUOTIENT_PLACES + self.exponent - other.exponent;
        let scale = || 10i128.checked_pow(shift.unsigned_abs());
        let operands = match shift >= 0 {
            true => scale().and_then(|scale| Some((self.digits.checked_mul(scale)?, other.digits))),
            false => scale().and_then(|scale| Some((self.digits, other.digits.checked_mul(scale)?))),
        };
        let Some((dividend, divisor)) = operands else {
            let quotient = self.to_float() / other.to_float();
            let is_nothing = quotient.abs() < 0.5 * 10f64.powi(-QUOTIENT_PLACES);
            return Self::shortest(if is_nothing { 0.0 } else { quotient });
        };
        let (quotient, remainder) = (dividend / divisor, dividend % divisor);
        let away = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
        let rounds = remainder.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2);
        Decimal { digits: if rounds { quotient + away } else { quotient }, exponent: -QUOTIENT_PLACES }
    }
}
