//! What came of the trials.

use std::collections::{BTreeMap, HashMap};

use super::outcome::Outcome;
use super::trial::Trial;

/// A trial with its name, or why werf refuses it, and with what BuildKit makes of it.
pub struct Tried<'t> {
    /// Which.
    pub trial: Trial<'t>,
    /// Its name.
    pub name: &'t Result<String, String>,
    /// Its result.
    pub outcome: &'t Outcome,
}

/// Faults and figures.
#[derive(Default)]
pub struct Report {
    /// Each with the whole project.
    pub faults: Vec<String>,
    /// Projects that BuildKit does not build.
    pub failures: Vec<String>,
    /// Changes with an effect.
    effective: usize,
    /// By kind of change: how many have no effect, and how many of these change the name.
    harmless: BTreeMap<&'static str, (usize, usize)>,
    /// Those that change the name without need.
    needless: Vec<String>,
}

/// Holds all trials against each other: one name has one result, and a change without an effect keeps the name. Each project comes
/// before its changes.
pub fn report(tried: &[Tried<'_>]) -> Report {
    let mut report = Report::default();
    let mut named: HashMap<&str, &Tried<'_>> = HashMap::new();
    let mut before = &tried[0];
    for this in tried {
        match (&this.name, &this.outcome) {
            (Err(why), Outcome::Image(_)) => report.fault("refused, though BuildKit builds it", this, why),
            (Ok(name), outcome) => {
                let first = *named.entry(name).or_insert(this);
                if first.outcome != *outcome {
                    let why = format!("as {}\n  {}", first.trial.describe(), first.outcome.difference(outcome));
                    report.fault("the same name, though the result is another", this, &why);
                }
            }
            (Err(_), Outcome::Fails(_)) => {}
        }
        match this.trial.change {
            None => {
                before = this;
                if let Outcome::Fails(why) = this.outcome {
                    report.failures.push(format!("{}: {why}", this.trial.describe()));
                }
            }
            Some((_, change)) if before.outcome == this.outcome => {
                // nobody asks for the name of what cannot be built
                if this.trial.counts()
                    && matches!(this.outcome, Outcome::Image(_))
                    && let (Ok(old), Ok(new)) = (before.name, this.name)
                {
                    let (all, needless) = report.harmless.entry(change.kind).or_default();
                    *all += 1;
                    if old != new {
                        *needless += 1;
                        report.needless.push(this.trial.describe());
                    }
                }
            }
            Some(_) => report.effective += 1,
        }
    }
    report
}

/// Whether a change is an edit of what an instruction says. Some of those happen to have no effect (a line twice, a flag that excludes
/// nothing); no reading of the text can know, so they are counted apart.
fn is_edit(kind: &str) -> bool {
    kind.starts_with("line: ") || kind.starts_with("word: ")
}

impl Report {
    fn fault(&mut self, kind: &str, tried: &Tried<'_>, why: &str) {
        self.faults.push(format!("== {kind}\n{}\n  {why}\n{}", tried.trial.describe(), tried.trial.project().describe()));
    }

    /// How many changes have no effect, and how many of these change the name: edits of instructions, or all others.
    fn without_effect(&self, edits: bool) -> (usize, usize) {
        let counts = self.harmless.iter().filter(|(kind, _)| is_edit(kind) == edits).map(|(_, counts)| counts);
        counts.fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1))
    }

    /// The share of the changes without an effect that change the name, edits of instructions left out.
    pub fn sensitivity(&self) -> f64 {
        let (all, needless) = self.without_effect(false);
        needless as f64 / (all as f64).max(1.0)
    }

    /// The share of the changes without an effect that change the name, in words.
    pub fn words(&self) -> String {
        let ((all, needless), (edits, needless_edits)) = (self.without_effect(false), self.without_effect(true));
        let share = |needless: usize, all: usize| format!("{:.1} % ({needless} of {all})", 100.0 * needless as f64 / (all as f64).max(1.0));
        format!(
            "without an effect, {} change the name; with edits of instructions, {}",
            share(needless, all),
            share(needless + needless_edits, all + edits)
        )
    }

    /// Prints the figures.
    pub fn print(&self) {
        println!("{} changes have an effect; {} projects do not build", self.effective, self.failures.len());
        println!("{}", self.words());
        for (kind, (all, needless)) in &self.harmless {
            println!("  {kind}: {needless} of {all}");
        }
        self.needless.iter().for_each(|line| println!("  needless: {line}"));
    }
}
