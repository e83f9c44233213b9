//! `ONBUILD`: of stages in the file, and of images outside.

use super::{depend, references, request};
use crate::images::dockerfile::{Dependencies, triggers_read};

fn with_triggers(text: &str, triggers: &[&str]) -> Dependencies {
    let mut request = request(None, &[("GIVEN", "given")], None);
    request.triggers.insert("outer".into(), triggers.iter().map(|text| (*text).to_owned()).collect());
    depend(text, &request).unwrap()
}

fn sees(found: &Dependencies) -> String {
    ["a", "b", "given", "src"].into_iter().filter(|path| found.context.sees(path)).collect::<Vec<_>>().join(" ")
}

#[test]
fn triggers_of_a_stage_run_in_its_children_alone() {
    for (text, expect) in [
        ("FROM x AS base\nONBUILD COPY a /\nFROM base\n", "a"),
        ("FROM x AS base\nONBUILD COPY a /\nFROM base AS mid\nFROM mid\nCOPY b /\n", "a b"),
        ("FROM x AS base\nONBUILD COPY a /\n", ""),
        ("FROM x AS base\nONBUILD ARG GIVEN=b\nONBUILD COPY $GIVEN /\nFROM base\n", "given"),
        ("FROM x AS base\nENV D=b\nONBUILD COPY $D /\nFROM base\nENV D=a\n", "b"),
        ("FROM x AS base\nONBUILD COPY --from=other /x /\nFROM y AS other\nCOPY a /\nFROM base\n", "a"),
        ("FROM x AS base\nONBUILD RUN --mount=source=src,target=/m x\nFROM base\n", "src"),
        ("FROM x AS base\nONBUILD COPY <<EOF b /\na\nEOF\nFROM base\n", "b"),
        ("# escape=`\nFROM x AS base\nONBUILD COPY `\n a /\nFROM base\n", "a"),
    ] {
        assert_eq!(sees(&depend(text, &request(None, &[("GIVEN", "given")], None)).unwrap()), expect, "{text}");
    }
}

#[test]
fn triggers_of_images() {
    let copy = ["ENV D=a", "COPY $D /", "COPY --from=tool /x /"];
    let found = with_triggers("FROM b AS tool\nCOPY src /\nFROM outer\nCOPY b /\n", &copy);
    assert_eq!(sees(&found), "a b src");
    assert_eq!(references(&found), "b outer");
    assert_eq!(found.triggers.keys().map(String::as_str).collect::<Vec<_>>(), ["outer"]);
    assert!(format!("{:?}", found.stages).contains("COPY $D /"));
    // Only for what is built on it.
    let found = with_triggers("FROM x\nCOPY --from=outer /x /\n", &copy);
    assert_eq!((sees(&found), found.triggers.len()), (String::new(), 0));
    let found = with_triggers("FROM outer AS unused\nFROM x\n", &copy);
    assert_eq!((sees(&found), found.triggers.len()), (String::new(), 0));
    // Once: the stage between has none of its own.
    let found = with_triggers("FROM outer AS one\nFROM one\n", &["COPY a /"]);
    assert_eq!((sees(&found), found.bases[0].built_on, found.leaves.len()), ("a".to_owned(), true, 0));
}

#[test]
fn triggers_that_a_target_leaves() {
    let text = "FROM outer AS one\nONBUILD COPY a \\\n  /\nFROM one AS two\nONBUILD COPY <<EOF /b\nb\nEOF\nONBUILD RUN x\n";
    let leaves = |target: &str| depend(text, &request(Some(target), &[], None)).unwrap().leaves;
    assert_eq!(leaves("one"), ["COPY a   /"]);
    assert_eq!(leaves("two"), ["COPY <<EOF /b\nb\nEOF", "RUN x"]);
}

#[test]
fn a_broken_trigger_is_an_error_at_its_from() {
    let mut request = request(None, &[], None);
    request.triggers.insert("outer".into(), vec!["COPY ${x /".into()]);
    let error = depend("FROM y AS z\n\nFROM outer\n", &request).unwrap_err();
    assert_eq!(error.to_string(), "line 3 of `Dockerfile`: a `${` is not closed by `}`");
    request.triggers.insert("outer".into(), vec!["COPY a /\nCOPY b /".into()]);
    assert_eq!(depend("FROM outer\n", &request).unwrap_err().to_string(), "a trigger is one instruction");
}

#[test]
fn triggers_that_read_the_build() {
    for (trigger, expect) in [
        ("RUN make", false),
        ("ENV A=b", false),
        ("RUN --mount=type=cache,target=/c make", false),
        ("RUN --mount=target=/c make", true),
        ("RUN --mount=type=cache,from=x,target=/c make", true),
        ("COPY . /app", true),
        ("COPY --from=build /x /", true),
        ("COPY <<EOF /x\na\nEOF", false),
        ("ADD https://host/x /", false),
        ("ADD $URL /", true),
        ("ARG VERSION", true),
        ("what is this", true),
    ] {
        assert_eq!(triggers_read(&[trigger.to_owned()]), expect, "{trigger}");
    }
    assert!(!triggers_read(&[]));
}

#[test]
fn content_that_nothing_pins() {
    let text = "FROM x\nARG V=1\nADD https://host/$V.tar /\nADD --checksum=sha256:0 https://host/2 /\nADD git@host:x.git#main /\n\
        ADD https://host/x.git#0123456789012345678901234567890123456789 /\nADD a /\nCOPY https://no/thing /\n";
    let found = depend(text, &request(None, &[], None)).unwrap();
    let shown: Vec<String> = found.unpinned.iter().map(|one| format!("{} {}", one.line, one.source)).collect();
    assert_eq!(shown, ["3 https://host/1.tar", "5 git@host:x.git#main"]);
}

#[test]
fn another_frontend_means_everything() {
    for text in [
        "# syntax=other/language\n???\n",
        "// syntax=other/language\n{}",
        "{\"syntax\": \"other/language\"}",
        "#!x\n# syntax=other/language\nFROM\n",
    ] {
        let found = depend(text, &request(None, &[("A", "1")], None)).unwrap();
        assert!(found.context.sees("anything") && found.args.contains_key("A"), "{text}");
        assert_eq!(found.directives, ["syntax=other/language"]);
        assert_eq!(found.stages[0].1, [text]);
    }
    let found = depend("FROM x\n", &request(None, &[("BUILDKIT_SYNTAX", "other/language")], None)).unwrap();
    assert!(found.context.sees("anything"));
}
