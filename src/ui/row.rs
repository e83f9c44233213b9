//! A row of the live region: what runs or is waited for, told from the most telling part to the least, in the columns that there are.

use std::time::Duration;

use unicode_width::UnicodeWidthChar;

use super::line::printable;
use super::style::{Style, Tone};
use crate::concealed::masked;

/// Columns of the verb and of the space behind it, so that the text stands below the text of lines.
const HEAD: usize = 13;

/// A part of which fewer columns would be left is left out as a whole.
const LEAST: usize = 12;

/// Fewer columns are narrow.
const NARROW: usize = 60;

/// Between the parts.
const DOT: &str = " · ";

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `building`, `waiting` …
    pub verb: &'static str,
    /// Colour of the verb.
    pub tone: Tone,
    /// What it is, the most telling first. Where columns are short the last go first.
    pub parts: Vec<String>,
    /// How long it has been so; always shown.
    pub time: Option<Duration>,
    /// What stays where rows are short: the lowest.
    pub rank: u8,
}

impl Row {
    /// The row in at most so many columns, without a line end.
    pub fn print(&self, style: Style, columns: usize) -> String {
        let time = self.time.map(|time| format!("{DOT}{}", short(time))).unwrap_or_default();
        // room for the time that it will be, so that the text does not move; nothing stands in the last column, where terminals differ
        let reserved = if time.is_empty() { 0 } else { width(if columns < NARROW { " · 59s" } else { " · 59m59s" }) };
        let room = columns.saturating_sub(HEAD + reserved.max(width(&time)) + 1);
        let verb = style.paint(self.tone, format_args!("{:>verb$}", self.verb, verb = HEAD - 2));
        format!("{verb}  {}{}", self.text(room), if time.is_empty() { time } else { style.paint(Tone::Dim, time) })
    }

    fn text(&self, room: usize) -> String {
        // a secret is taken out before it can be cut in two
        let parts: Vec<String> = self.parts.iter().map(|part| printable(&masked(part)).replace('\t', " ")).collect();
        // a long reason leaves room for whose it is
        let kept = match parts.get(1).map(|second| width(second)) {
            Some(second) if room >= NARROW => second.min(room / 3) + width(DOT),
            Some(second) if room >= NARROW / 2 => second.min(LEAST) + width(DOT),
            _ => 0,
        };
        let mut text = String::new();
        for part in &parts {
            if text.is_empty() {
                text = cut(part, room - kept);
                continue;
            }
            let left = room.saturating_sub(width(&text) + width(DOT));
            if width(part) > left && left < LEAST {
                break;
            }
            text = format!("{text}{DOT}{}", cut(part, left));
        }
        text
    }
}

/// The beginning of a text that has so many columns; whether something is missing is seen.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |c: &char| match left.checked_sub(c.width().unwrap_or(0)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let mut begun: String = text.chars().take_while(fits).collect();
    if columns > 0 {
        begun.push('…');
    }
    begun
}

/// Columns of a text, character by character: what a terminal joins to one sign may have fewer.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// A time that goes on, for a glance: `3s`, `1m3s`, `2h5m`.
pub fn short(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m{}s", s / 60, s % 60),
        s => format!("{}h{}m", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(parts: &[&str], seconds: u64) -> Row {
        let parts = parts.iter().map(|part| (*part).to_owned()).collect();
        Row { verb: "waiting", tone: Tone::Note, parts, time: Some(Duration::from_secs(seconds)), rank: 0 }
    }

    #[test]
    fn the_least_telling_end_goes_first_and_the_time_stays() {
        let row = waiting(&["Insufficient memory", "Deployment/payment", "0 of 2 ready", "pod payment-6d78d64555-267ng"], 63);
        for (columns, expect) in [
            (120, "    waiting  Insufficient memory · Deployment/payment · 0 of 2 ready · pod payment-6d78d64555-267ng · 1m3s"),
            (100, "    waiting  Insufficient memory · Deployment/payment · 0 of 2 ready · pod payment-6d78d6… · 1m3s"),
            (80, "    waiting  Insufficient memory · Deployment/payment · 0 of 2 ready · 1m3s"),
            (60, "    waiting  Insufficient memory · Deployment/pay… · 1m3s"),
            (40, "    waiting  Insufficient memory · 1m3s"),
            (30, "    waiting  Insuffic… · 1m3s"),
            (5, "    waiting   · 1m3s"),
        ] {
            assert_eq!(row.print(Style::new(false), columns), expect, "{columns}");
        }
    }

    #[test]
    fn a_long_reason_leaves_room_for_whose_it_is() {
        let reason = "Insufficient memory, 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) had untolerated taints";
        let row = waiting(&[reason, "Deployment/payment", "0 of 2 ready"], 3);
        for (columns, expect) in [
            (120, "    waiting  Insufficient memory, 1 node(s) didn't match Pod's node affinity/selector, 2… · Deployment/payment · 3s"),
            (100, "    waiting  Insufficient memory, 1 node(s) didn't match Pod's node … · Deployment/payment · 3s"),
            (60, "    waiting  Insufficient memory, … · Deployment/… · 3s"),
            (40, "    waiting  Insufficient memory… · 3s"),
        ] {
            assert_eq!(row.print(Style::new(false), columns), expect, "{columns}");
        }
    }

    #[test]
    fn wide_and_right_to_left_characters_take_the_columns_that_they_have() {
        for (text, columns, expect) in [
            ("日本語のログ", 12, "日本語のログ"),
            ("日本語のログ", 11, "日本語のロ…"),
            ("日本語のログ", 10, "日本語の…"),
            ("שלום עולם", 9, "שלום עולם"),
            ("שלום עולם", 6, "שלום …"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("a", 0, ""),
        ] {
            assert_eq!(cut(text, columns), expect, "{text} {columns}");
            assert!(width(&cut(text, columns)) <= columns, "{text} {columns}");
        }
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let row = waiting(&["a\u{1b}[2J\u{9b}1m\tb\u{202e}c\u{2067}d\r"], 1);
        assert_eq!(row.print(Style::new(false), 80), "    waiting  a[2J1m bcd · 1s");
    }
}
