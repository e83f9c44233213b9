//! Histories drawn as text, images on their commits, policies; and each image's fate.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::*;
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

/// A history where commit `cN` is N hours old and follows what is written behind it.
#[derive(Default)]
struct Repo {
    commits: BTreeMap<String, CommitNode>,
    references: Vec<Ref>,
    exact: BTreeMap<String, BTreeSet<(String, String)>>,
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
                    repo.commits.insert(commit.to_owned(), CommitNode { parents, committed });
                }
                [] => unreachable!("empty lines are left out"),
            }
        }
        repo
    }

    fn reference(&mut self, kind: ReferenceKind, name: &str, commit: &str, hours: Option<i64>) {
        let time = hours_ago(hours.unwrap_or_else(|| commit[1..].parse().unwrap()));
        self.references.push(Ref { kind, name: name.into(), commit: commit.into(), time });
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
        ("werf-project-repo-commit".to_owned(), commit.to_owned()),
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

fn decided(repo: &Repo, images: &[Published], config: &Cleanup, used: &[(&str, &str)], keep_list: &[&str]) -> Decision {
    let used = Use::new(used.iter().map(|(image, by)| ((*image).to_owned(), (*by).to_owned())));
    let keep_list = keep_list.iter().map(|name| tag(name).as_str().to_owned()).collect();
    let commit = |id: &str| repo.commits.get(id).cloned();
    let images_at = |id: &str| repo.exact.get(id).cloned();
    let history = History { references: &repo.references, commit: &commit, images_at: &images_at };
    let repository = Repository::parse("r.io/shop").unwrap();
    decide(Input { repository: &repository, images, config, used: Some(&used), history, keep_list: &keep_list, now: now() }).unwrap()
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
        let decision = decided(&Repo::draw(line), &images(), &config, &[], &[]);
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
        let decision = decided(&Repo::draw(lines), &images, &cleanup(policies), &[], &[]);
        assert_eq!(names_kept(&decision, &names), expect, "{what}");
    }
}

#[test]
fn a_tag_is_its_own_commit() {
    let lines = "c1 <- c2\n c2 <-\n tag v1 c1\n";
    let config = cleanup(vec![policy(ReferenceKind::Tag, "/.*/", ALL, limit(Some(5), None, Operator::And))]);
    let decision = decided(&Repo::draw(lines), &[image("app", "c2", "two")], &config, &[], &[]);
    assert_eq!(names_kept(&decision, &["two"]), Vec::<String>::new());
}

#[test]
fn the_date_of_an_annotated_tag_is_the_taggers() {
    let lines = "c900 <-\n tag v1 c900 1\n";
    let week = limit(None, Some(7 * DAY), Operator::And);
    let config = cleanup(vec![policy(ReferenceKind::Tag, "/.*/", week, ONE)]);
    let decision = decided(&Repo::draw(lines), &[image("app", "c900", "old")], &config, &[], &[]);
    assert_eq!(names_kept(&decision, &["old"]), ["old"]);
}

#[test]
fn merges_are_walked_by_date() {
    let lines = "c1 <- c9 c2\n c2 <- c3\n c3 <- c9\n c9 <-\n branch main c1";
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, limit(Some(2), None, Operator::And))]);
    let images = [image("app", "c9", "nine"), image("app", "c2", "two"), image("app", "c3", "three")];
    assert_eq!(names_kept(&decided(&Repo::draw(lines), &images, &config, &[], &[]), &["two", "three", "nine"]), ["two", "three"]);
}

#[test]
fn images_of_one_commit_count_once() {
    let lines = "c1 <- c2\n c2 <-\n branch main c1";
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, ONE)]);
    let images = [image("app", "c1", "stage"), image("app", "c1", "whole"), image("app", "c2", "before")];
    assert_eq!(names_kept(&decided(&Repo::draw(lines), &images, &config, &[], &[]), &["stage", "whole", "before"]), ["stage", "whole"]);
}

#[test]
fn content_tells_what_labels_cannot() {
    // The branch was squashed: the commit that built its image is in no history any more.
    let mut repo = Repo::draw("c1 <- c9\n c9 <-\n branch main c1");
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, ONE)]);
    let images = [image("app", "c3", "squashed"), image("app", "c9", "before")];
    assert_eq!(names_kept(&decided(&repo, &images, &config, &[], &[]), &["squashed", "before"]), ["before"]);
    repo.exact.insert("c1".into(), [("app".to_owned(), tag("squashed").as_str().to_owned())].into());
    assert_eq!(names_kept(&decided(&repo, &images, &config, &[], &[]), &["squashed", "before"]), ["squashed"]);
    // What content yields and nobody has published is not counted as found.
    repo.exact.insert("c1".into(), [("app".to_owned(), tag("unbuilt").as_str().to_owned())].into());
    assert_eq!(names_kept(&decided(&repo, &images, &config, &[], &[]), &["squashed", "before"]), ["before"]);
}

#[test]
fn clusters() {
    let digest = Digest::of(b"a");
    let used = |image: String| {
        let images = [image_of_a(), super::Published { tag: tag("b"), digest: Digest::of(b"b"), ..image_of_a() }];
        let decision = decided(&Repo::default(), &images, &cleanup(vec![]), &[(&image, "Deployment/web in namespace shop")], &[]);
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
    let repo = Repo::draw("c1 <-\n branch main c1");
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
        let decision = decided(&repo, &images, &config, &[(&used, "Pod/x in namespace y")], &["listed"]);
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
    let decision = decided(&Repo::default(), &foreign, &cleanup(vec![]), &[], &[]);
    assert!(decision.fates.iter().all(|fate| fate.verdict == Verdict::Keep(vec![Reason::Foreign])), "{decision}");
    assert_eq!(decision.deletions(), []);
}

#[test]
fn a_manifest_stays_with_any_of_its_tags() {
    let shared = |name: &str| Published { digest: Digest::of(b"shared"), ..image("app", "c1", name) };
    let release = Published { tag: Tag::parse("v1.0").unwrap(), origin: None, ..shared("x") };
    let images = [shared("a"), release, image("app", "c1", "b"), Published { digest: Digest::of(b"b"), ..image("app", "c1", "c") }];
    let decision = decided(&Repo::default(), &images, &cleanup(vec![]), &[], &[]);
    assert_eq!(names_kept(&decision, &["a", "b", "c"]), ["a"]);
    let deleted: Vec<_> = decision.deletions().into_iter().map(|(digest, fate, _)| (digest.clone(), fate.tag.clone())).collect();
    assert_eq!(deleted, [(Digest::of(b"b"), tag("b"))], "a manifest of two tags is deleted once");
}

#[test]
fn a_walk_ends_where_nothing_can_be_found() {
    // 10,000 commits below the oldest image are not read.
    let mut repo = Repo::draw("branch main c1");
    for age in 1..10_000 {
        let parents = vec![format!("c{}", age + 1)];
        repo.commits.insert(format!("c{age}"), CommitNode { parents, committed: hours_ago(age) });
    }
    let reads = std::cell::Cell::new(0);
    let commit = |id: &str| {
        reads.set(reads.get() + 1);
        repo.commits.get(id).cloned()
    };
    let images_at = |_: &str| None;
    let history = History { references: &repo.references, commit: &commit, images_at: &images_at };
    let images = [image("app", "c5", "five")];
    let kept = super::history::kept(&images, &history, &[policy(ReferenceKind::Branch, "main", ALL, ALL)], now()).unwrap();
    assert_eq!(kept.len(), 1);
    assert!(reads.get() < 50, "{} commits were read", reads.get());
}

#[test]
fn a_pattern_that_is_none_is_named() {
    let repository = Repository::parse("r.io/shop").unwrap();
    let config = cleanup(vec![policy(ReferenceKind::Branch, "/(/", ALL, ONE)]);
    let history = History { references: &[], commit: &|_| None, images_at: &|_| None };
    let input =
        Input { repository: &repository, images: &[], config: &config, used: None, history, keep_list: &BTreeSet::new(), now: now() };
    assert_eq!(decide(input).unwrap_err().to_string(), "`/(/` in `cleanup.keepPolicies` is not a regular expression");
}

#[test]
fn a_decision_prints_its_reasons() {
    let repo = Repo::draw("c1 <-\n branch main c1\n tag v1 c1");
    let young = Published { created: Some(hours_ago(1)), ..image("backend", "c3", "young") };
    let twin = Published { digest: Digest::of(b"git"), ..image("app", "gone", "twin") };
    let latest = Published { tag: Tag::parse("latest").unwrap(), origin: None, ..image("", "", "latest") };
    let undated = Published { created: None, ..image("app", "c7", "undated") };
    let images = [image("app", "c1", "git"), young, twin, latest, image("backend", "c9", "none"), undated];
    let config = cleanup(vec![policy(ReferenceKind::Branch, "main", ALL, ONE), policy(ReferenceKind::Tag, "/.*/", ALL, ONE)]);
    let used = format!("r.io/shop:{}", tag("young"));
    let decision = decided(
        &repo,
        &images,
        &config,
        &[(&used, "Deployment/web in namespace shop"), (&used, "CronJob/web in namespace shop")],
        &["young"],
    );
    insta::assert_snapshot!(decision, @"
    delete  backend  6e6f6e650000  no workload uses it, no branch or tag wants it, built 41 days ago
    delete  app      756e64617465  no workload uses it, no branch or tag wants it, built at an unknown time
    keep    app      676974000000  branch main at commit c1; tag v1 at commit c1
    keep    app      7477696e0000  same manifest as 676974000000
    keep    backend  796f756e6700  used by CronJob/web in namespace shop; built 60 minutes ago; on the keep list
    keep    -        latest        not an image of this project
    ");
    insta::assert_snapshot!(serde_json::to_string_pretty(&decided(&repo, &images[..1], &config, &[], &[])).unwrap(), @r#"
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
            "branch main at commit c1",
            "tag v1 at commit c1"
          ]
        }
      ]
    }
    "#);
    assert_eq!(decision.counts(), Counts { keep: 4, delete: 2 });
}
