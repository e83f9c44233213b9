//! Projects made by dice. Pure.

use std::fmt::Write as _;

use werf::file_tree::text_of_bytes;

use super::hand_made::{Bases, with_bases};
use super::project::{Item, Project};
use crate::dice::Dice;

/// The project of a seed. Most build; some fail, as those of people do.
pub fn project(seed: u64, bases: &Bases) -> Project {
    let mut dice = Dice::new(seed);
    let mut project = Project { name: format!("generated {seed}"), dockerfile: "Dockerfile".into(), ..Project::default() };
    context(&mut dice, &mut project);
    let text = dockerfile(&mut dice, &mut project);
    let path = if dice.one_in(6) { "build/Dockerfile.app" } else { "Dockerfile" };
    project.dockerfile = path.into();
    project.put(path, Item::text(with_bases(&text, bases)));
    project
}

const FOLDERS: [&str; 8] = ["", "src/", "src/lib/", "conf/", "docs/", "a/b/c/", "d/", "d.e/"];
const NAMES: [&str; 10] = ["a", "b.txt", "c.md", "main.go", "x.ini", "run", ".hidden", "sp ace", "ü", "empty"];

fn context(dice: &mut Dice, project: &mut Project) {
    for _ in 0..4 + dice.roll(8) {
        let path = format!("{}{}", dice.pick(&FOLDERS), dice.pick(&NAMES));
        let item = match path.rsplit('/').next() {
            Some("empty") => Item::text(""),
            Some("run") => Item::Program(b"#!/bin/sh\necho run\n".to_vec()),
            _ => Item::text(format!("{path} {}\n", dice.roll(3))),
        };
        project.put(path, item);
    }
    for _ in 0..dice.roll(4) {
        let paths: Vec<String> = project.files.keys().cloned().collect();
        let target = match dice.roll(5) {
            0 => format!("/{}", dice.pick(&paths)),
            1 => format!("/{}", dice.pick(&["src", "conf", "d", "nowhere"])),
            2 => format!("../{}", dice.pick(&["src", "a", "../d", "conf/x.ini"])),
            3 => (*dice.pick(&["a", "b.txt", "lib", "src", "."])).to_owned(),
            _ => dice.pick(&paths).clone(),
        };
        let link = format!("{}{}", dice.pick(&FOLDERS), dice.pick(&["link", "way", "z"]));
        project.put(link, Item::Link(target));
    }
    if dice.one_in(2) {
        const RULES: [&str; 14] =
            ["*.md", "docs", "**/a", "!src/a", "src/*", "!src/lib", "*", "!d", "!conf/**", "# none", "", "/d", "**/link", "a/b"];
        let own = dice.pick(&["", "build\nDockerfile\n.dockerignore\n"]);
        let rules: String = (0..1 + dice.roll(4)).map(|_| format!("{}\n", dice.pick(&RULES))).collect();
        let rules = format!("{own}{rules}");
        project.put(".dockerignore", Item::text(rules));
    }
}

/// What is known of a stage while it is written.
struct Stage {
    name: Option<String>,
    /// Whether it has a shell.
    runs: bool,
    /// Paths in it.
    made: Vec<String>,
}

fn dockerfile(dice: &mut Dice, project: &mut Project) -> String {
    let mut text = String::new();
    if dice.one_in(8) {
        text += "# syntaxless\n";
    }
    for name in ["A", "B", "TARGETARCH"] {
        if dice.one_in(4) {
            let _ = writeln!(text, "ARG {name}{}", dice.pick(&["", "=src", "=1", "=\"x y\"", "=${C:-conf}"]));
        }
        if dice.one_in(4) {
            project.args.insert(name.into(), (*dice.pick(&["src", "a", "", "conf", "2"])).into());
        }
    }
    let count = 1 + dice.roll(3);
    let mut stages: Vec<Stage> = Vec::new();
    for number in 0..count {
        let below = if stages.is_empty() || dice.one_in(2) { None } else { Some(dice.roll(stages.len())) };
        let (from, runs, made) = match below {
            Some(below) => {
                let stage = &stages[below];
                (stage.name.clone().unwrap_or_else(|| "scratch".into()), stage.runs && stage.name.is_some(), stage.made.clone())
            }
            None if dice.one_in(3) => ("TOOLS".into(), true, vec!["/bin/busybox".into()]),
            None if dice.one_in(4) => ("BASE".into(), false, vec!["/from-base".into()]),
            None => ("scratch".into(), false, Vec::new()),
        };
        let name = (!dice.one_in(4)).then(|| format!("{}{number}", dice.pick(&["s", "build", "x-"])));
        let _ = writeln!(text, "FROM {from}{}", name.as_ref().map(|name| format!(" AS {name}")).unwrap_or_default());
        let mut stage = Stage { name, runs, made };
        for _ in 0..2 + dice.roll(5) {
            text += &instruction(dice, project, &mut stage, &stages);
        }
        stages.push(stage);
    }
    if dice.one_in(6)
        && let Some(name) = &dice.pick(&stages).name
    {
        project.target = Some(name.to_lowercase());
    }
    text
}

fn instruction(dice: &mut Dice, project: &Project, stage: &mut Stage, stages: &[Stage]) -> String {
    let place = (*dice.pick(&["/out/", "/x", "/deep/er/", "./", "/$A/", "/etc/conf"])).to_owned();
    let on_build = if dice.one_in(14) { "ONBUILD " } else { "" };
    match dice.roll(if stage.runs { 14 } else { 11 }) {
        0 => format!("{on_build}ARG {}{}\n", dice.pick(&["A", "B", "TARGETARCH", "C"]), dice.pick(&["", "=d", "=$A", "=conf", "=\"a b\""])),
        1 => format!(
            "{on_build}ENV {}={}\n",
            dice.pick(&["A", "E", "F"]),
            dice.pick(&["src", "$A", "${B:-d}", "\"q $E\"", "'$A'", "${A:+set}"])
        ),
        2 => config(dice),
        3 if stages.iter().any(|stage| !stage.made.is_empty()) => {
            let full: Vec<usize> = (0..stages.len()).filter(|at| !stages[*at].made.is_empty()).collect();
            let from = *dice.pick(&full);
            let name = match &stages[from].name {
                Some(name) if !dice.one_in(4) => name.clone(),
                _ => from.to_string(),
            };
            let made = &stages[from].made;
            let source = if dice.one_in(6) { "/".to_owned() } else { dice.pick(made).clone() };
            stage.made.push(place.clone());
            format!("{on_build}COPY --from={name}{} {source} {place}\n", flags(dice))
        }
        4 => {
            stage.made.push("/here".into());
            let quote = dice.pick(&["EOF", "\"EOF\"", "-EOF"]);
            format!("COPY{} <<{quote} /here\none $A\n\n\ttwo ${{B:-none}}\n{}EOF\n", flags(dice), if *quote == "-EOF" { "\t" } else { "" })
        }
        11 => run(dice, project),
        12 => "RUN env | grep -v ^HOSTNAME | sort >> /env\n".into(),
        13 => "RUN find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /bin \\) -prune -o -print > /tmp/list\n".into(),
        number => {
            stage.made.push(if place.contains('$') || place.starts_with('.') { "/".into() } else { place.clone() });
            let keyword = if number == 10 { "ADD" } else { "COPY" };
            let sources: Vec<String> = (0..1 + usize::from(dice.one_in(4))).map(|_| source(dice, project)).collect();
            let place = if sources.len() > 1 || sources[0].contains('*') { "/many/".to_owned() } else { place };
            if sources.iter().any(|source| source.contains(' ')) {
                let words: Vec<String> = sources.iter().chain([&place]).map(|word| format!("{word:?}")).collect();
                return format!("{on_build}{keyword}{} [{}]\n", flags(dice), words.join(", "));
            }
            let parents = if number == 9 && dice.one_in(2) { " --parents" } else { "" };
            let exclude =
                if number == 8 { format!(" --exclude={}", dice.pick(&["*.md", "**/a", "src", "!a", "*"])) } else { String::new() };
            format!("{on_build}{keyword}{parents}{exclude}{} {} {place}\n", flags(dice), sources.join(" "))
        }
    }
}

fn source(dice: &mut Dice, project: &Project) -> String {
    let rules = match project.files.get(".dockerignore") {
        Some(item) => text_of_bytes(item.bytes()).into_owned(),
        None => String::new(),
    };
    // what is ignored, or a link that may lead nowhere, is asked for now and then only
    let is_likely = |path: &str, item: &Item| {
        let top = path.split('/').next().unwrap_or_default();
        let is_named = |rule: &str| rule == "*" || rule.trim_start_matches(['!', '/']).split('/').next() == Some(top);
        !(matches!(item, Item::Link(_)) || rules.lines().any(is_named) || path.ends_with("/a") && rules.contains("**/a"))
    };
    let likely = !dice.one_in(12);
    let paths: Vec<&String> = project.files.iter().filter(|(path, item)| !likely || is_likely(path, item)).map(|(path, _)| path).collect();
    if paths.is_empty() {
        return ".".into();
    }
    let path = (*dice.pick(&paths)).clone();
    match dice.roll(8) {
        0 => ".".into(),
        1 => path.split('/').next().unwrap_or(".").to_owned(),
        2 => path.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned() + "/",
        3 => (*dice.pick(&["*", "s*", "*/a", "*.txt", "[a-d]*", "src/*", "?*"])).to_owned(),
        4 => format!("{}{path}", dice.pick(&["/", "./", "./src/../", "$NONE", "${B:+}"])),
        5 if dice.one_in(2) => (*dice.pick(&["$A", "${A:-src}"])).to_owned(),
        _ => path,
    }
}

fn flags(dice: &mut Dice) -> String {
    let mut flags = String::new();
    if dice.one_in(5) {
        flags += *dice.pick(&[" --chown=1:2", " --chown=7", " --chown=$A"]);
    }
    if dice.one_in(5) {
        flags += *dice.pick(&[" --chmod=0640", " --chmod=755", " --chmod=go-rwx"]);
    }
    if dice.one_in(6) {
        flags += " --link";
    }
    flags
}

fn run(dice: &mut Dice, project: &Project) -> String {
    let folder = source(dice, project).trim_end_matches('/').to_owned();
    let mount = match dice.roll(6) {
        _ if folder.contains(['*', '?', ' ', '$']) => "--mount=target=/m".to_owned(),
        0 => "--mount=type=tmpfs,target=/m".to_owned(),
        1 => "--mount=type=cache,id=sound-generated,target=/m,ro".to_owned(),
        2 => format!("--mount=type=bind,src={folder},dst=/m"),
        3 => "--mount=target=/m".to_owned(),
        _ => return "RUN <<EOF\necho $A > /heredoc\n\necho ${B:-none} >> /heredoc\nEOF\n".to_owned(),
    };
    format!("RUN {mount} find /m -type f | sort | xargs -r cat > /mounted || cat /m > /mounted\n")
}

fn config(dice: &mut Dice) -> String {
    let lines = [
        "LABEL a=$A b=\"$E\"",
        "USER 5:6",
        "WORKDIR /w/$A",
        "WORKDIR rel",
        "EXPOSE 80 ${C:-90}/udp",
        "VOLUME [\"/data\"]",
        "STOPSIGNAL SIGINT",
        "HEALTHCHECK --interval=3s CMD check $A",
        "CMD [\"run\", \"$A\"]",
        "ENTRYPOINT run it",
        "# a comment",
        "",
        "LABEL \\\n  # inside\n  multi=line",
        "ENV G 1 2 3",
    ];
    format!("{}\n", dice.pick(&lines))
}
