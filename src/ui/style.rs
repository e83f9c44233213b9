//! ANSI colours. Colour never carries meaning alone: every line reads the same without it.

use std::fmt::Display;

/// Whether escape sequences are written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    colored: bool,
}

/// The meaning of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Went well.
    Good,
    /// In progress or worth a look.
    Note,
    /// Warning.
    Warn,
    /// Failed.
    Bad,
    /// Less important.
    Dim,
    /// A heading.
    Strong,
}

impl Style {
    /// Colour or plain.
    pub const fn new(colored: bool) -> Self {
        Style { colored }
    }

    /// The text in its tone.
    pub fn paint(&self, tone: Tone, text: impl Display) -> String {
        if !self.colored {
            return text.to_string();
        }
        let code = match tone {
            Tone::Good => "1;32",
            Tone::Note => "1;36",
            Tone::Warn => "1;33",
            Tone::Bad => "1;31",
            Tone::Dim => "2",
            Tone::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
