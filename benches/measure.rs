//! Runs whole processes and keeps their wall time and peak memory.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Wall times of one thing, and the highest peak memory seen.
#[derive(Clone, Debug)]
pub struct Sample {
    times: Vec<Duration>,
    /// Peak resident memory in KiB, where processes ran.
    pub peak_kib: Option<u64>,
}

impl Sample {
    /// From times measured in process.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Sample { times, peak_kib: None }
    }

    /// Number of runs.
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// The shortest.
    pub fn min(&self) -> Duration {
        self.times[0]
    }

    /// The middle one.
    pub fn median(&self) -> Duration {
        self.times[self.times.len() / 2]
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        self.times[self.times.len() - 1]
    }
}

/// Runs ours and the peer's by turns, `n` times each, so that both meet the same noise. The closures make the i-th command.
pub fn by_turns(n: usize, mut ours: impl FnMut(usize) -> Command, mut peer: impl FnMut(usize) -> Command) -> (Sample, Sample) {
    let (mut a, mut b) = (Runs::default(), Runs::default());
    for i in 0..n {
        a.run(ours(i));
        b.run(peer(i));
    }
    (a.sample(), b.sample())
}

/// Runs one command `n` times.
pub fn alone(n: usize, mut command: impl FnMut(usize) -> Command) -> Sample {
    let mut runs = Runs::default();
    (0..n).for_each(|i| runs.run(command(i)));
    runs.sample()
}

/// Runs a command that must succeed, outside of any measurement.
pub fn must(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}\n{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[derive(Default)]
struct Runs {
    times: Vec<Duration>,
    peak_kib: u64,
}

impl Runs {
    fn run(&mut self, mut command: Command) {
        command.stdout(Stdio::null()).stdin(Stdio::null());
        let errors = tempfile::tempfile().expect("a temporary file");
        command.stderr(errors.try_clone().expect("a second handle"));
        let start = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let status_file = format!("/proc/{}/status", child.id());
        // another thread samples memory, so that waiting for the end is exact
        let sampler = std::thread::spawn(move || {
            let mut peak = 0;
            while let Some(kib) = high_water(&status_file) {
                peak = peak.max(kib);
                std::thread::sleep(Duration::from_millis(2));
            }
            peak
        });
        let status = child.wait().expect("a child can be waited for");
        let took = start.elapsed();
        if !status.success() {
            use std::io::{Read, Seek};
            let mut text = String::new();
            let mut errors = errors;
            let _ = errors.rewind().and_then(|()| errors.read_to_string(&mut text));
            panic!("{command:?} ended with {status}\n{text}");
        }
        self.times.push(took);
        self.peak_kib = self.peak_kib.max(sampler.join().unwrap_or(0));
    }

    fn sample(self) -> Sample {
        Sample { peak_kib: Some(self.peak_kib), ..Sample::of(self.times) }
    }
}

fn high_water(status_file: &str) -> Option<u64> {
    let text = fs::read_to_string(status_file).ok()?;
    text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}
