//! The projects of `cases.txt`, in the notation that its head describes. Pure.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use werf::file_tree::text_of_bytes;

use super::project::{Item, Project};

/// References of the bases that Dockerfiles call TOOLS and BASE.
#[derive(Clone, Debug)]
pub struct Bases {
    /// One with a shell.
    pub tools: String,
    /// One for two platforms, with variables and without programs.
    pub base: String,
}

/// All projects of the file.
pub fn projects(bases: &Bases) -> Vec<Project> {
    let text = include_str!("cases.txt");
    text.split("\n=== ").skip(1).map(|case| project(case, bases)).collect()
}

fn project(case: &str, bases: &Bases) -> Project {
    let (name, body) = case.split_once('\n').unwrap_or((case, ""));
    let mut project = Project { name: name.into(), dockerfile: "Dockerfile".into(), ..Project::default() };
    let mut head: Option<&str> = None;
    let mut text = String::new();
    for line in body.lines() {
        if let Some(next) = line.strip_prefix("--- ") {
            file(&mut project, head.replace(next), std::mem::take(&mut text), bases);
        } else if let (None, Some(setting)) = (head, line.strip_prefix("* ")) {
            ask(&mut project, setting);
        } else {
            text += line;
            text.push('\n');
        }
    }
    file(&mut project, head, text, bases);
    project
}

fn ask(project: &mut Project, setting: &str) {
    match setting.split_once(' ') {
        Some(("arg", pair)) => {
            let (name, value) = pair.split_once('=').expect("an argument has a value");
            project.args.insert(name.into(), value.into());
        }
        Some(("target", value)) => project.target = Some(value.into()),
        Some(("platform", value)) => project.platform = Some(value.into()),
        Some(("dockerfile", value)) => project.dockerfile = value.into(),
        Some(("secret", value)) => project.secrets.push(value.into()),
        Some(("host", value)) => project.hosts.push(value.into()),
        _ => panic!("{}: `* {setting}` asks for nothing", project.name),
    }
}

fn file(project: &mut Project, head: Option<&str>, text: String, bases: &Bases) {
    let Some(head) = head else { return };
    let path = |path: &str| text_of_bytes(&unescape(path)).into_owned();
    let is_dockerfile = |path: &str| path.contains("Dockerfile") && !path.ends_with("ignore");
    let content = |path: &str, text: String| if is_dockerfile(path) { with_bases(&text, bases) } else { text };
    if let Some((link, target)) = head.split_once(" -> ") {
        project.files.insert(path(link), Item::Link(target.into()));
    } else if let Some((archive, names)) = head.split_once(" <- ") {
        project.files.insert(path(archive), Item::File(tar(names, archive.ends_with(".gz"))));
    } else if let Some(program) = head.strip_suffix(" +x") {
        project.files.insert(path(program), Item::Program(text.into_bytes()));
    } else if let Some(escaped) = head.strip_suffix(" (escaped)") {
        let text = content(escaped, text.trim_end_matches('\n').to_owned());
        project.files.insert(path(escaped), Item::File(unescape(&text)));
    } else {
        project.files.insert(path(head), Item::text(content(head, text)));
    }
}

/// Fills in the references of the bases.
pub fn with_bases(text: &str, bases: &Bases) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let end = rest[start..].find(|c| !is_word(c)).map_or(rest.len(), |end| start + end);
        filled += &rest[..start];
        filled += match &rest[start..end] {
            "TOOLS" => &bases.tools,
            "BASE" => &bases.base,
            word => word,
        };
        rest = &rest[end..];
    }
    filled + rest
}

/// The bytes of a text with `\n`, `\r`, `\t`, `\\` and `\xNN`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, length) = match (first, tail) {
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [b'\\', ..]) => (b'\\', 2),
            (b'\\', [b'x', high, low, ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("hexadecimal digits");
                (u8::from_str_radix(digits, 16).expect("hexadecimal digits"), 4)
            }
            (byte, _) => (*byte, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}

/// An archive of files, each with its own name in it.
fn tar(names: &str, zipped: bool) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for name in names.split(' ') {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o640);
        header.set_uid(1);
        header.set_gid(2);
        header.set_size(name.len() as u64);
        archive.append_data(&mut header, name, name.as_bytes()).expect("memory");
    }
    let bytes = archive.into_inner().expect("memory");
    if !zipped {
        return bytes;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&bytes).expect("memory");
    encoder.finish().expect("memory")
}
