//! Random values, and random texts of the kinds that functions read.

use werf::template::value::{IntKind, List, Map, MapType, Str, Value};

use super::dice::Dice;

const NUMBERS: &[f64] = &[
    0.0,
    1.0,
    -1.0,
    2.5,
    3.0,
    -0.0,
    0.1,
    0.5,
    -2.5,
    10.0,
    100.0,
    1000.0,
    999_999.0,
    1e6,
    1_234_567.0,
    12_345_678_901.0,
    1e15,
    1e17,
    1e20,
    1e21,
    -1e21,
    1e22,
    123_456_789.5,
    1e-4,
    1e-5,
    9.999e-5,
    1e-6,
    1e-7,
    5e-324,
    1.797_693_134_862_315_7e308,
    9_007_199_254_740_993.0,
    9_223_372_036_854_775_807.0,
    -9_223_372_036_854_775_808.0,
    1.5e300,
    0.30000000000000004,
    1e100,
    4_294_967_296.0,
    2_147_483_648.0,
];

const INTEGERS: &[i64] =
    &[0, 1, -1, 2, 3, 7, 10, 42, 255, 256, 1000, 65_536, 1_000_000, 2_147_483_648, i64::MAX, i64::MIN, 1 << 53, 1_700_000_000];

const WORDS: &[&str] = &[
    "a",
    "b",
    "key",
    "",
    "hello world",
    "Foo",
    "A-b_c.d",
    "true",
    "false",
    "null",
    "~",
    "yes",
    "No",
    "on",
    "y",
    "N",
    "1",
    "-1",
    "0x1f",
    "0o17",
    "017",
    "08",
    "1_000",
    "1e3",
    "1.5",
    ".5",
    "5.",
    "+1",
    "1:20",
    "190:20:30",
    "2024-02-29",
    "2024-02-29T10:00:00Z",
    ".inf",
    "-.Inf",
    ".nan",
    "NaN",
    "Inf",
    "a: b",
    "a:",
    ": a",
    "- a",
    "-",
    "--- a",
    "---",
    "...",
    "#x",
    "a #b",
    "a#b",
    "'x'",
    "\"x\"",
    "a'b",
    "a\"b",
    "\\",
    "a\\nb",
    "\n",
    "a\nb",
    "a\n",
    "\na",
    "a\n\nb\n\n",
    " a",
    "a ",
    "  ",
    "\t",
    "a\tb",
    "a\r\nb",
    "*x",
    "&x",
    "!x",
    "!!str x",
    "%x",
    "@x",
    "`x`",
    "{a}",
    "[a]",
    "{}",
    "[]",
    "a, b",
    "a,b",
    "? a",
    "?",
    "| a",
    "> a",
    "|",
    ">",
    "<<",
    "=",
    "ä",
    "häß→😀",
    "日本",
    "\u{2028}",
    "\u{feff}x",
    "\u{a0}",
    "\u{85}",
    "\u{7f}",
    "\u{1}",
    "\u{0}",
    "<a href='x'>&",
    "</script>",
    "héllo wörld",
    "ŐÑ",
    "ǆ",
    "İI",
    "the quick brown fox jumps over the lazy dog and then some more words follow until the line is much longer than eighty columns",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "HTTPServer",
    "some_snake_case",
    "kebab-case-word",
    "Title Case Text",
    "%d",
    "{{ . }}",
    "$1",
    "${name}",
    "a/b/c",
    "../x",
    "3.14abc",
    "http://h/p?q=1",
    "1h30m",
    "0b11",
    "0B1",
    "0X1F",
    "1__0",
    "_1",
    "1_",
    "0.",
    "1e",
    "1E5",
    "1e+5",
    "6.02e23",
    "1.e5",
    "-0",
    "+.inf",
    "12e03",
    "-2E+05",
    "0o8",
    "0x",
    "1,000",
    "=x",
    "<a",
    "a\u{300}",
];

const LETTERS: &[&str] = &[
    "a", "b", "z", "A", "Z", "0", "1", "9", " ", " ", "-", "_", ".", ":", ",", "#", "'", "\"", "\\", "\n", "\t", "/", "&", "*", "!", "|",
    ">", "<", "%", "@", "`", "{", "}", "[", "]", "(", ")", "?", "=", "+", "~", "^", "$", ";", "é", "ß", "→", "😀", "日", "\u{2028}", "\r",
    "\u{85}", "\u{a0}", "\u{feff}", "\u{200b}", "\u{1b}", "\u{301}", "ABC", "word ", "e1", "0x",
];

/// A text: a word, or letters.
pub fn text(dice: &mut Dice<'_>) -> String {
    match dice.roll(4) {
        0 | 1 => dice.pick(WORDS).to_owned(),
        2 => dice.join(10, "", |dice| dice.pick(LETTERS).to_owned()),
        _ => dice.join(6, " ", |dice| dice.pick(WORDS).to_owned()),
    }
}

/// A number as YAML gives it.
pub fn float(dice: &mut Dice<'_>) -> f64 {
    match dice.roll(4) {
        0 | 1 => NUMBERS[dice.roll(NUMBERS.len())],
        2 => (dice.roll(2_000_001) as f64 - 1e6) / [1.0, 10.0, 100.0, 8.0][dice.roll(4)],
        _ => {
            let bits = f64::from_bits((dice.roll(1 << 32) as u64) << 32 | dice.roll(1 << 32) as u64);
            if bits.is_finite() { bits } else { 0.5 }
        }
    }
}

/// An integer.
pub fn integer(dice: &mut Dice<'_>) -> i64 {
    if dice.one_in(4) { dice.roll(1 << 32) as i64 - (1 << 31) } else { INTEGERS[dice.roll(INTEGERS.len())] }
}

/// Any value that a chart can be given; `depth` levels of lists and maps at most.
pub fn any(dice: &mut Dice<'_>, depth: usize) -> Value {
    match dice.roll(if depth == 0 { 8 } else { 12 }) {
        0 | 1 => text(dice).into(),
        2 => Value::Nil,
        3 => Value::Bool(dice.roll(2) == 1),
        4 | 5 => Value::Float(float(dice)),
        6 => Value::int64(integer(dice)),
        7 => Value::from(""),
        8 | 9 => list(dice, depth - 1),
        _ => map(dice, depth - 1),
    }
}

/// Any value that printf can be given.
pub fn printable(dice: &mut Dice<'_>) -> Value {
    match dice.roll(10) {
        0 => Value::int(integer(dice)),
        1 => Value::Int(integer(dice), IntKind::Uint64),
        2 => Value::Bytes(text(dice).into_bytes().into()),
        3 => Value::List(List::strings([text(dice), text(dice)])),
        4 => Value::int(dice.roll(60) as i64 - 20),
        _ => any(dice, 2),
    }
}

/// A list of anything.
pub fn list(dice: &mut Dice<'_>, depth: usize) -> Value {
    let length = dice.roll(5);
    Value::List(List::any((0..length).map(|_| any(dice, depth)).collect()))
}

/// A map of anything.
pub fn map(dice: &mut Dice<'_>, depth: usize) -> Value {
    let length = dice.roll(5);
    Value::Map((0..length).map(|_| (key(dice), any(dice, depth))).collect::<Map>())
}

/// A key, often one of a few.
pub fn key(dice: &mut Dice<'_>) -> String {
    if dice.one_in(3) { text(dice) } else { dice.pick(&["a", "b", "c", "key", "x-y", "A"]).to_owned() }
}

/// The values of a chart: one entry of each kind, of random content.
pub fn of_chart(dice: &mut Dice<'_>) -> Value {
    let strings = (0..dice.roll(4)).map(|_| Value::from(text(dice))).collect();
    let entries: [(&str, Value); 12] = [
        ("s", text(dice).into()),
        ("s2", text(dice).into()),
        ("n", Value::Float(float(dice))),
        ("f", Value::Float(float(dice))),
        ("i", Value::int64(integer(dice))),
        ("t", Value::Bool(dice.roll(2) == 0)),
        ("nul", Value::Nil),
        ("l", list(dice, 1)),
        ("ls", Value::List(List::any(strings))),
        ("m", map(dice, 2)),
        ("m2", map(dice, 1)),
        ("v", any(dice, 2)),
    ];
    entries.into_iter().collect::<Map>().into()
}

/// Bytes that are no UTF-8, or only in parts: Latin-1, letters that are cut off, lone trailing bytes, key stores.
const RAW: &[&[u8]] = &[
    b"\xe9",
    b"\xff",
    b"\xfe\xed",
    b"\x80",
    b"\xc3",
    b"\xa9",
    b"\xe2\x82",
    b"\xf0\x9f\x98",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xf4\x90\x80\x80",
    b"caf\xe9 ",
    b"\xfe\xff\x00a",
    b" \xa0",
    b"\n\xe9\n",
    b"A\xdcB",
    b"\x85",
    b"\xef\xbf\xbd",
    b"\xf4\x8f\xbe\x80",
    b"a=\xe9,b=\xfc",
];

/// A text in which bytes stand that are no UTF-8.
pub fn raw(dice: &mut Dice<'_>) -> Str {
    let mut bytes = Vec::new();
    for _ in 0..1 + dice.roll(4) {
        match dice.roll(3) {
            0 => bytes.extend_from_slice(dice.pick(LETTERS).as_bytes()),
            1 => bytes.push(0x80 | dice.roll(128) as u8),
            _ => bytes.extend_from_slice(RAW[dice.roll(RAW.len())]),
        }
    }
    Str::from_bytes(bytes)
}

/// The values of a chart in which texts are bytes.
pub fn of_chart_in_bytes(dice: &mut Dice<'_>) -> Value {
    let values = of_chart(dice);
    let map = values.as_map().expect("a map").clone();
    map.insert("s", raw(dice));
    map.insert("s2", raw(dice));
    map.insert("ls", List::any((0..dice.roll(4)).map(|_| Value::String(raw(dice))).collect()));
    map.insert("v", raw(dice));
    let inner: Map = (0..dice.roll(4)).map(|_| (key(dice), Value::String(raw(dice)))).collect();
    map.insert("m", inner);
    values
}

/// A template in which some letters of its text and of its literals are such bytes: written there, or as escapes of a quoted literal.
pub fn with_bytes(dice: &mut Dice<'_>, template: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in template.bytes() {
        match byte {
            b'a' if dice.one_in(6) => out.extend_from_slice(RAW[dice.roll(4)]),
            b'"' if dice.one_in(8) => {
                out.push(b'"');
                if out.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
                    out.extend_from_slice([&b"\\xff"[..], b"\\xe9a", b"\\303", b"\xe9"][dice.roll(4)]);
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// The same under the name that a Helm gives their type.
pub fn named(values: &Value, name: MapType) -> Value {
    Value::Map(values.as_map().expect("a map").retyped(name))
}
