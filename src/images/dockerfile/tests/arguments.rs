//! ARG, ENV and inheritance: what a variable is where, seen by what `COPY` takes of the context.

use super::{depend, request};
use crate::images::dockerfile::Dependencies;

/// The sources that instructions name, `*` for the whole context.
fn sources(found: &Dependencies) -> String {
    let name = |source: &crate::images::dockerfile::sources::Source| match source {
        crate::images::dockerfile::sources::Source::Path(path) => path.clone(),
        crate::images::dockerfile::sources::Source::All => "*".into(),
        other => format!("{other:?}"),
    };
    found.context.0.iter().map(name).collect::<Vec<_>>().join(" ")
}

#[test]
fn values_of_variables() {
    const GIVEN: &[(&str, &str)] = &[("GIVEN", "given")];
    for (text, args, expect) in [
        // The later of ARG and ENV counts.
        ("FROM x\nENV D=docs\nARG D=src\nCOPY $D /\n", &[][..], "src"),
        ("FROM x\nARG D=src\nENV D=docs\nCOPY $D /\n", &[], "docs"),
        ("FROM x\nENV GIVEN=docs\nARG GIVEN\nCOPY $GIVEN /\n", GIVEN, "given"),
        ("FROM x\nENV D=docs\nARG D\nCOPY $D /\n", &[], "docs"),
        ("FROM x\nARG GIVEN=src\nENV GIVEN=$GIVEN/sub\nCOPY $GIVEN /\n", GIVEN, "given/sub"),
        // A stage begins with the variables of the one that it is built on.
        ("FROM scratch AS one\nARG D=src\nFROM one\nARG D\nCOPY ${D:-docs} /\n", &[], "src"),
        ("FROM scratch AS one\nARG D=src\nFROM one\nCOPY ${D:-docs} /\n", &[], "src"),
        // ENV wins there, though the ARG came later; so may the ENV of an image that is not known.
        ("FROM x AS one\nENV D=docs\nARG D=src\nFROM one\nCOPY $D /\n", &[], "docs"),
        ("FROM x AS one\nENV D=docs\nARG D=src\nFROM one\nARG D\nCOPY $D /\n", &[], "docs"),
        ("FROM x AS one\nARG D=src\nFROM one\nCOPY $D /\n", &[], "*"),
        ("ARG D=src\nFROM x AS one\nARG D\nFROM one\nARG D\nCOPY $D /\n", &[], "src"),
        ("FROM x AS one\nENV D=src\nFROM one\nARG D=docs\nCOPY $D /\n", &[], "docs"),
        ("FROM scratch AS one\nARG D=src\nFROM scratch\nCOPY ${D:-docs} /\n", &[], "docs"),
        ("FROM x AS one\nARG GIVEN=src\nFROM one\nARG GIVEN\nCOPY $GIVEN /\n", GIVEN, "given"),
        // Declared by an ARG only after its use.
        ("FROM scratch\nCOPY ${GIVEN:-docs} /\nARG GIVEN\n", GIVEN, "docs"),
        // What stands before the first FROM is seen where an ARG without a value asks for it.
        ("ARG D=src\nFROM scratch\nCOPY ${D:-docs} /\n", &[], "docs"),
        ("ARG D=src\nFROM scratch\nARG D\nCOPY ${D:-docs} /\n", &[], "src"),
        ("ARG D=src\nFROM scratch\nARG D=own\nCOPY $D /\n", &[], "own"),
        ("ARG D=src\nFROM x AS one\nENV D=docs\nARG D\nCOPY $D /\n", &[], "src"),
        ("ARG GIVEN=src\nFROM scratch\nARG GIVEN=own\nCOPY $GIVEN /\n", GIVEN, "given"),
        ("ARG GIVEN\nARG D=$GIVEN/sub\nFROM scratch\nARG D\nCOPY $D /\n", GIVEN, "given/sub"),
        ("ARG D='$x'\nFROM scratch\nARG D\nCOPY \"$D\" /\n", &[], "$x"),
        // Several in one line, quotes, the old form of ENV.
        ("FROM scratch\nARG A=a B=$A/b\nCOPY $B /\n", &[], "a/b"),
        ("FROM scratch\nENV A=a\nENV A=z B=$A/b\nCOPY $B /\n", &[], "a/b"),
        ("FROM scratch\nARG A=\"x y\"'z'\nCOPY [\"$A\", \"/\"]\n", &[], "x yz"),
        ("FROM scratch\nENV A  x y \nCOPY [\"$A\", \"/\"]\n", &[], "x y"),
        ("FROM scratch\nENV N=A\nENV $N=x\nCOPY $A /\n", &[], "x"),
        // Platform arguments.
        ("FROM scratch\nARG TARGETARCH\nCOPY bin/$TARGETARCH /\n", &[], "bin/amd64"),
        ("ARG TARGETARCH\nFROM scratch\nARG TARGETARCH\nCOPY bin/$TARGETARCH /\n", &[], "bin/amd64"),
        ("ARG TARGETARCH=own\nFROM scratch\nARG TARGETARCH\nCOPY bin/$TARGETARCH /\n", &[], "bin/own"),
        ("FROM scratch\nARG TARGETARCH=own\nCOPY bin/$TARGETARCH /\n", &[], "bin/own"),
        ("FROM scratch\nARG TARGETARCH\nCOPY bin/$TARGETARCH /\n", &[("TARGETARCH", "given")], "bin/given"),
        ("FROM scratch\nCOPY bin/${TARGETARCH:-none} /\n", &[], "bin/none"),
        (
            "FROM scratch\nARG TARGETPLATFORM TARGETVARIANT TARGETSTAGE\nCOPY $TARGETPLATFORM$TARGETVARIANT-$TARGETSTAGE /\n",
            &[],
            "linux/amd64-default",
        ),
        ("FROM scratch AS Last\nARG TARGETSTAGE\nCOPY $TARGETSTAGE /\n", &[], "last"),
        ("FROM scratch\nARG BUILDARCH\nCOPY bin/$BUILDARCH /\n", &[], "*"),
        ("FROM scratch\nARG BUILDARCH\nCOPY bin/$BUILDARCH /\n", &[("BUILDARCH", "given")], "bin/given"),
        // What only the base knows.
        ("FROM x\nCOPY ${D:-docs} /\n", &[], "*"),
        ("FROM x\nCOPY $PATH /\n", &[], "*"),
        ("FROM scratch\nCOPY $PATH /\n", &[], "*"),
        ("FROM x\nENV $N=x\nENV A=a\nCOPY $A/$B /\n", &[], "*"),
        ("FROM x\nENV A=a\nENV $N=x\nCOPY $A /\n", &[], "*"),
    ] {
        let found = depend(text, &request(None, args, Some("linux/amd64"))).unwrap();
        assert_eq!(sources(&found), expect, "{text}");
    }
}

#[test]
fn stages_by_name_and_number() {
    for (text, stages, bases) in [
        ("FROM a AS One\nFROM ONE AS two\nFROM b\nCOPY --from=Two /x /\n", "one two 2", "a b"),
        ("FROM alpine AS alpine\nFROM alpine\n", "alpine 1", "alpine"),
        ("FROM a AS x\nFROM b AS x\nFROM x\n", "x 1", "b"),
        ("FROM a\nFROM b\nCOPY --from=0 /x /\n", "0 1", "a b"),
        ("FROM a\nFROM b\nRUN --mount=from=0,target=/m x\n", "0", "b 0"),
        ("FROM a AS s\nFROM b\nRUN --mount=type=cache,from=S,target=/m x\n", "s 1", "a b"),
        ("FROM a AS s\nFROM b\nRUN --mount='type=bind,\"from=s\",target=/m' x\n", "s 1", "a b"),
        ("FROM a AS scratch\nFROM b\nRUN --mount=type=cache,target=/m x\n", "scratch 1", "a b"),
        ("ARG S=one\nFROM a AS one\nFROM b AS two\nFROM $S\n", "one 1", "a"),
        ("ARG TARGETARCH\nFROM a AS run-amd64\nFROM b AS run-arm64\nFROM run-$TARGETARCH\n", "run-amd64 1", "a"),
        ("FROM --platform=$BUILDPLATFORM a AS one\nFROM b\nCOPY --from=one /x /\n", "one 1", "a b"),
        ("FROM scratch\nCOPY --from=\"\" x /\n", "0", ""),
        ("FROM scratch AS one\nONBUILD COPY --from=two /x /\nFROM one AS two\n", "one two", ""),
        ("FROM a\nRUN --mount=target=/m x\nCOPY --from=1 /y /\n", "0", "a"),
        ("FROM a\nCOPY --from=nginx /x /\nCOPY --from=1 /y /\n", "0", "a nginx"),
    ] {
        let found = depend(text, &request(None, &[], Some("linux/amd64"))).unwrap();
        assert_eq!(found.stages.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" "), stages, "{text}");
        assert_eq!(super::references(&found), bases, "{text}");
    }
}

#[test]
fn platforms_of_bases() {
    let text = "FROM --platform=$BUILDPLATFORM a AS one\nFROM --platform=linux/$TARGETARCH b AS two\nFROM c\nCOPY --from=one /x /\nCOPY --from=two /x /\nCOPY --from=a /x /\n";
    let found = depend(text, &request(None, &[], Some("linux/arm64/v8"))).unwrap();
    let shown = found.bases.iter().map(|base| format!("{} {:?} {}", base.reference, base.platform, base.built_on));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        ["a Some(\"$BUILDPLATFORM\") true", "b Some(\"linux/arm64\") true", "c None true", "a None false"]
    );
}

#[test]
fn edits_that_change_nothing() {
    let digest =
        |text: &str, args: &[(&str, &str)]| format!("{:?}", depend(text, &request(Some("app"), args, Some("linux/amd64"))).unwrap());
    let text = "ARG BASE=x\nARG UNUSED=1\nFROM n\nFROM $BASE AS app\nCOPY --from=0 /n /\nARG A=1\nENV E=$A\nARG LATE=1\nRUN make \\\n  all\nARG END=1\nCOPY a /\nFROM y AS other\nRUN x\n";
    let same = digest(text, &[]);
    for (from, to) in [
        ("ARG UNUSED=1", "ARG UNUSED=2"),
        ("ARG UNUSED=1\n", ""),
        ("ARG END=1\n", "ARG END=2\n"),
        ("ARG END=1\n", ""),
        ("RUN x", "RUN y"),
        ("FROM n", "FROM z\nCOPY . /\nFROM n"),
        ("COPY a /", "COPY  a   /"),
        ("RUN make", "run make"),
        ("RUN make", "# comment\n\n\nRUN make"),
        ("RUN make \\\n", "RUN make \\\n# comment\n"),
        ("AS app", "as App"),
        ("ARG BASE=x\n", "# escape=\\\nARG BASE=x\n"),
        ("ARG BASE=x\n", "# check=skip=all\nARG BASE=x\n"),
        ("\n", "\r\n"),
    ] {
        let mut edited = text.replacen(from, to, if from == "\n" { 100 } else { 1 });
        if to.contains("FROM z") {
            edited = edited.replace("--from=0", "--from=1");
        }
        assert_eq!(digest(&edited, &[]), same, "{from} → {to}");
    }
    for (from, to) in [
        ("ARG BASE=x", "ARG BASE=z"),
        ("ARG A=1", "ARG A=2"),
        ("ARG LATE=1", "ARG LATE=2"),
        ("  all", "  most"),
        ("COPY a", "COPY b"),
        ("ARG BASE=x\n", "# syntax=docker/dockerfile:1.2\nARG BASE=x\n"),
    ] {
        assert_ne!(digest(&text.replacen(from, to, 1), &[]), same, "{from} → {to}");
    }
    assert_eq!(digest(text, &[("UNUSED", "2"), ("END", "3"), ("NEVER", "4"), ("A", "1")]), same);
    assert_ne!(digest(text, &[("A", "2")]), same);
    assert_ne!(digest(text, &[("Http_Proxy", "2")]), same);
    assert_ne!(digest(text, &[("BUILDKIT_SANDBOX_HOSTNAME", "2")]), same);
    assert_eq!(digest(text, &[("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "1")]), same);
    let still = "FROM x AS app\nCOPY a /\n";
    assert_eq!(digest(still, &[("http_proxy", "2")]), digest(still, &[]));
    let given = digest(text, &[("A", "2")]);
    assert_eq!(digest(&text.replacen("ARG A=1", "ARG A=3", 1), &[("A", "2")]), given, "a default that a given value replaces");
}

#[test]
fn values_of_the_builder_keep_what_they_are_made_of() {
    let text = "ARG A=1\nARG B=$BUILDARCH-$A\nFROM x AS y\nFROM x:$B\nARG B\nRUN make\n";
    let digest = |text: &str| format!("{:?}", depend(text, &request(None, &[], None)).unwrap());
    assert_ne!(digest(text), digest(&text.replace("A=1", "A=2")));
    assert_ne!(digest(text), digest(&text.replace("-$A", "+$A")));
}

/// Each pair has different results, so what it depends on differs.
#[test]
fn what_must_not_be_taken_for_one_another() {
    let digest = |text: &str| format!("{:?}", depend(text, &request(None, &[], None)).unwrap());
    for (a, b) in [
        ("FROM x\nCOPY --chown=\"a b\" c /\n", "FROM x\nCOPY --chown=a b c /\n"),
        (
            "FROM x AS y\nARG A=1\nRUN a\nFROM z\nARG A\nRUN b\nCOPY --from=y /a /\n",
            "FROM x AS y\nARG A=1\nRUN a\nFROM z\nARG A=1\nRUN b\nCOPY --from=y /a /\n",
        ),
        ("FROM x\nARG A=$PATH\nRUN a\n", "FROM x\nARG A='$PATH'\nRUN a\n"),
        (
            "ARG A=1\nFROM x AS y\nARG A=own\nRUN a\nFROM z:$A\nCOPY --from=y /a /\n",
            "ARG A=2\nFROM x AS y\nARG A=own\nRUN a\nFROM z:$A\nCOPY --from=y /a /\n",
        ),
        (
            "FROM a AS x\nFROM b AS x\nFROM c\nCOPY --from=0 /a /\nCOPY --from=1 /b /\n",
            "FROM a AS x\nFROM b AS x\nFROM c\nCOPY --from=1 /a /\nCOPY --from=0 /b /\n",
        ),
        ("FROM x\nCOPY <<EOF /a\nb\nEOF\n", "FROM x\nCOPY <<'EOF' /a\nb\nEOF\n"),
        ("FROM x\nRUN a  b\n", "FROM x\nRUN a b\n"),
        ("FROM x\nCOPY [\"a  b\", \"/\"]\n", "FROM x\nCOPY [\"a b\", \"/\"]\n"),
        ("FROM x\nENV A='a  b'\n", "FROM x\nENV A='a b'\n"),
        ("FROM x\nENV A a  b\n", "FROM x\nENV A a b\n"),
        ("# escape=`\nFROM x\nCOPY a`b /\n", "FROM x\nCOPY a`b /\n"),
    ] {
        assert_ne!(digest(a), digest(b), "{a}\n{b}");
    }
}

#[test]
fn values_that_double_end() {
    let doubling = "ENV A=$A$A\n".repeat(64);
    let found = depend(&format!("FROM scratch\nENV A=x\n{doubling}COPY $A /\n"), &request(None, &[], None)).unwrap();
    assert_eq!(sources(&found), "*");
}
