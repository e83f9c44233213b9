//! Histories drawn as text, images on their commits, policies; and each image's fate.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::error::Result;
use crate::project::config::meta::{Cleanup, KeepPolicy, Limit, Operator, ReferenceKind, References};
use crate::registry::reference::Repository;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn hours_ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

/// A commit's id: its name's bytes, filled up.
fn id(name: &str) -> ObjectId {
    let mut bytes = [0; 20];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    ObjectId(bytes)
}

/// A history where commit `cN` is N hours old and follows what is written behind it; drawn newest first.
#[derive(Default)]
struct Repo {
    /// Names with their parents' names and times, newest first.
    commits: Vec<(String, Vec<String>, Timestamp)>,
    references: Vec<Ref>,
    /// What commits' files tell.
    contents: BTreeMap<String, Content>,
    records: Vec<Record>,
    /// Commits that are there and on no branch.
    loose: Vec<String>,
    /// How often files were asked.
    reads: usize,
}

impl Contents for Repo {
    fn has(&self, commit: ObjectId) -> bool {
        self.commits.iter().map(|(name, ..)| name).chain(&self.loose).any(|name| id(name) == commit)
    }

    fn begin(&mut self, _: &[&Published]) {}

    fn at(&mut self, commit: ObjectId) -> Result<Content> {
        self.reads += 1;
        Ok(self.contents.iter().find(|(name, _)| id(name) == commit).map(|(_, content)| content.clone()).unwrap_or_default())
    }
}

impl Repo {
    /// Lines such as `c1 <- c2 c3` (a commit and its parents), `branch main c1`, `tag v1 c2 5` (tagged 5 hours ago).
    fn draw(lines: &str) -> Self {
        let mut repo = Repo::default();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["branch", name, commit] => repo.reference(ReferenceKind::Branch, name, commit, None),
                ["tag", name, commit] => repo.reference(ReferenceKind::Tag, name, commit, None),
                ["tag", name, commit, hours] => repo.reference(ReferenceKind::Tag, name, commit, Some(hours.parse().unwrap())),
                [commit, ..] => {
                    let parents = words[1..].iter().filter(|word| **word != "<-").map(|word| (*word).to_owned()).collect();
                    let committed = hours_ago(commit[1..].parse().unwrap());
                    repo.commits.push((commit.to_owned(), parents, committed));
                }
                [] => unreachable!("empty lines are left out"),
            }
        }
        repo
    }

    fn reference(&mut self, kind: ReferenceKind, name: &str, commit: &str, hours: Option<i64>) {
        let time = hours_ago(hours.unwrap_or_else(|| commit[1..].parse().unwrap()));
        self.references.push(Ref { kind, name: name.into(), commit: id(commit), time });
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph::default();
        for (name, parents, committed) in self.commits.iter().rev() {
            let parents = parents.iter().filter_map(|parent| graph.place(id(parent))).collect();
            graph.add(id(name), parents, *committed, now());
        }
        graph
    }

    /// What a commit's files make: an image of a name with a tag.
    fn makes(&mut self, commit: &str, name: &str, image: &str) -> &mut Content {
        let content = self.contents.entry(commit.to_owned()).or_default();
        content.images.insert((name.to_owned(), tag(image).to_string()));
        content
    }
}

/// A tag of 64 digits that can be told apart: the short name's bytes in hexadecimal, filled up.
fn tag(name: &str) -> Tag {
    let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    Tag::parse(&format!("{hex:0<64}")).unwrap()
}

fn image(name: &str, commit: &str, image_tag: &str) -> Published {
    let labels = BTreeMap::from([
        ("werf".to_owned(), "shop".to_owned()),
        ("werf.io/image".to_owned(), name.to_owned()),
        ("werf-project-repo-commit".to_owned(), id(commit).to_string()),
    ]);
    Published::new("shop", tag(image_tag), Digest::of(image_tag.as_bytes()), &labels, Some(hours_ago(1000)))
}

fn limit(last: Option<u32>, within: Option<Duration>, operator: Operator) -> Limit {
    Limit { last, within, operator }
}

fn policy(kind: ReferenceKind, pattern: &str, references: Limit, images: Limit) -> KeepPolicy {
    KeepPolicy { references: References { kind, pattern: pattern.into(), limit: references }, images }
}

const ALL: Limit = Limit { last: None, within: None, operator: Operator::And };
const ONE: Limit = Limit { last: Some(1), within: None, operator: Operator::And };

fn cleanup(keep_policies: Vec<KeepPolicy>) -> Cleanup {
    Cleanup {
        disable: false,
        disable_kubernetes_based_policy: false,
        disable_git_history_based_policy: false,
        disable_built_within_last_n_hours_policy: false,
        keep_images_built_within: 2 * HOUR,
        keep_policies,
    }
}

fn decided(repo: &mut Repo, images: &[Published], config: &Cleanup, used: &[(&str, &str)], keep_list: &[&str]) -> Decision {
    let used = Use::new(used.iter().map(|(image, by)| ((*image).to_owned(), (*by).to_owned())));
    let keep_list = keep_list.iter().map(|name| format!("{}\n", tag(name))).collect::<String>();
    decided_with(repo, images, config, Some(&used), &KeepList::parse(&keep_list)).unwrap()
}

fn decided_with(repo: &mut Repo, images: &[Published], config: &Cleanup, used: Option<&Use>, keep_list: &KeepList) -> Result<Decision> {
    let (graph, references, records) = (repo.graph(), repo.references.clone(), repo.records.clone());
    let history = History { graph: &graph, references: &references, records: &records };
    let repository = Repository::parse("r.io/shop").unwrap();
    decide(Input { repository: &repository, images, config, used, history, keep_list, now: now() }, repo)
}

/// The names given to [`tag`] of those that stay.
fn names_kept(decision: &Decision, names: &[&str]) -> Vec<String> {
    let stays = |name: &str| decision.fates.iter().any(|fate| fate.tag == tag(name) && matches!(fate.verdict, Verdict::Keep(_)));
    names.iter().filter(|name| stays(name)).map(|name| (*name).to_owned()).collect()
}

#[test]
fn policies_for_branches() {
    use Operator::{And, Or};
    let line = "c1 <- c2\n c2 <- c3\n c3 <- c4\n c4 <- c5\n c5 <-\n branch main c1";
    let images = || {
        vec![image("app", "c1", "a1"), image("app", "c3", "a3"), image("app", "c5", "a5"), image("db", "c4", "d4"), image("db", "c5", "d5")]
    };
    let names = ["a1", "a3", "a5", "d4", "d5"];
    let cases: [(&str, Limit, &[&str]); 9] = [
        ("the newest of each name", ONE, &["a1", "d4"]),
        ("two of each name", limit(Some(2), None, And), &["a1", "a3", "d4", "d5"]),
        ("none", limit(Some(0), None, And), &[]),
        ("all", ALL, &names),
        ("by age", limit(None, Some(3 * HOUR), And), &["a1", "a3"]),
        ("by number and age", limit(Some(1), Some(3 * HOUR), And), &["a1"]),
        ("by number or age", limit(Some(1), Some(3 * HOUR), Or), &["a1", "a3", "d4"]),
        ("none or age", limit(Some(0), Some(3 * HOUR), Or), &["a1", "a3"]),
        ("none and age", limit(Some(0), Some(3 * HOUR), And), &[]),
    ];
    for (what, images_limit, expect) in cases {
        let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, images_limit)]);
        let decision = decided(&mut Repo::draw(line), &images(), &config, &[], &[]);
        assert_eq!(names_kept(&decision, &names), expect, "{what}");
    }
}

#[test]
fn policies_choose_references() {
    use Operator::{And, Or};
    let lines = "c1 <-\n c20 <-\n c50 <-\n c90 <-\n branch main c90\n branch feature/1 c1\n branch feature/20 c20\n branch old c50\n tag v1 c1\n tag v50 c50";
    let images: Vec<Published> = ["c1", "c20", "c50", "c90"].iter().map(|commit| image("app", commit, commit)).collect();
    let names = ["c1", "c20", "c50", "c90"];
    let branch = |pattern: &str, references: Limit| policy(ReferenceKind::Branch, pattern, references, ONE);
    let cases: [(&str, Vec<KeepPolicy>, &[&str]); 12] = [
        ("no policy, nothing", vec![], &[]),
        ("an exact name", vec![branch("main", ALL)], &["c90"]),
        ("an exact name is no pattern", vec![branch("ma.n", ALL)], &[]),
        ("a pattern is anchored", vec![branch("/eature/", ALL)], &[]),
        ("alternatives are anchored as one", vec![branch("/main|feature/", ALL)], &["c90"]),
        ("a pattern", vec![branch("/feature\\/.*/", ALL)], &["c1", "c20"]),
        ("the last", vec![branch("/.*/", limit(Some(2), None, And))], &["c1", "c20"]),
        ("by age", vec![branch("/.*/", limit(None, Some(60 * HOUR), And))], &["c1", "c20", "c50"]),
        ("both", vec![branch("/.*/", limit(Some(1), Some(60 * HOUR), And))], &["c1"]),
        ("either", vec![branch("/.*/", limit(Some(3), Some(2 * HOUR), Or))], &["c1", "c20", "c50"]),
        (
            "a later policy replaces an earlier one",
            vec![branch("/.*/", ALL), policy(ReferenceKind::Branch, "/feature.*/", ALL, limit(Some(0), None, And))],
            &["c50", "c90"],
        ),
        ("tags are not branches", vec![policy(ReferenceKind::Tag, "/v.*/", limit(Some(1), None, And), ONE)], &["c1"]),
    ];
    for (what, policies, expect) in cases {
        let decision = decided(&mut Repo::draw(lines), &images, &cleanup(policies), &[], &[]);
        assert_eq!(names_kept(&decision, &names), expect, "{what}");
    }
}

#[test]
fn a_tag_is_its_own_commit() {
    let lines = "c1 <- c2\n c2 <-\n tag v1 c1\n";
    let config = cleanup(vec![policy(ReferenceKind::Tag, "/.*/", ALL, limit(Some(5), None, Operator::And))]);
    let decision = decided(&mut Repo::draw(lines), &[image("app", "c2", "two")], &config, &[], &[]);
    assert_eq!(names_kept(&decision, &["two"]), Vec::<String>::new());
}

#[test]
fn the_date_of_an_annotated_tag_is_the_taggers() {
    let lines = "c900 <-\n tag v1 c900 1\n";
    let week = limit(None, Some(7 * DAY), Operator::And);
    let config = cleanup(vec![policy(ReferenceKind::Tag, "/.*/", week, ONE)]);
    let decision = decided(&mut Repo::draw(lines), &[image("app", "c900", "old")], &config, &[], &[]);
    assert_eq!(names_kept(&decision, &["old"]), ["old"]);
}

#[test]
fn merges_are_walked_by_date() {
    let lines = "c1 <- c9 c2\n c2 <- c3\n c3 <- c9\n c9 <-\n branch main c1";
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, limit(Some(2), None, Operator::And))]);
    let images = [image("app", "c9", "nine"), image("app", "c2", "two"), image("app", "c3", "three")];
    assert_eq!(names_kept(&decided(&mut Repo::draw(lines), &images, &config, &[], &[]), &["two", "three", "nine"]), ["two", "three"]);
}

#[test]
fn images_of_one_commit_count_once() {
    let lines = "c1 <- c2\n c2 <-\n branch main c1";
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, ONE)]);
    let images = [image("app", "c1", "stage"), image("app", "c1", "whole"), image("app", "c2", "before")];
    assert_eq!(names_kept(&decided(&mut Repo::draw(lines), &images, &config, &[], &[]), &["stage", "whole", "before"]), ["stage", "whole"]);
}

#[test]
fn content_tells_what_labels_cannot() {
    // The branch was squashed: the commit that built its image is in no history any more.
    let draw = || Repo::draw("c1 <- c9\n c9 <-\n branch main c1");
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, ONE)]);
    let images = [image("app", "c3", "squashed"), image("app", "c9", "before")];
    let names = ["squashed", "before"];
    assert_eq!(names_kept(&decided(&mut draw(), &images, &config, &[], &[]), &names), ["before"]);
    let mut repo = draw();
    repo.makes("c1", "app", "squashed");
    assert_eq!(names_kept(&decided(&mut repo, &images, &config, &[], &[]), &names), ["squashed"]);
    // What content yields and nobody has published is not counted as found.
    let mut repo = draw();
    repo.makes("c1", "app", "unbuilt");
    assert_eq!(names_kept(&decided(&mut repo, &images, &config, &[], &[]), &names), ["before"]);
}

#[test]
fn records_tell_what_neither_labels_nor_content_can() {
    let draw = || {
        let mut repo = Repo::draw("c1 <- c9\n c9 <-\n branch main c1");
        for commit in ["c1", "c9"] {
            repo.makes(commit, "app", "of-another-environment").unsure = Some("werf.yaml reads the environment".into());
        }
        repo
    };
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, limit(Some(10), None, Operator::And))]);
    let images = [image("app", "c3", "found"), image("app", "c4", "lost")];
    let names = ["found", "lost"];
    // Nothing tells of either: both stay, with the reason.
    let decision = decided(&mut draw(), &images, &config, &[], &[]);
    assert_eq!(names_kept(&decision, &names), names);
    insta::assert_snapshot!(decision, @"
    keep    app  666f756e6400  the commit that built it is gone, and commit 6331000 may have it: werf.yaml reads the environment
    keep    app  6c6f73740000  the commit that built it is gone, and commit 6331000 may have it: werf.yaml reads the environment
    ");
    let recorded = |commits: &[&str]| {
        let mut repo = draw();
        repo.records = commits.iter().filter_map(|commit| Record::new(id(commit), &tag("found"))).collect();
        names_kept(&decided(&mut repo, &images, &config, &[], &[]), &names)
    };
    // One commit tells, the other one does not.
    assert_eq!(recorded(&["c1"]), names);
    // Both tell, and neither of the other image.
    assert_eq!(recorded(&["c1", "c9"]), ["found"]);
}

#[test]
fn the_same_files_make_the_same_images_in_any_environment() {
    // c5 is there, on no branch; what it makes in this environment c1 makes too.
    let mut repo = Repo::draw("c1 <- c9\n c9 <-\n branch main c1");
    for (commit, made) in [("c1", "here"), ("c9", "older"), ("c5", "here"), ("c6", "else")] {
        repo.makes(commit, "app", made).unsure = Some("werf.yaml reads the environment".into());
    }
    repo.loose = vec!["c5".into(), "c6".into()];
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, limit(Some(10), None, Operator::And))]);
    let images = [image("app", "c5", "five"), image("app", "c6", "six")];
    assert_eq!(names_kept(&decided(&mut repo, &images, &config, &[], &[]), &["five", "six"]), ["five"]);
}

#[test]
fn clocks_that_go_backwards_lose_nothing() {
    // c90 is the newest commit, of a machine whose clock is late; c-90 is of one that is early.
    let mut repo = Repo::draw("c90 <- c5\n c5 <- c-90\n c-90 <- c8\n c8 <-\n branch main c90");
    let two = limit(Some(2), None, Operator::And);
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, two)]);
    let images = [image("app", "c90", "newest"), image("app", "c5", "before"), image("app", "c8", "oldest")];
    let names = ["newest", "before", "oldest"];
    assert_eq!(names_kept(&decided(&mut repo, &images, &config, &[], &[]), &names), ["newest", "before"]);
    let young = limit(None, Some(24 * HOUR), Operator::And);
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, young)]);
    assert_eq!(names_kept(&decided(&mut repo, &images, &config, &[], &[]), &names), names);
}

#[test]
fn files_are_asked_only_where_something_is_about_to_go() {
    let mut repo = Repo::draw("branch main c1");
    for age in 1..3_000 {
        repo.commits.push((format!("c{age}"), vec![format!("c{}", age + 1)], hours_ago(age)));
    }
    let ten = limit(Some(10), None, Operator::And);
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, ten)]);
    decided(&mut repo, &[image("app", "c5", "five"), image("app", "c2999", "first")], &config, &[], &[]);
    assert_eq!(repo.reads, 0);
    // Eleven images of the name, so one goes; those of the ten newest are known after 20 commits.
    let images: Vec<Published> = (1..=11).map(|at| image("app", &format!("c{}", at * 2), &format!("i{at}"))).collect();
    decided(&mut repo, &images, &config, &[], &[]);
    assert!(repo.reads <= 20, "{} commits were read", repo.reads);
}

#[test]
fn a_part_of_an_index_stays_with_it() {
    let part = image("app", "c1", "part");
    let index = Published { parts: vec![part.digest.clone()], tag: Tag::parse("v1").unwrap(), origin: None, ..image("", "", "index") };
    let decision = decided(&mut Repo::default(), &[part, index], &cleanup(vec![]), &[], &[]);
    insta::assert_snapshot!(decision, @"
    keep    app  706172740000  a part of v1
    keep    -    v1            not an image of this project
    ");
}

#[test]
fn what_cannot_be_read_stays() {
    let odd = Published { doubt: Some("the configuration is not JSON".into()), origin: None, ..image("", "", "odd") };
    let undated = Published { created: None, ..image("app", "c7", "undated") };
    let decision = decided(&mut Repo::default(), &[odd, undated], &cleanup(vec![]), &[], &[]);
    insta::assert_snapshot!(decision, @"
    keep    -    6f6464000000  not understood: the configuration is not JSON
    keep    app  756e64617465  built at an unknown time
    ");
}

#[test]
fn what_was_not_asked_is_not_claimed() {
    let config = cleanup(vec![]);
    let decision = decided_with(&mut Repo::default(), &[image("app", "c1", "a")], &config, None, &KeepList::default()).unwrap();
    insta::assert_snapshot!(decision, @"delete  app  610000000000  no cluster was asked, no branch or tag wants it, built 41 days ago");
}

#[test]
fn clusters() {
    let digest = Digest::of(b"a");
    let used = |image: String| {
        let images = [image_of_a(), super::Published { tag: tag("b"), digest: Digest::of(b"b"), ..image_of_a() }];
        let decision = decided(&mut Repo::default(), &images, &cleanup(vec![]), &[(&image, "Deployment/web in namespace shop")], &[]);
        names_kept(&decision, &["a", "b"])
    };
    fn image_of_a() -> Published {
        image("app", "c1", "a")
    }
    let a = tag("a");
    for (text, expect) in [
        (format!("r.io/shop:{a}"), vec!["a"]),
        (format!("r.io/shop@{digest}"), vec!["a"]),
        (format!("r.io/shop:{a}@{digest}"), vec!["a"]),
        (format!("r.io/shop:else@{digest}"), vec!["a"]),
        (format!("r.io/other:{a}"), vec![]),
        (format!("r.io/shop/sub:{a}"), vec![]),
        ("r.io/shop".to_owned(), vec![]),
        ("no reference: at all".to_owned(), vec![]),
    ] {
        assert_eq!(used(text.clone()), expect, "{text}");
    }
}

#[test]
fn switches() {
    let mut repo = Repo::draw("c1 <-\n branch main c1");
    let young = Published { created: Some(hours_ago(1)), ..image("app", "c3", "young") };
    let images = [image("app", "c1", "git"), image("app", "c2", "kube"), young, image("app", "c4", "listed"), image("app", "c5", "none")];
    let names = ["git", "kube", "young", "listed", "none"];
    let main = || cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, ONE)]);
    let used = format!("r.io/shop:{}", tag("kube"));
    for (config, expect) in [
        (main(), vec!["git", "kube", "young", "listed"]),
        (Cleanup { disable: true, ..main() }, names.to_vec()),
        (Cleanup { disable_kubernetes_based_policy: true, ..main() }, vec!["git", "young", "listed"]),
        (Cleanup { disable_git_history_based_policy: true, ..main() }, vec!["kube", "young", "listed"]),
        (Cleanup { disable_built_within_last_n_hours_policy: true, ..main() }, vec!["git", "kube", "listed"]),
        (Cleanup { keep_images_built_within: Duration::ZERO, ..main() }, vec!["git", "kube", "listed"]),
    ] {
        let decision = decided(&mut repo, &images, &config, &[(&used, "Pod/x in namespace y")], &["listed"]);
        assert_eq!(names_kept(&decision, &names), expect, "{config:?}");
    }
}

#[test]
fn what_is_not_ours_is_not_touched() {
    let labels = |owner: &str| BTreeMap::from([("werf".to_owned(), owner.to_owned())]);
    let digest = || Digest::of(b"x");
    let foreign = [
        Published::new("shop", Tag::parse("latest").unwrap(), digest(), &labels("shop"), None),
        Published::new("shop", tag("other"), digest(), &labels("blog"), None),
        Published::new("shop", tag("bare"), digest(), &BTreeMap::new(), None),
    ];
    let decision = decided(&mut Repo::default(), &foreign, &cleanup(vec![]), &[], &[]);
    assert!(decision.fates.iter().all(|fate| fate.verdict == Verdict::Keep(vec![Reason::Foreign])), "{decision}");
    assert_eq!(decision.deletions(), []);
}

#[test]
fn a_manifest_stays_with_any_of_its_tags() {
    let shared = |name: &str| Published { digest: Digest::of(b"shared"), ..image("app", "c1", name) };
    let release = Published { tag: Tag::parse("v1.0").unwrap(), origin: None, ..shared("x") };
    let images = [shared("a"), release, image("app", "c1", "b"), Published { digest: Digest::of(b"b"), ..image("app", "c1", "c") }];
    let decision = decided(&mut Repo::default(), &images, &cleanup(vec![]), &[], &[]);
    assert_eq!(names_kept(&decision, &["a", "b", "c"]), ["a"]);
    let deletions = decision.deletions();
    let deleted: Vec<_> = deletions.iter().map(|deletion| (deletion.digest, deletion.tags.clone())).collect();
    assert_eq!(deleted, [(&Digest::of(b"b"), vec![&tag("b"), &tag("c")])], "a manifest of two tags is deleted once");
}

#[test]
fn a_pattern_that_is_none_is_named() {
    let config = cleanup(vec![policy(ReferenceKind::Branch, "/(/", ALL, ONE)]);
    let error = decided_with(&mut Repo::default(), &[], &config, None, &KeepList::default()).unwrap_err();
    assert_eq!(error.diagnostic().to_string(), "`/(/` in `cleanup.keepPolicies` is not a regular expression");
}

#[test]
fn a_decision_prints_its_reasons() {
    let mut repo = Repo::draw("c1 <-\n branch main c1\n tag v1 c1");
    let young = Published { created: Some(hours_ago(1)), ..image("backend", "c3", "young") };
    let twin = Published { digest: Digest::of(b"git"), ..image("app", "gone", "twin") };
    let latest = Published { tag: Tag::parse("latest").unwrap(), origin: None, ..image("", "", "latest") };
    let images = [image("app", "c1", "git"), young, twin, latest, image("backend", "c9", "none")];
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, ONE), policy(ReferenceKind::Tag, "/.*/", ALL, ONE)]);
    let used = format!("r.io/shop:{}", tag("young"));
    let decision = decided(
        &mut repo,
        &images,
        &config,
        &[(&used, "Deployment/web in namespace shop"), (&used, "CronJob/web in namespace shop")],
        &["young"],
    );
    insta::assert_snapshot!(decision, @"
    delete  backend  6e6f6e650000  no workload uses it, no branch or tag wants it, built 41 days ago
    keep    app      676974000000  branch main at commit 6331000; tag v1 at commit 6331000
    keep    app      7477696e0000  same manifest as 676974000000
    keep    backend  796f756e6700  used by CronJob/web in namespace shop; built 60 minutes ago; on the keep list
    keep    -        latest        not an image of this project
    ");
    insta::assert_snapshot!(serde_json::to_string_pretty(&decided(&mut repo, &images[..1], &config, &[], &[])).unwrap(), @r#"
    {
      "counts": {
        "keep": 1,
        "delete": 0
      },
      "images": [
        {
          "image": "app",
          "tag": "6769740000000000000000000000000000000000000000000000000000000000",
          "digest": "sha256:9a881b9b9f23849475296a8cd768ea1965bc3152df7118e60c145975af6aa58a",
          "action": "keep",
          "reasons": [
            "branch main at commit 6331000",
            "tag v1 at commit 6331000"
          ]
        }
      ]
    }
    "#);
    assert_eq!(decision.counts(), Counts { keep: 4, delete: 1 });
}

#[test]
fn copies_stay_as_long_as_their_originals_and_longer_where_they_are_used() {
    let repository = Repository::parse("r.io/final").unwrap();
    let mut repo = Repo::draw("c1 <-\n branch main c1");
    let originals = [image("app", "c1", "a1"), image("app", "c9", "a9")];
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, ONE)]);
    let originals = decided(&mut repo, &originals, &config, &[], &[]);
    let foreign = Published { origin: None, ..image("app", "c1", "v1") };
    let unread = Published { doubt: Some("no JSON".into()), ..image("app", "c1", "x1") };
    let young = Published { created: Some(hours_ago(1)), ..image("app", "c9", "y1") };
    let copies =
        [image("app", "c1", "a1"), image("app", "c9", "a9"), image("db", "c9", "u1"), image("db", "c9", "k1"), foreign, unread, young];
    let used =
        Use::new([(format!("r.io/final:{}", tag("u1")), "Job/x".to_owned()), (format!("r.io/shop:{}", tag("a9")), "Job/y".to_owned())]);
    let keep_list = KeepList::parse(&tag("k1").to_string());
    let decide = |config: &Cleanup, used: Option<&Use>| {
        let input =
            Copies { repository: &repository, images: &copies, originals: &originals, config, used, keep_list: &keep_list, now: now() };
        decide_copies(input)
            .fates
            .iter()
            .map(|fate| match &fate.verdict {
                Verdict::Keep(reasons) => format!("{}: keep, {}\n", &fate.tag.as_str()[..4], reasons[0]),
                Verdict::Delete(why) => format!("{}: delete, {why}\n", &fate.tag.as_str()[..4]),
            })
            .collect::<String>()
    };
    insta::assert_snapshot!(decide(&config, Some(&used)), @r"
    6131: keep, its original stays
    6139: delete, its original goes or is gone, no workload uses it
    6b31: keep, on the keep list
    7531: keep, used by Job/x
    7631: keep, not an image of this project
    7831: keep, not understood: no JSON
    7931: keep, built 60 minutes ago
    ");
    insta::assert_snapshot!(decide(&config, None), @r"
    6131: keep, its original stays
    6139: delete, its original goes or is gone, no cluster was asked
    6b31: keep, on the keep list
    7531: delete, its original goes or is gone, no cluster was asked
    7631: keep, not an image of this project
    7831: keep, not understood: no JSON
    7931: keep, built 60 minutes ago
    ");
    let disabled = Cleanup { disable: true, ..config };
    assert!(decide(&disabled, Some(&used)).contains("6139: keep, cleanup is disabled in werf.yaml"));
}
