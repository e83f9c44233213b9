//! The names of Stapel images: every input that matters changes them, nothing else does. Projects are made of one that has every key;
//! each value, key and entry of it is changed, one at a time, and the names are worked out in process from real commits.

pub mod commits;
#[allow(dead_code, reason = "the live tests use more of it")]
pub mod dice;
mod document;
mod places;
mod remembered;

use serde_json::{Value, json};

use commits::{Files, Item, Names, names};
use dice::Dice;
use document::{Edit, block, edits, flow, shuffled, thinned};

/// How many projects are made by leaving keys out.
const PROJECTS: u64 = 40;
/// How many changes are tried of each.
const EDITS: usize = 25;

/// Rules that let in what the project below uses.
const GITERMINISM: &str = "\
giterminismConfigVersion: 1
config:
  secrets: {allowEnvVariables: [TOKEN, TOKEN2]}
  stapel: {mount: {allowBuildDir: true, allowFromPaths: [\"**\"]}}
";

/// The documents of a werf.yaml with every key that an image of Stapel may have.
fn documents() -> Vec<Value> {
    let meta = json!({
        "project": "shop",
        "configVersion": 1,
        "build": {
            "cacheVersion": "all",
            "platform": ["linux/arm64"],
            "imageSpec": {"author": "all", "clearHistory": false, "config": {"labels": {"all": "1"}, "removeLabels": ["old"], "keepEssentialWerfLabels": false}},
        },
    });
    let tools = |name: &str, command: &str| json!({"image": name, "final": false, "from": "example.org/tools:1", "shell": {"install": [command], "setup": ["tool"]}, "imageSpec": {"author": "tools"}});
    let app = json!({
        "image": "app",
        "from": "example.org/base:1",
        "fromCacheVersion": "1",
        "cacheVersion": "1",
        "network": "none",
        "git": [
            {
                "add": "/src",
                "to": "/app",
                "owner": "app",
                "group": "staff",
                "includePaths": ["**/*.go", "go.mod", "conf"],
                "excludePaths": ["**/*_test.go"],
                "stageDependencies": {"install": ["go.mod"], "beforeSetup": ["conf/*.ini"], "setup": ["lib"]},
            },
            {"add": "/one.txt", "to": "/etc/one.txt"},
        ],
        "shell": {
            "cacheVersion": "1",
            "beforeInstall": ["apt"],
            "beforeInstallCacheVersion": "1",
            "install": ["make deps", "make more"],
            "installCacheVersion": "1",
            "beforeSetup": ["make conf"],
            "beforeSetupCacheVersion": "1",
            "setup": ["make"],
            "setupCacheVersion": "1",
        },
        "import": [
            {"from": "tools", "add": "/out", "to": "/tools", "before": "install", "owner": "1", "group": "2", "includePaths": ["bin"], "excludePaths": ["bin/x"]},
            {"from": "tools", "stage": "install", "add": "/a", "to": "/b", "after": "setup"},
            {"from": "example.org/other:2", "add": "/c", "to": "/d", "after": "install"},
        ],
        "dependencies": [{"image": "tools", "before": "setup", "imports": [{"type": "ImageTag", "targetEnv": "TOOLS"}]}],
        "mount": [{"from": "tmp_dir", "to": "/tmp/x"}, {"from": "build_dir", "to": "/cache"}],
        "secrets": [{"id": "token", "env": "TOKEN"}],
        "imageSpec": {
            "clearHistory": false,
            "config": {
                "cmd": ["run"],
                "entrypoint": ["start", "it"],
                "env": {"A": "1", "B": "${A}"},
                "expose": ["80"],
                "labels": {"team": "shop"},
                "volumes": ["/data"],
                "user": "app",
                "workingDir": "/app",
                "stopSignal": "SIGINT",
                "healthcheck": {"test": ["CMD", "check"], "interval": 5, "timeout": 3, "startPeriod": 60, "retries": 2},
                "removeEnv": ["OLD"],
                "removeLabels": ["/^old/"],
                "removeVolumes": ["/old"],
                "keepEssentialWerfLabels": false,
            },
        },
    });
    let clear = json!({
        "image": "clear",
        "from": "app",
        "git": [{"add": "/", "to": "/all", "excludePaths": ["src", "docs", "werf.yaml"]}],
        "imageSpec": {"config": {"clearCmd": true, "clearEntrypoint": true, "clearUser": true, "clearWorkingDir": true}},
    });
    vec![meta, tools("tools", "get"), tools("tools2", "get more"), app, clear]
}

/// The files beside werf.yaml; those below `docs`, and the tests, are seen by no image.
fn files() -> Files {
    let mut files: Files = [
        ("src/main.go", "main"),
        ("src/main_test.go", "test"),
        ("src/lib/a.go", "a"),
        ("src/go.mod", "mod"),
        ("src/conf/a.ini", "a"),
        ("src/conf/b.yaml", "b"),
        ("src/notes.md", "notes"),
        ("one.txt", "one"),
        ("other.txt", "other"),
        ("docs/a.md", "docs"),
        ("werf-giterminism.yaml", GITERMINISM),
    ]
    .map(|(path, text)| (path.to_owned(), Item::text(text)))
    .into();
    files.insert("src/conf/link".into(), Item::Link("a.ini".into()));
    files.insert("src/lib/run.go".into(), Item::Program(b"run".to_vec()));
    files
}

fn with(yaml: String, mut files: Files) -> Files {
    files.insert("werf.yaml".into(), Item::text(yaml));
    files
}

/// The names of one image, which has to have some.
fn name<'n>(names: &'n Names, image: &str) -> Option<&'n str> {
    names.as_ref().ok()?.get(image).map(String::as_str)
}

/// Faults of changes that have to change the names of `app` and `clear`, or be refused.
fn blind_to(documents: &[Value], edits: &[Edit], refused: &mut usize) -> Vec<String> {
    let trees: Vec<Files> = std::iter::once(documents)
        .chain(edits.iter().map(|edit| edit.after.as_slice()))
        .map(|documents| with(flow(documents), files()))
        .collect();
    let all = names(&trees);
    let (before, after) = all.split_first().expect("names");
    let Ok(before) = before else { return vec![format!("refused: {before:?}\n{}", flow(documents))] };
    let mut faults = Vec::new();
    for (edit, after) in edits.iter().zip(after) {
        let Ok(after) = after else {
            *refused += 1;
            continue;
        };
        // `clear` stands on `app`, and what `tools` is made of is an input of both
        let image = if edit.document == 4 { "clear" } else { "app" };
        if after.get(image) == before.get(image) {
            faults.push(format!("{}: the name of `{image}` stays", edit.what));
        }
    }
    faults
}

#[test]
fn every_key_of_werf_yaml_changes_the_name() {
    let documents = documents();
    let edits = edits(&documents);
    let mut refused = 0;
    let faults = blind_to(&documents, &edits, &mut refused);
    println!("{} changes, {refused} of them refused", edits.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(edits.len() > 200 && refused * 5 < edits.len(), "{refused} of {} changes are refused", edits.len());
}

#[test]
fn every_key_of_werf_yaml_changes_the_name_whatever_stands_beside_it() {
    let mut refused = 0;
    let mut faults = Vec::new();
    for seed in 0..PROJECTS {
        let mut dice = Dice::new(seed);
        let documents = thinned(&documents(), &mut dice);
        let mut edits = edits(&documents);
        // imports see the files of `tools` alone; a fact sees all of it
        edits.retain(|edit| edit.document != 1 || documents[3].get("dependencies").is_some());
        dice.shuffle(&mut edits);
        edits.truncate(EDITS);
        faults.extend(
            blind_to(&documents, &edits, &mut refused).into_iter().map(|fault| format!("project {seed}: {fault}\n{}", flow(&documents))),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(refused * 5 < PROJECTS as usize * EDITS, "{refused} changes are refused");
}

#[test]
fn how_werf_yaml_is_written_changes_nothing() {
    let mut trees = Vec::new();
    for seed in 0..PROJECTS {
        let mut dice = Dice::new(1000 + seed);
        let documents = thinned(&documents(), &mut dice);
        trees.push(with(flow(&documents), files()));
        trees.push(with(shuffled(&documents, &mut dice), files()));
        trees.push(with(block(&documents, &mut dice), files()));
    }
    let all = names(&trees);
    for (number, same) in all.chunks(3).enumerate() {
        assert!(same[0].is_ok(), "project {number}: {:?}", same[0]);
        assert_eq!(same[0], same[1], "project {number}, its keys in another order");
        assert_eq!(same[0], same[2], "project {number}, in block style with comments");
    }
}

#[test]
fn files_that_an_image_sees_change_its_name_and_no_others() {
    let yaml = flow(&documents());
    // by path: whether `app` and whether `clear` beside it sees the file
    let table: &[(&str, bool, bool)] = &[
        ("src/main.go", true, false),
        ("src/main_test.go", false, false),
        ("src/lib/a.go", true, false),
        ("src/lib/run.go", true, false),
        ("src/go.mod", true, false),
        ("src/conf/a.ini", true, false),
        ("src/conf/link", true, false),
        ("src/notes.md", false, false),
        ("one.txt", true, true),
        ("other.txt", false, true),
        ("docs/a.md", false, false),
        ("src/lib/new.go", true, false),
        ("src/conf/deep/new", true, false),
        ("src/new.md", false, false),
        ("new.txt", false, true),
        ("docs/new.go", false, false),
    ];
    let mut trees = vec![with(yaml.clone(), files())];
    let mut changes = Vec::new();
    for (path, app, clear) in table {
        let old = files().remove(*path);
        let mut kinds = vec![
            ("its content", Some(Item::text("changed"))),
            ("its mode", Some(Item::Program(b"changed".to_vec()))),
            ("it is a link", Some(Item::Link("changed".into()))),
        ];
        kinds.extend(old.as_ref().map(|_| ("it is gone", None)));
        if let Some(Item::File(bytes)) = &old {
            kinds.push(("nothing but its mode", Some(Item::Program(bytes.clone()))));
        }
        for (kind, item) in kinds {
            let mut files = files();
            match item {
                Some(item) => drop(files.insert((*path).to_owned(), item)),
                None => drop(files.remove(*path)),
            }
            trees.push(with(yaml.clone(), files));
            changes.push((format!("{path}: {kind}"), *app, *app || *clear));
        }
    }
    let all = names(&trees);
    let (before, after) = all.split_first().expect("names");
    assert!(before.is_ok(), "{before:?}");
    let mut faults = Vec::new();
    for ((what, app, clear), after) in changes.iter().zip(after) {
        for (image, sees) in [("app", *app), ("clear", *clear), ("tools", false)] {
            match (sees, name(after, image) == name(before, image)) {
                // a mapping of one file has to have it
                (_, _) if what == "one.txt: it is gone" => assert!(after.is_err(), "{after:?}"),
                (_, _) if after.is_err() => faults.push(format!("{what}: {after:?}")),
                (true, true) => faults.push(format!("{what}: the name of `{image}` stays")),
                (false, false) => faults.push(format!("{what}: the name of `{image}` changes")),
                _ => {}
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
