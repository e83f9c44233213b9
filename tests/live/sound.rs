//! Whether a name says what an image is: projects are changed by one thing at a time, and wherever the real BuildKit makes something
//! else of them, werf's digest must be another one. `WERF_SOUND=10` tries ten times as many; `WERF_SOUND_REPORT` names a directory for
//! the faults.

mod changes;
mod generated;
mod hand_made;
mod names;
mod oracle;
mod outcome;
mod project;
mod report;
mod trial;

use std::collections::BTreeMap;
use std::time::Instant;

use outcome::{Outcome, Reader};
use report::{Tried, report};
use trial::Trial;

use crate::images::references;
use crate::testbed::{App, Needs, testbed};

/// The share of changes without an effect that may change a name.
const TOLERANCE: f64 = 0.02;

#[test]
fn a_change_that_buildkit_sees_changes_the_name() {
    let scale = std::env::var("WERF_SOUND").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1);
    let testbed = testbed(Needs::Images);
    let cases = trial::cases(&oracle::bases(testbed), scale);
    let start = Instant::now();
    let mut trials: Vec<Trial<'_>> = cases.iter().flat_map(|case| case.trials()).collect();
    let names = names::digests(trials.iter().map(Trial::project));
    let mut before = &names[0];
    let mut named: Vec<(Trial<'_>, &Result<String, String>)> = Vec::new();
    for (trial, name) in trials.drain(..).zip(&names) {
        if trial.change.is_none() {
            before = name;
        }
        if trial.change.is_none() || trial.counts() || before == name {
            named.push((trial, name));
        }
    }
    let took = start.elapsed().as_secs_f64();
    let outcomes = oracle::outcomes(testbed, &named.iter().map(|(trial, _)| trial.project()).collect::<Vec<_>>());
    let tried: Vec<Tried<'_>> = named.into_iter().zip(&outcomes).map(|((trial, name), outcome)| Tried { trial, name, outcome }).collect();
    let report = report(&tried);
    let (projects, changes, built) = (cases.len(), names.len() - cases.len(), tried.len() - cases.len());
    println!(
        "{projects} Dockerfiles, {changes} changes, {built} of them built, in {:.0} s ({took:.1} s for names)",
        start.elapsed().as_secs_f64()
    );
    report.print();
    keep("names", &[report.faults.join("\n"), report.failures.join("\n")].join("\n== projects that do not build\n"));
    assert!(projects >= 200 && built >= 800);
    assert!(report.faults.is_empty(), "{} faults:\n{}", report.faults.len(), report.faults.join("\n"));
    assert!(report.sensitivity() <= TOLERANCE, "{:.1} % of the changes without an effect change the name", report.sensitivity() * 100.0);
}

#[test]
fn what_is_published_is_what_buildctl_makes() {
    let app = App::new(Needs::Images, &[]);
    let bases = oracle::bases(app.testbed);
    let projects = trial::projects(&bases, 1);
    let built = oracle::outcomes(app.testbed, &projects.iter().collect::<Vec<_>>());
    let names = names::digests(&projects);
    let mut yaml = String::from("project: sound\nconfigVersion: 1\n");
    let mut wanted = Vec::new();
    for (number, ((project, outcome), name)) in projects.iter().zip(&built).zip(&names).enumerate() {
        if let (Ok(_), Outcome::Image(image)) = (name, outcome) {
            let directory = format!("context{number:03}");
            oracle::write(&app.sandbox.app().join(&directory), project);
            yaml += &format!("---\n{}", names::image(&directory, &directory, project));
            wanted.push((directory, project, image));
        }
    }
    assert!(wanted.len() >= 200);
    app.commit(&[("werf.yaml", &yaml), ("werf-giterminism.yaml", names::GITERMINISM)]);
    let start = Instant::now();
    // a build that fails ends the run: the others are built in the next one
    let mut failed: BTreeMap<String, String> = BTreeMap::new();
    let published = loop {
        let left = wanted.iter().map(|(name, ..)| name.as_str()).filter(|name| !failed.contains_key(*name));
        let run = app.werf_with(&[&["build"], &*left.collect::<Vec<_>>()].concat(), &[("SECRET", "open sesame")]);
        let error = run.stderr.find("error: ").map(|at| &run.stderr[at..]).unwrap_or_default();
        let Some(name) = error.split('`').nth(1).filter(|name| name.starts_with("context") && !failed.contains_key(*name)) else {
            assert_eq!(run.code, 0, "{}", run.stderr);
            break references(&run);
        };
        failed.insert(name.to_owned(), error.to_owned());
    };
    println!("{} images built in {:.0} s", published.len(), start.elapsed().as_secs_f64());
    let reader = Reader::default();
    let mut faults = Vec::new();
    for (name, project, theirs) in wanted {
        let difference = match published.get(&name) {
            None => failed.get(&name).map_or("it is not published".into(), |why| why.lines().take(12).collect::<Vec<_>>().join("\n  ")),
            Some(reference) => {
                let ours = reader.published(reference);
                if ours == *theirs {
                    continue;
                }
                Outcome::Image(theirs.clone()).difference(&Outcome::Image(ours))
            }
        };
        faults.push(format!("== {name}: another image than buildctl's\nproject: {}\n  {difference}\n{}", project.name, project.describe()));
    }
    let text = faults.join("\n");
    keep("published", &text);
    assert!(faults.is_empty(), "{} faults:\n{text}", faults.len());
}

/// Writes a report where somebody asks for it.
fn keep(what: &str, text: &str) {
    if let Some(dir) = std::env::var_os("WERF_SOUND_REPORT") {
        std::fs::write(std::path::Path::new(&dir).join(what), text).expect("a report");
    }
}
