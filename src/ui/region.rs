//! The rows below the printed lines, as the terminal gets them.
//!
//! The cursor rests at the beginning of the first row. So whatever a resized window makes of the rows, lines that wrap or lines that are cut,
//! the next frame begins where the last one did, and who writes an error meanwhile writes over the rows. Each frame is one write. It is
//! shown at once where the terminal has synchronized updates (DEC mode 2026); others pass over what they do not know. Rows do not wrap.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::concealed::masked;

/// Whether rows stand below the cursor.
static STANDS: AtomicBool = AtomicBool::new(false);

/// What takes the rows away.
const ERASE: &str = "\r\x1b[J";

/// Rows that are drawn again and again.
#[derive(Debug, Default)]
pub struct Region {
    rows: Vec<String>,
    size: (usize, usize),
}

impl Region {
    /// Prints whole lines, which stay, and the rows below them. Nothing is written where nothing differs.
    ///
    /// Lines end with line ends, not with the terminal's edge: what is copied stays in lines.
    pub fn draw(&mut self, lines: &str, rows: Vec<String>, size: (usize, usize)) {
        let mut stderr = std::io::stderr().lock();
        let stood = STANDS.swap(!rows.is_empty(), Ordering::Relaxed);
        let is_same = stood != rows.is_empty() && self.rows == rows && self.size == size;
        if !(lines.is_empty() && is_same) {
            let _ = stderr.write_all(frame(&masked(lines), &rows, stood).as_bytes());
        }
        (self.rows, self.size) = (rows, size);
    }
}

/// What is written before other text, so that it does not stand among rows. The caller has the lock of standard error.
pub fn erased() -> &'static str {
    if STANDS.swap(false, Ordering::Relaxed) { ERASE } else { "" }
}

/// Takes the rows away until they are drawn again.
pub fn erase() {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(erased().as_bytes());
}

fn frame(lines: &str, rows: &[String], stood: bool) -> String {
    const BEGIN: &str = "\x1b[?2026h";
    const END: &str = "\x1b[?2026l";
    const WRAP: [&str; 2] = ["\x1b[?7l", "\x1b[?7h"];
    let erase = if stood && (!lines.is_empty() || rows.is_empty()) { ERASE } else { "" };
    let Some((last, above)) = rows.split_last() else {
        return if stood { format!("{BEGIN}{erase}{lines}{END}") } else { lines.to_owned() };
    };
    let above: String = above.iter().map(|row| format!("{row}\x1b[K\r\n")).collect();
    let up = if rows.len() > 1 { format!("\x1b[{}A", rows.len() - 1) } else { String::new() };
    format!("{BEGIN}{erase}{lines}\r{}{above}{last}\x1b[J\r{up}{}{END}", WRAP[0], WRAP[1])
}
