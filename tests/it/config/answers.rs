//! Every function of werf.yaml's templates and every form of glob, held against recorded answers of Go.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use werf::file_tree::MemoryTree;
use werf::project::config::{self, CommitData, ConfigInput};
use werf::project::giterminism::{self, Mode};
use werf::template::call::FunctionError;
use werf::template::host::Host;

const ANSWERS: &str = include_str!("answers.txt");

const RULES: &str = "\
giterminismConfigVersion: 1
config: {goTemplateRendering: {allowEnvVariables: [NAME, EMPTY, UNSET]}}
";

/// The files that the answers were recorded with, and what werf itself needs.
const FILES: [(&str, &str); 14] = [
    ("top.txt", "top"),
    ("README.md", "readme"),
    ("conf/a.ini", "a"),
    ("conf/b.yaml", "b: [1, two]"),
    ("conf/deep/c.ini", "c"),
    ("conf/deep/er/d.ini", "d"),
    ("conf/x[1].txt", "x"),
    ("images/web/Dockerfile", "FROM scratch"),
    ("images/worker/werf.inc.yaml", "image: worker"),
    ("images/notes.txt", "notes"),
    ("src/é/ö.txt", "umlaut"),
    ("src/lib.rs", "lib"),
    ("src/mod/lib.rs", "mod"),
    ("src/v2.d/note", "note"),
];

/// A clock, bytes that only look random, and hosts whose addresses are their names.
struct Machine(Mutex<u64>);

impl Host for Machine {
    fn now(&self) -> jiff::Zoned {
        jiff::Zoned::now()
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), FunctionError> {
        let mut state = self.0.lock().unwrap();
        for byte in buffer {
            *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *byte = (*state >> 56) as u8;
        }
        Ok(())
    }

    fn host_by_name(&self, name: &str) -> Result<String, FunctionError> {
        Ok(name.to_owned())
    }
}

/// What a template gives as werf.yaml. Its own files are below a directory, so that they are in no glob of the others.
fn render(template: &str) -> Result<String, String> {
    let own = [("werf.yaml", template), (".werf/part.tmpl", "part of {{ .Env }}"), ("werf-giterminism.yaml", RULES)];
    let is_whole = ["\"*\"", "\"**\"", "\"**/*\"", "\".\"", "\"\""].iter().any(|glob| template.contains(&format!(".Files.Glob {glob}")));
    let tree = Arc::new(MemoryTree::new(FILES.into_iter().chain(own)));
    let rules = Arc::new(giterminism::load("1a2b3c4", tree, None, Mode::Strict, None).map_err(|error| error.to_string())?);
    let machine = Machine(Mutex::new(1));
    let input = ConfigInput {
        giterminism: &rules,
        commit: CommitData { hash: "0123abcd", date_human: "2024-05-06 07:08:09 +0300 +0300", date_unix: 1_714_968_489 },
        config: None,
        above: &|| None,
        templates_dir: None,
        env: "dev",
        project_name: None,
        variable: &|name| match name {
            "NAME" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        },
        host: Some(&machine),
    };
    let text = config::render_text(&input).map_err(|error| error.to_string())?.text().to_owned();
    // The recorded number of all files lacks the three that werf needs.
    let fewer = |number: &str| number.parse::<usize>().map(|number| (number - own.len()).to_string());
    Ok(if is_whole { fewer(&text).expect("a number") } else { text })
}

fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut lines = ANSWERS.lines().filter(|line| !line.starts_with('#'));
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?)))
}

#[test]
fn functions_and_globs_answer_as_in_go() {
    let mut wrong = Vec::new();
    for (template, expected) in cases() {
        let expected: Option<String> = expected.strip_prefix("= ").map(|text| serde_json::from_str(text).expect("a JSON text"));
        let actual = render(template);
        if actual.as_ref().ok() != expected.as_ref() {
            wrong.push(format!("{template}\n  expected {expected:?}\n  actual   {actual:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), cases().count(), wrong.join("\n"));
}

#[test]
fn every_function_of_werf_2_has_an_answer() {
    let names = ANSWERS.lines().nth(2).expect("the names").trim_start_matches("# ");
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let used: BTreeSet<&str> = cases().flat_map(|(template, _)| template.split(|c| !is_word(c))).collect();
    let missing: Vec<&str> = names.split(' ').filter(|name| !used.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(names.split(' ').count() > 200);
}
