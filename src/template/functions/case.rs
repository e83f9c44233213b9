//! Upper and lower case, letter by letter as Go maps it, and the naming styles of identifiers.

use crate::template::runes;
use crate::template::value::Str;

/// The upper-case form, where it is a single letter.
pub(super) fn upper(letter: char) -> char {
    let mut mapped = letter.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        _ => letter,
    }
}

/// The lower-case form, where it is a single letter.
pub(super) fn lower(letter: char) -> char {
    let mut mapped = letter.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        // Only the dotted capital I has a longer form here.
        (Some(first), Some(_)) => first,
        _ => letter,
    }
}

/// Raises the first letter after everything that is neither letter, digit nor underscore.
pub(super) fn title(text: &str) -> String {
    let mut previous = ' ';
    text.chars()
        .map(|letter| {
            let starts = is_separator(previous);
            previous = letter;
            if starts { titled(letter) } else { letter }
        })
        .collect()
}

fn is_separator(letter: char) -> bool {
    match letter.is_ascii() {
        true => !(letter.is_ascii_alphanumeric() || letter == '_'),
        false => letter.is_whitespace(),
    }
}

/// Lowers the first letter of each word.
pub(super) fn untitle(text: &str) -> String {
    let mut starts = true;
    text.chars()
        .map(|letter| {
            let first = starts;
            starts = letter.is_whitespace();
            if first && !starts { lower(letter) } else { letter }
        })
        .collect()
}

/// The first letter of each word.
pub(super) fn initials(text: &[u8]) -> String {
    let letters: Vec<char> = text.iter().copied().map(char::from).collect();
    letters.split(|letter| letter.is_whitespace()).filter_map(|word| word.first()).collect()
}

/// Upper case becomes lower case and the reverse.
pub(super) fn swap(text: &str) -> String {
    let mut begins_word = true;
    let swap = |letter: char| match letter {
        _ if letter.is_uppercase() || is_title(letter) => {
            begins_word = false;
            lower(letter)
        }
        _ if letter.is_lowercase() && std::mem::take(&mut begins_word) => titled(letter),
        _ if letter.is_lowercase() => upper(letter),
        _ => {
            begins_word = letter.is_whitespace();
            letter
        }
    };
    text.chars().map(swap).collect()
}

/// The form at the beginning of a word.
fn titled(letter: char) -> char {
    match letter {
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        _ => upper(letter),
    }
}

/// Letters that are two in one, the first of them a capital.
fn is_title(letter: char) -> bool {
    matches!(letter, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

/// Whether words are told apart by it: a letter that is no ideograph.
fn is_alphabetic(letter: char) -> bool {
    letter.is_alphabetic() && !matches!(letter, '\u{3400}'..='\u{4d85}' | '\u{4e00}'..='\u{9fcc}' | '\u{20000}'..='\u{2b81d}')
}

fn is_connector(letter: char) -> bool {
    letter == '-' || letter == '_' || letter.is_whitespace()
}

/// `some_words` and `some-words` become `SomeWords`, `HTTP_SERVER` becomes `HttpServer`; leading and doubled connectors stay.
pub(super) fn pascal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    let mut current = loop {
        match letters.next() {
            // of nothing but connectors the last one comes out twice
            None => {
                out.extend(text.chars().next_back());
                return out;
            }
            Some(letter) if is_connector(letter) => out.push(letter),
            Some(letter) => break letter,
        }
    };
    let mut upper_run = current.is_uppercase();
    current = upper(current);
    for letter in letters {
        let previous = current;
        current = letter;
        if is_connector(current) && is_connector(previous) {
            out.push(previous);
        } else if is_connector(previous) {
            upper_run = current.is_uppercase();
            current = upper(current);
        } else {
            if upper_run {
                if current.is_uppercase() {
                    current = lower(current);
                } else {
                    upper_run = false;
                }
            }
            out.push(previous);
        }
    }
    out.push(current);
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Word {
    None,
    Number,
    Upper,
    Letters,
    Connector,
    Punctuation,
    Other,
}

/// `FirstName` becomes `first_name`, `HTTPServer` `http_server`, `http2xx` `http_2xx`, `Bld4Floor` `bld4_floor`.
/// Bytes that are no UTF-8 belong to the word of the next letter.
pub(super) fn separated(text: &[u8], connector: char) -> Str {
    let mut out = Vec::with_capacity(text.len() + 8);
    if text.is_empty() {
        return "".into();
    }
    let join = |out: &mut Vec<u8>| out.extend_from_slice(connector.encode_utf8(&mut [0; 4]).as_bytes());
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            push_word(&mut out, kind, word, connector);
        }
        let (previous, previous_word) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match previous {
            Word::Number => {
                while matches!(kind, Word::Letters | Word::Number) {
                    push_word(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::None | Word::Punctuation | Word::Connector) {
                    join(&mut out);
                }
            }
            Word::Connector => push_word(&mut out, previous, previous_word, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    join(&mut out);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind != Word::Letters {
                    // The number ends the word before it.
                    push_word(&mut out, Word::Number, number, connector);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        join(&mut out);
                    }
                    continue;
                }
                // Small letters follow, so the number begins a word.
                join(&mut out);
                push_word(&mut out, Word::Number, number, connector);
                while matches!(kind, Word::Letters | Word::Number) {
                    push_word(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::None | Word::Connector | Word::Punctuation) {
                    join(&mut out);
                }
            }
        }
    }
    push_word(&mut out, kind, word, connector);
    Str::from_bytes(out)
}

fn push_word(out: &mut Vec<u8>, kind: Word, word: &[u8], connector: char) {
    if !matches!(kind, Word::Upper | Word::Connector) {
        return out.extend_from_slice(word);
    }
    for (letter, _) in runes::each(word) {
        let letter = match letter {
            letter if is_connector(letter) => connector,
            letter if letter.is_uppercase() => lower(letter),
            letter => letter,
        };
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// The next letter behind bytes that are no UTF-8, and the size of all. Where none follows, it is as if the letter before stood there.
fn next_letter(bytes: &[u8], before: Option<char>) -> (Option<char>, usize) {
    let mut size = 0;
    for (letter, own) in runes::each(bytes) {
        size += own.len();
        if letter != char::REPLACEMENT_CHARACTER {
            return (Some(letter), size);
        }
    }
    (before, size)
}

fn next_word(text: &[u8]) -> (Word, &[u8], &[u8]) {
    if text.is_empty() {
        return (Word::None, text, text);
    }
    let (first, mut end) = next_letter(text, None);
    let Some(first) = first else { return (Word::None, &text[..end], &text[end..]) };
    let mut last = Some(first);
    // reads on while letters belong, and gives the size of the last one; `last` is the first that does not
    let mut run = |end: &mut usize, belongs: &dyn Fn(char) -> bool| {
        let mut width = 0;
        while *end < text.len() {
            let (letter, size) = next_letter(&text[*end..], last);
            last = letter;
            if !letter.is_some_and(belongs) {
                break;
            }
            *end += size;
            width = size;
        }
        width
    };
    let small = |letter: char| is_alphabetic(letter) && !letter.is_uppercase();
    let kind = if is_connector(first) {
        run(&mut end, &is_connector);
        Word::Connector
    } else if is_punctuation(first) {
        run(&mut end, &is_punctuation);
        Word::Punctuation
    } else if first.is_uppercase() {
        let second = next_letter(&text[end..], Some(first)).0.filter(|_| end < text.len());
        if second.is_some_and(char::is_uppercase) {
            let width = run(&mut end, &char::is_uppercase);
            // The last capital of `HTTPServer`'s run begins the next word.
            if end < text.len() && last.is_some_and(is_alphabetic) {
                end -= width;
            }
        } else if second.is_some_and(is_alphabetic) {
            run(&mut end, &small);
        }
        Word::Upper
    } else if is_alphabetic(first) {
        run(&mut end, &small);
        Word::Letters
    } else if first.is_numeric() {
        run(&mut end, &char::is_numeric);
        Word::Number
    } else {
        run(&mut end, &|letter| !(is_connector(letter) || is_alphabetic(letter) || letter.is_numeric() || is_punctuation(letter)));
        Word::Other
    };
    (kind, &text[..end], &text[end..])
}

/// Unicode's category P, for the letters that names hold.
fn is_punctuation(letter: char) -> bool {
    match letter.is_ascii() {
        true => letter.is_ascii_punctuation() && !matches!(letter, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~'),
        false => {
            matches!(letter, '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}')
        }
    }
}
