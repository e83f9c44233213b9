//! Changes of a Dockerfile's text: of what it says, and of how it looks.

use super::Pool;

/// Lines that may come to a stage.
const LINES: [&str; 14] = [
    "ENV ADDED=1",
    "LABEL added=1",
    "ARG ADDED=1",
    "ARG A=other",
    "COPY . /added/",
    "COPY a /added",
    "USER 99",
    "WORKDIR /added",
    "EXPOSE 99",
    "VOLUME /added",
    "SHELL [\"/added\"]",
    "CMD [\"added\"]",
    "ONBUILD ENV ADDED=1",
    "ENV A=added",
];

pub fn instructions(pool: &mut Pool<'_>) {
    let text = pool.project.dockerfile_text();
    let lines: Vec<String> = text.split_terminator('\n').map(str::to_owned).collect();
    for (at, line) in lines.iter().enumerate() {
        let place = || format!("line {}: {line}", at + 1);
        let with = |new: &str| [&lines[..at], &[new.to_owned()], &lines[at + 1..]].concat();
        pool.lines("line: gone", place(), &[&lines[..at], &lines[at + 1..]].concat());
        pool.lines("line: twice", place(), &[&lines[..=at], &lines[at..]].concat());
        if at + 1 < lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            pool.lines("line: swapped with the next", place(), &swapped);
        }
        for (start, end) in words(line) {
            let word = &line[start..end];
            let new = |word: &str| with(&format!("{}{word}{}", &line[..start], &line[end..]));
            pool.lines("word: longer", format!("{word} in {}", place()), &new(&format!("{word}2")));
            if word.contains(|c: char| c.is_ascii_digit()) {
                let other: String =
                    word.chars().map(|c| if c.is_ascii_digit() { char::from(b'0' + (c as u8 - b'0' + 1) % 10) } else { c }).collect();
                pool.lines("word: another number", format!("{word} in {}", place()), &new(&other));
            }
            if word.starts_with('$') {
                pool.lines("word: no variable", format!("{word} in {}", place()), &new(&word.replace('$', "")));
            }
        }
        let keyword = line.trim_start().split([' ', '\t']).next().unwrap_or_default().to_ascii_uppercase();
        let flags: &[&str] = match keyword.as_str() {
            "COPY" | "ADD" => &["--chmod=0601", "--chown=31:32", "--link", "--exclude=*x*"],
            "RUN" => &["--network=none", "--mount=type=tmpfs,target=/tmpfs", "--mount=target=/ctx"],
            _ => &[],
        };
        for flag in flags {
            let rest = &line.trim_start()[keyword.len()..];
            pool.lines("line: a flag", format!("{flag} in {}", place()), &with(&format!("{keyword} {flag}{rest}")));
        }
        if keyword == "FROM" {
            for line in LINES {
                pool.lines(
                    "line: added",
                    format!("{line} after {}", place()),
                    &[&lines[..=at], &[line.to_owned()], &lines[at + 1..]].concat(),
                );
            }
        }
    }
    for line in LINES {
        pool.lines("line: added", format!("{line} at the end"), &[&lines[..], &[line.to_owned()]].concat());
    }
}

/// Places of the words of a line.
fn words(line: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
        match start {
            None if !c.is_whitespace() => start = Some(at),
            Some(from) if c.is_whitespace() => {
                found.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// The lines that are no texts of heredocs, by number: there every space counts.
fn outside_of_heredocs(lines: &[String]) -> Vec<(usize, &String)> {
    let mut ends: Vec<&str> = Vec::new();
    let mut outside = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(end) = ends.first() {
            if line.trim_start_matches('\t') == *end {
                ends.remove(0);
            }
            continue;
        }
        outside.push((at, line));
        let is_quote = |c: char| matches!(c, '"' | '\'' | '-');
        let words = line.split_whitespace().filter_map(|word| word.strip_prefix("<<"));
        ends.extend(words.map(|word| word.trim_matches(is_quote)).filter(|word| !word.is_empty() && !word.starts_with('<')));
    }
    outside
}

/// What a reader sees and no builder should.
pub fn layout(pool: &mut Pool<'_>) {
    let text = pool.project.dockerfile_text();
    let lines: Vec<String> = text.split_terminator('\n').map(str::to_owned).collect();
    for (at, line) in outside_of_heredocs(&lines) {
        let place = || format!("line {}: {line}", at + 1);
        let with = |new: &str| [&lines[..at], &[new.to_owned()], &lines[at + 1..]].concat();
        pool.lines("layout: a comment before", place(), &[&lines[..at], &["# a new comment".to_owned()], &lines[at..]].concat());
        pool.lines("layout: an empty line before", place(), &[&lines[..at], &[String::new()], &lines[at..]].concat());
        pool.lines("layout: space at the end", place(), &with(&format!("{line}  ")));
        pool.lines("layout: space at the start", place(), &with(&format!("  {line}")));
        if let Some((keyword, rest)) = line.split_once(' ')
            && !keyword.is_empty()
            && keyword.bytes().all(|byte| byte.is_ascii_uppercase())
        {
            pool.lines("layout: small letters", place(), &with(&format!("{} {rest}", keyword.to_lowercase())));
            pool.lines("layout: more space", place(), &with(&format!("{keyword}   {rest}")));
            pool.lines("layout: continued", place(), &with(&format!("{keyword} \\\n    {rest}")));
        }
    }
    pool.text("layout: carriage returns", "all lines", &text.replace('\n', "\r\n"));
    pool.text("layout: a mark at the start", "U+FEFF", &format!("\u{feff}{text}"));
    pool.text("layout: no end of line", "the last line", text.trim_end_matches('\n'));
    pool.text("layout: a comment at the end", "one more line", &format!("{text}# the end\n"));
    if pool.project.target.is_some() {
        pool.text("stage: an unneeded one", "at the end", &format!("{text}FROM scratch AS unneeded\nARG NOBODY=1\nCOPY . /\n"));
    }
    if let Some(at) = text.lines().position(|line| line.trim_start().to_ascii_uppercase().starts_with("FROM ")) {
        let stage = ["FROM scratch AS unneeded", "COPY . /", "RUN false"].map(str::to_owned);
        // numbers would tell another stage
        if !text.contains("--from=1") && pool.project.target.as_deref() != Some("0") {
            pool.lines("stage: an unneeded one", "at the start", &[&lines[..at], &stage, &lines[at..]].concat());
        }
    }
}
