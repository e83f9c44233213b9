//! From RE2's syntax, as Go's `regexp` reads it, to the syntax of the `regex` crate.
//!
//! In RE2 `\d \w \s \b` and the POSIX classes are ASCII, `\Q…\E` quotes, `\123` is octal, a `{` that begins no repetition is a
//! letter, and inside of a class `[`, `&&`, `--` and `~~` mean nothing special. Errors are Go's texts.

/// Repetitions may not count further.
const MAX_REPEAT: u32 = 1000;
/// Groups nested deeper than this are refused.
const MAX_DEPTH: usize = 200;

/// Rewrites a pattern, or says what is wrong with it.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut translator = Translator { pattern, at: 0, out: String::with_capacity(pattern.len() + 16), depth: 0, names: Vec::new() };
    translator.run()?;
    Ok(translator.out)
}

struct Translator<'p> {
    pattern: &'p str,
    at: usize,
    out: String,
    depth: usize,
    names: Vec<&'p str>,
}

/// What stands before an operator.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Nothing,
    Atom,
    Repetition { from: usize },
}

impl<'p> Translator<'p> {
    fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    fn run(&mut self) -> Result<(), String> {
        let mut last = Last::Nothing;
        while let Some(letter) = self.peek() {
            let start = self.at;
            last = match letter {
                '(' => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err(format!("expression nests too deeply: `{}`", self.pattern));
                    }
                    if self.group()? { Last::Nothing } else { last }
                }
                ')' => {
                    if self.depth == 0 {
                        return Err(format!("unexpected ): `{}`", self.pattern));
                    }
                    self.depth -= 1;
                    self.copy();
                    Last::Atom
                }
                '|' => {
                    self.copy();
                    Last::Nothing
                }
                '*' | '+' | '?' => {
                    self.at += 1;
                    self.repetition(start, last)?
                }
                '{' => match repeat_counts(self.rest()) {
                    Some((length, low, high)) => {
                        self.at += length;
                        if low > MAX_REPEAT || high.is_some_and(|high| high > MAX_REPEAT || high < low) {
                            return Err(format!("invalid repeat count: `{}`", &self.pattern[start..self.at]));
                        }
                        self.repetition(start, last)?
                    }
                    None => {
                        self.at += 1;
                        self.out.push_str("\\{");
                        Last::Atom
                    }
                },
                '[' => {
                    self.class()?;
                    Last::Atom
                }
                '\\' => {
                    self.escape()?;
                    Last::Atom
                }
                ']' | '}' => {
                    self.at += 1;
                    self.out.push('\\');
                    self.out.push(letter);
                    Last::Atom
                }
                _ => {
                    self.copy();
                    Last::Atom
                }
            };
        }
        if self.depth > 0 { Err(format!("missing closing ): `{}`", self.pattern)) } else { Ok(()) }
    }

    fn copy(&mut self) {
        if let Some(letter) = self.bump() {
            self.out.push(letter);
        }
    }

    fn repetition(&mut self, start: usize, last: Last) -> Result<Last, String> {
        if self.peek() == Some('?') {
            self.at += 1;
        }
        match last {
            Last::Nothing => Err(format!("missing argument to repetition operator: `{}`", &self.pattern[start..self.at])),
            Last::Repetition { from } => Err(format!("invalid nested repetition operator: `{}`", &self.pattern[from..self.at])),
            Last::Atom => {
                self.out.push_str(&self.pattern[start..self.at]);
                Ok(Last::Repetition { from: start })
            }
        }
    }

    /// Copies the opening of a group; says whether one was opened, and not only flags set.
    fn group(&mut self) -> Result<bool, String> {
        let rest = self.rest();
        let Some(inside) = rest.strip_prefix("(?") else {
            self.copy();
            return Ok(true);
        };
        let name = inside.strip_prefix("P<").or_else(|| inside.strip_prefix('<'));
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            let Some(end) = name.find('>') else { return Err(format!("invalid named capture: `{rest}`")) };
            let length = rest.len() - name.len() + end + 1;
            let name = &name[..end];
            if name.is_empty() || !name.chars().all(|letter| letter == '_' || letter.is_alphanumeric()) {
                return Err(format!("invalid named capture: `{}`", &rest[..length]));
            }
            // A name may occur again; the first group keeps it.
            // A name may occur again; the first group keeps it. What begins with a digit can be written here but never named later.
            if self.names.contains(&name) || name.starts_with(|first: char| !first.is_alphabetic() && first != '_') {
                self.out.push('(');
            } else {
                self.names.push(name);
                self.out.push_str(&rest[..length]);
            }
            self.at += length;
            return Ok(true);
        }
        let length = inside.find(|letter: char| !matches!(letter, 'i' | 'm' | 's' | 'U' | '-')).unwrap_or(inside.len());
        let opened = match inside[length..].chars().next() {
            Some(':') => true,
            Some(')') => false,
            None => return Err(format!("invalid or unsupported Perl syntax: `{rest}`")),
            Some(other) => {
                let end = 2 + length + other.len_utf8();
                return Err(format!("invalid or unsupported Perl syntax: `{}`", &rest[..end]));
            }
        };
        if !opened {
            self.depth -= 1;
        }
        if length > 0 || opened {
            self.out.push_str(&rest[..2 + length + 1]);
        }
        self.at += 2 + length + 1;
        Ok(opened)
    }

    fn escape(&mut self) -> Result<(), String> {
        let rest = self.rest();
        if let Some(quoted) = rest.strip_prefix("\\Q") {
            let text = quoted.split("\\E").next().unwrap_or(quoted);
            self.out.push_str(&regex::escape(text));
            self.at += 2 + text.len();
            if self.rest().starts_with("\\E") {
                self.at += 2;
            }
            return Ok(());
        }
        let ascii = match rest.as_bytes().get(1) {
            Some(b'd') => "[0-9]",
            Some(b'D') => "[^0-9]",
            Some(b'w') => "[0-9A-Za-z_]",
            Some(b'W') => "[^0-9A-Za-z_]",
            Some(b's') => "[\\t\\n\\f\\r ]",
            Some(b'S') => "[^\\t\\n\\f\\r ]",
            Some(b'b') => "(?-u:\\b)",
            Some(b'B') => "\\B",
            Some(b'A') => "\\A",
            Some(b'z') => "\\z",
            _ => {
                if !self.unicode_class()? {
                    let letter = self.letter()?;
                    push_literal(&mut self.out, letter);
                }
                return Ok(());
            }
        };
        self.out.push_str(ascii);
        self.at += 2;
        Ok(())
    }

    /// Copies `\pL` and `\p{Greek}`.
    fn unicode_class(&mut self) -> Result<bool, String> {
        let rest = self.rest();
        if !(rest.starts_with("\\p") || rest.starts_with("\\P")) {
            return Ok(false);
        }
        let length = match rest[2..].chars().next() {
            Some('{') => rest.find('}').map_or(rest.len(), |end| end + 1),
            Some(letter) => 2 + letter.len_utf8(),
            None => rest.len(),
        };
        if regex::Regex::new(&rest[..length]).is_err() {
            return Err(format!("invalid character class range: `{}`", &rest[..length]));
        }
        self.out.push_str(&rest[..length]);
        self.at += length;
        Ok(true)
    }

    /// Reads an escape that stands for one letter.
    fn letter(&mut self) -> Result<char, String> {
        let start = self.at;
        self.at += 1;
        let Some(letter) = self.bump() else { return Err("trailing backslash at end of expression: ``".to_owned()) };
        let invalid = |to: usize| format!("invalid escape sequence: `{}`", &self.pattern[start..to]);
        Ok(match letter {
            'a' => '\u{7}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '0'..='7' => {
                let octal = |text: &str, most: usize| text.bytes().take(most).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let more = octal(self.rest(), 2);
                if letter != '0' && more == 0 {
                    return Err(invalid(self.at));
                }
                let end = self.at + more;
                let code = u32::from_str_radix(&self.pattern[start + 1..end], 8).unwrap_or(0);
                self.at = end;
                char::from_u32(code).ok_or_else(|| invalid(end))?
            }
            'x' => {
                let rest = self.rest();
                let (digits, length) = match rest.strip_prefix('{') {
                    Some(braced) => match braced.find('}') {
                        Some(end) => (&braced[..end], end + 2),
                        None => return Err(invalid(self.pattern.len())),
                    },
                    None => match rest.get(..2) {
                        Some(digits) => (digits, 2),
                        None => return Err(invalid(self.pattern.len())),
                    },
                };
                let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                let code = u32::from_str_radix(digits, 16).ok().filter(|_| hex);
                let end = self.at + length;
                self.at = end;
                code.and_then(char::from_u32).ok_or_else(|| format!("invalid escape sequence: `{}`", &self.pattern[start..end]))?
            }
            _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => letter,
            _ => return Err(invalid(self.at)),
        })
    }

    fn class(&mut self) -> Result<(), String> {
        let whole = self.rest();
        self.at += 1;
        self.out.push('[');
        if self.peek() == Some('^') {
            self.copy();
        }
        let mut first = true;
        loop {
            let rest = self.rest();
            let Some(letter) = self.peek() else { return Err(format!("missing closing ]: `{whole}`")) };
            if letter == ']' && !first {
                self.copy();
                return Ok(());
            }
            first = false;
            if let Some(name) = rest.strip_prefix("[:")
                && let Some(end) = name.find(":]")
            {
                let text = &rest[..end + 4];
                if !is_posix(&name[..end]) {
                    return Err(format!("invalid character class range: `{text}`"));
                }
                self.out.push_str(text);
                self.at += text.len();
                continue;
            }
            let ascii = match rest.as_bytes() {
                [b'\\', b'd', ..] => "0-9",
                [b'\\', b'D', ..] => "[^0-9]",
                [b'\\', b'w', ..] => "0-9A-Za-z_",
                [b'\\', b'W', ..] => "[^0-9A-Za-z_]",
                [b'\\', b's', ..] => "\\t\\n\\f\\r\\x20",
                [b'\\', b'S', ..] => "[^\\t\\n\\f\\r ]",
                _ => "",
            };
            if !ascii.is_empty() {
                self.out.push_str(ascii);
                self.at += 2;
                continue;
            }
            if self.unicode_class()? {
                continue;
            }
            let start = self.at;
            let low = self.class_letter(whole)?;
            push_in_class(&mut self.out, low);
            let after = self.rest();
            if after.starts_with('-') && !after.starts_with("-]") {
                self.at += 1;
                let high = self.class_letter(whole)?;
                if high < low {
                    return Err(format!("invalid character class range: `{}`", &self.pattern[start..self.at]));
                }
                self.out.push('-');
                push_in_class(&mut self.out, high);
            }
        }
    }

    fn class_letter(&mut self, whole: &str) -> Result<char, String> {
        match self.peek() {
            None => Err(format!("missing closing ]: `{whole}`")),
            Some('\\') => self.letter(),
            Some(letter) => {
                self.at += letter.len_utf8();
                Ok(letter)
            }
        }
    }
}

fn push_literal(out: &mut String, letter: char) {
    if letter.is_control() {
        push_in_class(out, letter);
    } else {
        out.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4])));
    }
}

fn push_in_class(out: &mut String, letter: char) {
    if letter.is_ascii_alphanumeric() || !letter.is_ascii() {
        out.push(letter);
    } else {
        out.push_str(&format!("\\x{:02X}", letter as u32));
    }
}

fn is_posix(name: &str) -> bool {
    let name = name.strip_prefix('^').unwrap_or(name);
    let names =
        ["alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word", "xdigit"];
    names.contains(&name)
}

/// Reads `{2}`, `{2,}` or `{2,5}`: its length and bounds.
fn repeat_counts(text: &str) -> Option<(usize, u32, Option<u32>)> {
    let inside = text[1..].split('}').next().filter(|inside| text.len() > inside.len() + 1)?;
    let number = |digits: &str| {
        let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        valid.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (low, high) = match inside.split_once(',') {
        None => (number(inside)?, None),
        Some((low, "")) => (number(low)?, None),
        Some((low, high)) => (number(low)?, Some(number(high)?)),
    };
    Some((inside.len() + 2, low, high))
}
