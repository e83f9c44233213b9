//! Tables of Dockerfiles and what their targets depend on.

use super::*;

mod arguments;
mod context;
mod ignore;
mod triggers;

fn request(target: Option<&str>, args: &[(&str, &str)], platform: Option<&str>) -> Request {
    Request {
        target: target.map(Into::into),
        args: args.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        platform: platform.map(Into::into),
        triggers: std::collections::BTreeMap::new(),
    }
}

fn depend(text: &str, request: &Request) -> Result<Dependencies, DockerfileError> {
    dependencies(&parse("Dockerfile", text)?, request)
}

fn references(found: &Dependencies) -> String {
    found.bases.iter().map(|base| base.reference.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn instructions_lines_and_comments() {
    let text = "\u{feff}# syntax=docker/dockerfile:1\n# escape=`\n\n# a comment\nFROM --platform=$BUILDPLATFORM alpine as Build\n\
        run a `\n # inner comment\n\n  && b ` \n  && c\nCOPY [\"a b\", \"/x\"]\n  env X=1\n";
    let file = parse("Dockerfile", text).unwrap();
    assert_eq!((file.syntax.as_deref(), file.escape), (Some("docker/dockerfile:1"), '`'));
    let brief: Vec<(usize, String)> = file.instructions.iter().map(|instruction| (instruction.line, instruction.canonical())).collect();
    assert_eq!(
        brief,
        [
            (5, "FROM --platform=$BUILDPLATFORM alpine as Build".into()),
            (6, "RUN a   && b   && c".into()),
            (11, "COPY [\"a b\", \"/x\"]".into()),
            (12, "ENV X=1".into()),
        ]
    );
    assert_eq!(&file.text[file.instructions[1].span.clone()], "run a `\n # inner comment\n\n  && b ` \n  && c");
}

#[test]
fn heredocs() {
    let text = "FROM x\nRUN <<EOF cat && <<-'E2' sh\n$a\n# no comment\nEOF\n\t\tb\n\tE2\nCOPY <<a.txt <<b.txt /d/\n1\na.txt\n2\nb.txt\nRUN cat <<<here\nRUN echo '<<NO'\nONBUILD RUN <<X\ny\nX\n";
    let file = parse("Dockerfile", text).unwrap();
    let docs: Vec<Vec<(&str, &str, bool)>> =
        file.instructions.iter().map(|one| one.heredocs.iter().map(|doc| (&*doc.name, &*doc.body, doc.expand)).collect()).collect();
    assert_eq!(
        docs,
        [
            vec![],
            vec![("EOF", "$a\n# no comment\n", true), ("E2", "\t\tb\n", false)],
            vec![("a.txt", "1\n", true), ("b.txt", "2\n", true)],
            vec![],
            vec![],
            vec![("X", "y\n", true)],
        ]
    );
}

#[test]
fn syntax_errors_name_the_line() {
    for (text, expect) in [
        ("FORM x\n", "line 1 of `Dockerfile`: unknown instruction `FORM`"),
        ("FROM x\n\nENV\n", "line 3 of `Dockerfile`: ENV needs an argument"),
        ("# escape=x\nFROM x\n", "line 1 of `Dockerfile`: the escape character is a backslash or a backtick, not `x`"),
        ("# check=a\n# check=b\nFROM x\n", "line 2 of `Dockerfile`: the directive `check` is there twice"),
        ("FROM x\nRUN <<EOF\nnever\n", "the here-document `EOF` has no end"),
        ("RUN x\nFROM y\n", "line 1 of `Dockerfile`: RUN before the first FROM"),
        ("FROM x y\n", "line 1 of `Dockerfile`: FROM takes an image and perhaps `AS name`"),
        (
            "FROM x\nFROM y AS unneeded\nCOPY --chown=1 --link --chown=2 a b\nFROM z\n",
            "line 3 of `Dockerfile`: the flag `--chown` is there twice",
        ),
        ("# nothing\n", "`Dockerfile` has no FROM instruction"),
        ("FROM x\nCOPY ${a /b\n", "line 2 of `Dockerfile`: a `${` is not closed by `}`"),
        ("ARG B\nFROM $B\n", "line 2 of `Dockerfile`: the base image is empty after substitution"),
    ] {
        let error = depend(text, &request(None, &[], None)).unwrap_err();
        assert_eq!(error.to_string(), expect);
    }
}

#[test]
fn what_is_said_in_another_way_is_the_same() {
    let stages = |body: &str| depend(&format!("FROM x AS s\nFROM y\n{body}\n"), &request(None, &[], None)).unwrap().stages;
    for (one, other) in [
        ("COPY a b/c /x", "COPY ./a /b/c /x"),
        ("COPY *.txt /x", "COPY .//./*.txt /x"),
        ("COPY --from=s a /x", "COPY --from=s /a /x"),
        ("USER app", "USER app\nUSER app"),
        ("LABEL a=1\nEXPOSE 80\nCMD run", "LABEL a=1\nLABEL a=1\nEXPOSE 80\nCMD run\nCMD run"),
        ("ENV A=1", "ENV A=1\nENV A=1"),
        ("ARG A=1\nARG B\nRUN a", "ARG A=1\nARG A=1\nARG B\nARG B\nRUN a"),
        ("COPY a$B /x", "COPY a$B /x\nCOPY ./a$B /x"),
        ("COPY --from=s a /x", "COPY --from=s a /x\nCOPY --from=s a /x"),
    ] {
        assert_eq!(stages(one), stages(other), "{other}");
    }
    for (one, other) in [
        ("COPY a /x", "COPY a ./x"),
        ("COPY . /x", "COPY ./ /x"),
        ("COPY --parents a/b /x", "COPY --parents ./a/b /x"),
        ("COPY --link a /x", "COPY ./--link a /x"),
        ("COPY [\"a\", \"/x\"]", "COPY /[\"a\", \"/x\"]"),
        ("COPY <<E /x\nE", "COPY /<<E /x"),
        ("ADD https://a.b/c /x", "ADD ./https://a.b/c /x"),
        ("ENV A=$A:1", "ENV A=$A:1\nENV A=$A:1"),
        ("ARG A=$A:1\nRUN a", "ARG A=$A:1\nARG A=$A:1\nRUN a"),
        ("COPY a /x", "COPY a /x\nCOPY --from=s a /x"),
        ("COPY a b /x", "COPY a b /x\nCOPY a b /x"),
        ("COPY a* /x", "COPY a* /x\nCOPY a* /x"),
        ("ADD a /x", "ADD a /x\nADD a /x"),
        ("RUN a", "RUN a\nRUN a"),
        ("USER app", "USER app\nUSER root\nUSER app"),
        ("WORKDIR a", "WORKDIR a\nWORKDIR a"),
    ] {
        assert_ne!(stages(one), stages(other), "{other}");
    }
}

#[test]
fn stages_and_bases() {
    let text = "ARG TAG=1\nARG UNUSED=2\nFROM golang:$TAG AS build\nRUN make\nFROM build AS test\nRUN make test\nFROM node AS assets\n\
        FROM alpine:3 AS app\nCOPY --from=build /a /a\nCOPY --from=nginx:1 /b /b\nRUN --mount=from=assets,target=/x true\nFROM scratch AS empty\nCOPY --from=0 /a /a\n";
    for (target, args, stages, bases) in [
        (None, &[][..], "build empty", "golang:1"),
        (Some("app"), &[], "build assets app", "golang:1 node alpine:3 nginx:1"),
        (Some("APP"), &[("TAG", "9")], "build assets app", "golang:9 node alpine:3 nginx:1"),
        (Some("test"), &[], "build test", "golang:1"),
    ] {
        let found = depend(text, &request(target, args, None)).unwrap();
        assert_eq!(found.stages.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" "), stages, "{target:?}");
        assert_eq!(references(&found), bases, "{target:?}");
    }
}

#[test]
fn context_files() {
    const FILES: [&str; 8] =
        ["Dockerfile", "a.txt", "b.txt", "dir/c.txt", "dir/sub/d.txt", "src/main.go", "bin/amd64/app", "bin/arm64/app"];
    for (instructions, expect) in [
        ("RUN true", ""),
        ("COPY a.txt /", "a.txt"),
        ("COPY /a.txt ./b.txt /x/", "a.txt b.txt"),
        ("COPY *.txt /", "a.txt b.txt"),
        ("COPY dir /", "dir/c.txt dir/sub/d.txt"),
        ("COPY dir/* /", "dir/c.txt dir/sub/d.txt"),
        ("COPY di?/c* /", "dir/c.txt"),
        ("ADD [\"a.txt\", \"/\"]", "a.txt"),
        ("ADD https://host/x /x", ""),
        ("ADD git@host:x.git /x", ""),
        ("COPY --chown=1:1 --from=other dir /", ""),
        ("COPY . .", "Dockerfile a.txt b.txt dir/c.txt dir/sub/d.txt src/main.go bin/amd64/app bin/arm64/app"),
        ("COPY <<x.txt a.txt /d/\nhello\nx.txt", "a.txt"),
        ("RUN --mount=type=bind,source=src,target=/s make", "src/main.go"),
        ("RUN --mount=source=src,target=/s make", "src/main.go"),
        ("RUN --mount=target=/s make", "Dockerfile a.txt b.txt dir/c.txt dir/sub/d.txt src/main.go bin/amd64/app bin/arm64/app"),
        ("RUN --mount=type=cache,target=/c --mount=type=secret,id=x make", ""),
        ("RUN --mount=from=other,source=src,target=/s make", ""),
        ("ONBUILD COPY a.txt /", ""),
        ("ARG f=a\nCOPY $f.txt /", "a.txt"),
        ("ENV d=dir/sub\nCOPY ${d}/ /", "dir/sub/d.txt"),
        ("ARG TARGETARCH\nCOPY bin/$TARGETARCH/app /", "bin/amd64/app"),
        // The base may set it.
        ("ARG no\nCOPY ${no:-src} /", "Dockerfile a.txt b.txt dir/c.txt dir/sub/d.txt src/main.go bin/amd64/app bin/arm64/app"),
        ("ARG no=\nCOPY ${no:-src} /", "src/main.go"),
        ("COPY $FROM_BASE/x /", "Dockerfile a.txt b.txt dir/c.txt dir/sub/d.txt src/main.go bin/amd64/app bin/arm64/app"),
    ] {
        let text = format!("FROM image AS other\nFROM other\n{instructions}\n");
        let found = depend(&text, &request(None, &[], Some("linux/amd64"))).unwrap();
        let seen: Vec<&str> = FILES.into_iter().filter(|path| found.context.sees(path)).collect();
        assert_eq!(seen.join(" "), expect, "{instructions}");
    }
}

#[test]
fn triggers_of_a_stage_run_in_its_children() {
    let found = depend("FROM x AS base\nONBUILD COPY a /\nFROM base\n", &request(None, &[], None)).unwrap();
    assert!(found.context.sees("a") && !found.context.sees("b"));
}

#[test]
fn arguments_that_count() {
    let text = "ARG BASE=x\nARG DEEP=global\nFROM $BASE AS one\nARG A=1\nARG DEEP\nFROM y AS two\nARG B=2\nFROM one\nARG C\nRUN x\n";
    let given = [("A", "9"), ("B", "8"), ("C", "7"), ("NOT_DECLARED", "6"), ("HTTP_PROXY", "p")];
    let found = depend(text, &request(None, &given, None)).unwrap();
    let args: Vec<String> = found.args.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(args, ["A=9", "BASE=x", "C=7", "DEEP=global", "HTTP_PROXY=p"]);
}

#[test]
fn a_stage_chosen_by_the_platform_means_all_that_fit() {
    let text = "FROM a AS base-amd64\nCOPY a /\nFROM b AS base-arm64\nCOPY b /\nFROM c AS other\nCOPY c /\nFROM base-$TARGETARCH\n";
    let seen = |platform| {
        let found = depend(text, &request(None, &[], platform)).unwrap();
        ["a", "b", "c"].into_iter().filter(|path| found.context.sees(path)).collect::<String>()
    };
    assert_eq!((seen(None), seen(Some("linux/arm64"))), ("ab".to_owned(), "b".to_owned()));
}

#[test]
fn unknown_names() {
    let help = |text: &str, target: Option<&str>| {
        let error = depend(text, &request(target, &[], None)).unwrap_err();
        format!("{error} / {}", miette::Diagnostic::help(&error).unwrap())
    };
    assert_eq!(help("FROM x AS build\nFROM build\n", Some("biuld")), "`Dockerfile` has no stage `biuld` / did you mean `build`?");
    assert_eq!(help("FROM x AS build\nFROM build\n", Some("production")), "`Dockerfile` has no stage `production` / stages here: `build`");
    assert_eq!(
        help("FROM x AS builder\nFROM y\nCOPY --from=Builder! /a /b\n", None),
        "there is no stage `Builder!` before this instruction / did you mean `builder`?"
    );
    assert_eq!(
        help("FROM x\nCOPY --from=3 /a /b\n", None),
        "there is no stage `3` before this instruction / no stage before this one has a name"
    );
    assert_eq!(
        help("FROM x AS a\nFROM y\nCOPY --from=Not_Ok! /a /b\n", None),
        "there is no stage `Not_Ok!` before this instruction / stages before this one: `a`"
    );
    assert!(depend("FROM x AS builder\nFROM y\nCOPY --from=bilder /a /b\nCOPY --from=busybox /c /d\n", &request(None, &[], None)).is_ok());
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "(FROM|RUN|COPY|ARG|ENV|#|<<|EOF|\\$|\\{|\\}|:-|[ \\n\\\\'\"a/.*]){0,60}") {
        let _ = depend(&text, &request(None, &[("a", "1")], None));
    }
}
