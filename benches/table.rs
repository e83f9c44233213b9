//! The printed table.

use std::io::Write;
use std::time::Duration;

use crate::measure::Sample;

/// One comparison.
pub struct Row {
    /// What was done.
    pub what: String,
    /// The bar that we set ourselves, as text; empty without one.
    pub bar: &'static str,
    /// Ours.
    pub ours: Sample,
    /// The peer's name and its sample.
    pub peer: Option<(&'static str, Sample)>,
    /// What else was counted, such as bytes.
    pub remark: String,
}

/// A line about what runs now.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "bench: {text}");
}

/// Prints all rows to standard output.
pub fn print(rows: &[Row]) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "{:<58} {:>4} {:>24} {:>8} {:>24} {:>8} {:>7}  {:<22} remark",
        "what", "n", "werf min/med/max ms", "MiB", "peer min/med/max ms", "MiB", "ratio", "bar"
    );
    for row in rows {
        let (peer, peer_memory, ratio) = match &row.peer {
            Some((name, sample)) => (
                format!("{name} {}", times(sample)),
                memory(sample),
                format!("{:.2}", row.ours.median().as_secs_f64() / sample.median().as_secs_f64()),
            ),
            None => (String::new(), String::new(), String::new()),
        };
        let ours = times(&row.ours);
        let _ = writeln!(
            out,
            "{:<58} {:>4} {ours:>24} {:>8} {peer:>24} {peer_memory:>8} {ratio:>7}  {:<22} {}",
            row.what,
            row.ours.count(),
            memory(&row.ours),
            row.bar,
            row.remark
        );
    }
}

fn times(sample: &Sample) -> String {
    format!("{}/{}/{}", ms(sample.min()), ms(sample.median()), ms(sample.max()))
}

fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 100.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

fn memory(sample: &Sample) -> String {
    sample.peak_kib.map_or(String::new(), |kib| format!("{:.1}", kib as f64 / 1024.0))
}
