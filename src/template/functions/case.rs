//! Upper and lower case, letter by letter as Go maps it, and the naming styles of identifiers.

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
pub(super) fn initials(text: &str) -> String {
    let letters: Vec<char> = text.bytes().map(char::from).collect();
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
pub(super) fn separated(text: &str, connector: char) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    if text.is_empty() {
        return out;
    }
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
                    out.push(connector);
                }
            }
            Word::Connector => push_word(&mut out, previous, previous_word, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    out.push(connector);
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
                        out.push(connector);
                    }
                    continue;
                }
                // Small letters follow, so the number begins a word.
                out.push(connector);
                push_word(&mut out, Word::Number, number, connector);
                while matches!(kind, Word::Letters | Word::Number) {
                    push_word(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::None | Word::Connector | Word::Punctuation) {
                    out.push(connector);
                }
            }
        }
    }
    push_word(&mut out, kind, word, connector);
    out
}

fn push_word(out: &mut String, kind: Word, word: &str, connector: char) {
    match kind {
        Word::Upper | Word::Letters => out.extend(word.chars().map(lower)),
        Word::Connector => out.extend(std::iter::repeat_n(connector, word.chars().count())),
        _ => out.push_str(word),
    }
}

fn next_word(text: &str) -> (Word, &str, &str) {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return (Word::None, "", "") };
    let run = |from: usize, belongs: &dyn Fn(char) -> bool| text[from..].find(|letter| !belongs(letter)).map_or(text.len(), |at| from + at);
    let small = |letter: char| is_alphabetic(letter) && !letter.is_uppercase();
    let (kind, end) = if is_connector(first) {
        (Word::Connector, run(0, &is_connector))
    } else if is_punctuation(first) {
        (Word::Punctuation, run(0, &is_punctuation))
    } else if first.is_uppercase() {
        let end = match letters.next() {
            Some(second) if second.is_uppercase() => {
                let end = run(0, &char::is_uppercase);
                // The last capital of `HTTPServer`'s run begins the next word.
                match text[end..].chars().next() {
                    Some(next) if is_alphabetic(next) => end - text[..end].chars().next_back().map_or(0, char::len_utf8),
                    _ => end,
                }
            }
            Some(second) if is_alphabetic(second) => run(first.len_utf8(), &small),
            _ => first.len_utf8(),
        };
        (Word::Upper, end)
    } else if is_alphabetic(first) {
        (Word::Letters, run(first.len_utf8(), &small))
    } else if first.is_numeric() {
        (Word::Number, run(0, &char::is_numeric))
    } else {
        let other = |letter: char| !(is_connector(letter) || is_alphabetic(letter) || letter.is_numeric() || is_punctuation(letter));
        (Word::Other, run(0, &other))
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
