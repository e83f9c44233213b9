//! Random text, numbers and identifiers, from the bytes that the host gives.

use base64::Engine as _;

use crate::template::call::{FunctionError, Scope, Table};
use crate::template::value::Str;

/// No random text is longer than this.
const LONGEST: isize = 1 << 20;

pub(super) fn register(table: &mut Table) {
    const DIGITS: &str = "0123456789";
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let ascii: String = (' '..='~').collect();
    for (name, letters) in [
        ("randAlphaNum", format!("{DIGITS}{LETTERS}")),
        ("randAlpha", LETTERS.into()),
        ("randNumeric", DIGITS.into()),
        ("randAscii", ascii),
    ] {
        table.add_scoped(name, move |scope: &mut dyn Scope, count: isize| text(scope, count, letters.as_bytes()));
    }
    table.add_scoped("randBytes", |scope: &mut dyn Scope, count: isize| {
        let mut bytes = vec![0; check(count)?];
        scope.host().random(&mut bytes)?;
        Ok::<_, FunctionError>(base64::engine::general_purpose::STANDARD.encode(bytes))
    });
    table.add_scoped("randInt", |scope: &mut dyn Scope, low: isize, high: isize| {
        let range = high.checked_sub(low).and_then(|range| u64::try_from(range).ok()).filter(|range| *range > 0);
        let Some(range) = range else { return Err(FunctionError::from("invalid argument to Intn")) };
        Ok(low + below(scope, range)? as isize)
    });
    table.add_scoped("shuffle", |scope: &mut dyn Scope, text: Str| {
        let mut letters: Vec<char> = text.letters().chars().collect();
        for last in (1..letters.len()).rev() {
            letters.swap(last, below(scope, last as u64 + 1)? as usize);
        }
        Ok::<_, FunctionError>(letters.into_iter().collect::<String>())
    });
    table.add_scoped("uuidv4", |scope: &mut dyn Scope| {
        let mut bytes = [0; 16];
        scope.host().random(&mut bytes)?;
        Ok::<_, FunctionError>(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
    });
}

fn check(count: isize) -> Result<usize, FunctionError> {
    match count {
        ..0 => Err("runtime error: makeslice: len out of range".into()),
        0..=LONGEST => Ok(count as usize),
        _ => Err(format!("{count} random letters are more than the {LONGEST} allowed").into()),
    }
}

fn text(scope: &mut dyn Scope, count: isize, letters: &[u8]) -> Result<String, FunctionError> {
    // A negative count is an error that sprig drops.
    (0..check(count.max(0))?).map(|_| Ok(char::from(letters[below(scope, letters.len() as u64)? as usize]))).collect()
}

/// A number below the limit, each as likely as any other.
pub(super) fn below(scope: &mut dyn Scope, limit: u64) -> Result<u64, FunctionError> {
    let fair = u64::MAX - u64::MAX % limit;
    loop {
        let mut bytes = [0; 8];
        scope.host().random(&mut bytes)?;
        let number = u64::from_le_bytes(bytes);
        if number < fair {
            return Ok(number % limit);
        }
    }
}
