//! One value in the language of one reader, so that it is a value to it and nothing else.

use std::fmt::Write;

/// Between double quotes of a Unix shell.
pub fn shell(text: &str) -> String {
    format!("\"{}\"", escaped(text, '\\', |c| matches!(c, '\\' | '"' | '$' | '`')))
}

/// Between single quotes of a Unix shell.
pub fn shell_single(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Between double quotes of PowerShell. All of it is ASCII: PowerShell takes typographic quotes for quotes, and may read a script that has
/// no byte order mark in a code page in which the bytes of other letters are such quotes.
pub fn powershell(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        let written = match c {
            '"' | '$' | '`' => write!(quoted, "`{c}"),
            '\n' => write!(quoted, "`n"),
            '\r' => write!(quoted, "`r"),
            ' '..='~' => write!(quoted, "{c}"),
            c => write!(quoted, "$([char]::ConvertFromUtf32({:#x}))", u32::from(c)),
        };
        // a text takes everything
        let _ = written;
    }
    quoted.push('"');
    quoted
}

/// Outside quotes of a batch file of cmd.exe; it has no way to write a line break.
pub fn batch(text: &str) -> String {
    escaped(text, '^', |c| "&|<>()^\"!".contains(c)).replace('%', "%%")
}

/// In a .env file, which has one line for each variable. Readers differ: some take quotes for a part of the value, some run what is not
/// quoted. Plain values, which are the rule, mean the same to all; to a shell every value is what it is.
pub fn env_file(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    match text {
        text if text.chars().all(is_plain) => text.to_owned(),
        text if !text.contains('\'') => format!("'{text}'"),
        text => shell(text),
    }
}

/// A text for a comment: it stays on its line.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

fn escaped(text: &str, with: char, is_special: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_special(c) {
            out.push(with);
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_values() {
        let hostile = "a'; $(x) `y` \\ \"z\" %PATH% & \u{201d} é";
        assert_eq!(shell(hostile), "\"a'; \\$(x) \\`y\\` \\\\ \\\"z\\\" %PATH% & \u{201d} é\"");
        assert_eq!(shell_single(hostile), "'a'\\''; $(x) `y` \\ \"z\" %PATH% & \u{201d} é'");
        assert_eq!(
            powershell(hostile),
            "\"a'; `$(x) ``y`` \\ `\"z`\" %PATH% & $([char]::ConvertFromUtf32(0x201d)) $([char]::ConvertFromUtf32(0xe9))\""
        );
        assert_eq!(powershell("a\r\nb\t"), "\"a`r`nb$([char]::ConvertFromUtf32(0x9))\"");
        assert_eq!(batch(hostile), "a'; $^(x^) `y` \\ ^\"z^\" %%PATH%% ^& \u{201d} é");
        assert_eq!(one_line("a\nb\u{1b}\u{85}é"), "a\\nb\\u{1b}\\u{85}é");
    }

    #[test]
    fn values_of_env_files() {
        for (value, expect) in [
            ("registry.example.org:5000/team/app", "registry.example.org:5000/team/app"),
            ("project.werf.io/git=https://git.example.org/team/app", "project.werf.io/git=https://git.example.org/team/app"),
            ("größe", "größe"),
            ("a b", "'a b'"),
            ("$(x) # \"y\"", "'$(x) # \"y\"'"),
            ("it's $x", "\"it's \\$x\""),
        ] {
            assert_eq!(env_file(value), expect, "{value}");
        }
    }
}
