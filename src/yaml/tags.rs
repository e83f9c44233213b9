//! A comma right behind a tag in a flow collection, `[!a, b]`: the parser has no answer to it and would end the process.

use libyaml_safer::{EventData, Parser};

/// How many places are looked at one by one where looking at all of them at once is not enough.
const ONE_BY_ONE: usize = 50;

/// Where the first comma stands that is at the heel of a tag. What looks like a tag may be part of a text, so the parser is asked: with another
/// character in place of the comma it tells that a tag does not end there.
pub(super) fn comma(text: &str) -> Option<usize> {
    let commas = candidates(text);
    let asked = |from: usize| refused(text, commas.get(from..)?);
    let first = commas.iter().position(|comma| Some(*comma) == asked(0));
    match first {
        _ if commas.is_empty() => None,
        Some(first) if asked(first) == Some(commas[first]) => Some(commas[first]),
        _ => (0..commas.len().min(ONE_BY_ONE)).find(|at| asked(*at) == Some(commas[*at])).map(|at| commas[at]),
    }
}

/// The commas that follow a `!` without white space between.
fn candidates(text: &str) -> Vec<usize> {
    let mut in_word = false;
    let comma = |(at, byte): (usize, u8)| {
        in_word = (in_word || byte == b'!') && !byte.is_ascii_whitespace();
        (in_word && byte == b',').then_some(at)
    };
    text.bytes().enumerate().filter_map(comma).collect()
}

/// Where the parser says that a tag does not end, with another character in place of these commas.
fn refused(text: &str, commas: &[usize]) -> Option<usize> {
    let mut bytes = text.as_bytes().to_vec();
    commas.iter().for_each(|comma| bytes[*comma] = b'[');
    bytes.push(b'\n');
    let mut input = bytes.as_slice();
    let skipped = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut parser = Parser::new();
    parser.set_input(&mut input);
    loop {
        match parser.parse() {
            Ok(event) if matches!(event.data, EventData::StreamEnd) => return None,
            Ok(_) => {}
            Err(error) => {
                let is_tag = error.context() == Some("while scanning a tag");
                return error.problem_mark().filter(|_| is_tag).map(|mark| mark.index as usize + skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_behind_tags_are_told_from_others() {
        for (text, expect) in [
            ("[!!str, x]", Some(6)),
            ("a: [b{!,", Some(7)),
            ("a: [!foo, b]", Some(8)),
            ("{a: !, b: c}", Some(5)),
            ("a: [x !y, !foo, b]", Some(14)),
            ("a: ['!,', \"b!,\", !c, d]", Some(19)),
            ("a: |\n  well!, then\nb: [!c, d]", Some(25)),
            ("# a!,\na: Hello!, world\nb: 'c!,d'\n", None),
            ("a: [!foo b, c]", None),
            ("a: !b,", Some(5)), // refused with either character
            ("a: 1", None),
        ] {
            assert_eq!(comma(text), expect, "{text}");
        }
    }
}
