//! `werf init`: a small werf.yaml and chart for the Dockerfiles of a directory. What is there already stays as it is.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error as ThisError;

use super::whole_file::{self, Staged};
use crate::error::Result;
use crate::project::config;

/// What `init` is asked.
#[derive(Clone)]
pub struct Options {
    /// The directory; the current one where `None`.
    pub dir: Option<PathBuf>,
}

/// How deep Dockerfiles are looked for.
const DEPTH: usize = 3;

/// Directories of what others wrote or programs made.
const FOREIGN: [&str; 6] = ["node_modules", "vendor", "target", "dist", "build", "testdata"];

/// Writes the files and says which.
pub fn run(options: &Options) -> Result<String> {
    let unreadable = |cause: io::Error| InitError::Unreadable { path: options.dir.clone().unwrap_or_else(|| ".".into()), cause };
    let dir = fs::canonicalize(options.dir.as_deref().unwrap_or(Path::new("."))).map_err(unreadable)?;
    for name in config::NAMES {
        if dir.join(name).symlink_metadata().is_ok() {
            return Err(InitError::IsThere { name }.into());
        }
    }
    let mut found = Vec::new();
    find(&dir, Path::new(""), DEPTH, &mut found).map_err(unreadable)?;
    found.sort();
    if found.is_empty() {
        return Err(InitError::NoDockerfile { dir }.into());
    }
    let project = slug(&dir.file_name().unwrap_or_default().to_string_lossy());
    let images = images(&dir, &project, found);
    let mut told = String::new();
    write(&dir, "werf.yaml", &config(&project, &images), &mut told)?;
    for image in &images {
        write(&dir, &format!(".helm/templates/{}.yaml", image.name), &template(image), &mut told)?;
    }
    // writing to a text cannot fail
    let _ = write!(told, "\nNext:\n{}", next(&dir, &project));
    Ok(told)
}

/// An image to be.
struct Image {
    name: String,
    /// The directory of its Dockerfile, below that of the project; empty for its own.
    context: String,
    dockerfile: String,
    port: Option<u16>,
}

fn find(dir: &Path, below: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 1 && !name.starts_with('.') && !FOREIGN.contains(&name.as_str()) {
            // a directory that may not be read has nothing for us
            let _ = find(dir, &below.join(&name), depth - 1, found);
        } else if kind.is_file() && is_dockerfile(&name) {
            found.push(below.join(name));
        }
    }
    Ok(())
}

fn is_dockerfile(name: &str) -> bool {
    let own = own_name(name);
    name == "Dockerfile" || own.is_some_and(|own| !own.is_empty() && !own.ends_with("dockerignore"))
}

/// What `Dockerfile.api` and `api.Dockerfile` are of.
fn own_name(name: &str) -> Option<&str> {
    name.strip_prefix("Dockerfile.").or_else(|| name.strip_suffix(".Dockerfile")).or_else(|| name.strip_suffix(".dockerfile"))
}

fn images(dir: &Path, project: &str, found: Vec<PathBuf>) -> Vec<Image> {
    let mut names = BTreeSet::new();
    let image = |path: PathBuf| {
        let dockerfile = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let context = path.parent().map(|parent| parent.to_string_lossy().into_owned()).unwrap_or_default();
        let last = context.rsplit('/').next().unwrap_or_default();
        let wanted = match (own_name(&dockerfile), last) {
            (Some(own), _) => slug(own),
            (None, "") => project.to_owned(),
            (None, last) => slug(last),
        };
        let longer = slug(&format!("{context}-{}", own_name(&dockerfile).unwrap_or_default()));
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        let name = [wanted.clone(), longer].into_iter().chain(numbered).find(|name| names.insert(name.clone())).unwrap_or(wanted);
        let port = fs::read_to_string(dir.join(&path)).ok().and_then(|text| port_of(&text));
        Image { name, context, dockerfile, port }
    };
    found.into_iter().map(image).collect()
}

/// A name that werf.yaml and Kubernetes take, and YAML for a text.
fn slug(text: &str) -> String {
    let letters = text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect::<String>();
    let parts: Vec<&str> = letters.split('-').filter(|part| !part.is_empty()).collect();
    let name: String = parts.join("-").chars().take(40).collect();
    let name = name.trim_end_matches('-');
    let is_word = matches!(name, "" | "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if is_word || name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("app-{name}").trim_end_matches('-').to_owned()
    } else {
        name.to_owned()
    }
}

/// The first TCP port that the last stage of a Dockerfile exposes.
fn port_of(dockerfile: &str) -> Option<u16> {
    let mut port = None;
    for line in dockerfile.lines() {
        let mut words = line.split_whitespace();
        match words.next().map(str::to_ascii_uppercase).as_deref() {
            Some("FROM") => port = None,
            Some("EXPOSE") => {
                let tcp = |word: &str| word.strip_suffix("/tcp").unwrap_or(word).parse::<u16>().ok().filter(|port| *port > 0);
                port = port.or_else(|| words.find_map(tcp));
            }
            _ => {}
        }
    }
    port
}

fn config(project: &str, images: &[Image]) -> String {
    let mut text = format!("project: {project}\nconfigVersion: 1\n");
    for Image { name, context, dockerfile, .. } in images {
        text += &format!("---\nimage: {name}\n");
        if !context.is_empty() {
            text += &format!("context: {}\n", quoted(context));
        }
        text += &format!("dockerfile: {}\n", quoted(dockerfile));
    }
    text
}

/// A path as YAML has it: as it stands where nothing in it has a meaning.
fn quoted(path: &str) -> String {
    let is_plain =
        path.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c)) && path.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_plain { path.to_owned() } else { serde_json::Value::from(path).to_string() }
}

fn template(Image { name, port, .. }: &Image) -> String {
    let ports = port.map(|port| format!("          ports:\n            - containerPort: {port}\n")).unwrap_or_default();
    let service = port.map(|port| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n  selector:\n    app: {name}\n  ports:\n    - port: {port}\n"
        )
    });
    format!(
        "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      containers:
        - name: {name}
          image: {{{{ werf_image \"{name}\" }}}}
{ports}{}",
        service.unwrap_or_default()
    )
}

/// Writes a file that is not there yet, and tells it.
fn write(dir: &Path, name: &str, text: &str, told: &mut String) -> Result<()> {
    let path = dir.join(name);
    let what = match whole_file::stage(&path, text.as_bytes()).and_then(Staged::commit_new) {
        Ok(()) => "Wrote",
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => "Kept, as it was there already:",
        Err(cause) => return Err(InitError::Unwritable { path, cause }.into()),
    };
    *told += &format!("{what} {name}\n");
    Ok(())
}

fn next(dir: &Path, project: &str) -> String {
    let is_repository = dir.ancestors().any(|dir| dir.join(".git").exists());
    let init = if is_repository { "" } else { "  git init\n" };
    format!(
        "{init}  git add . && git commit -m 'Deploy with werf'\n  werf plan --repo registry.example.org/team/{project}\n  werf converge --repo registry.example.org/team/{project}\n"
    )
}

#[derive(Debug, ThisError, Diagnostic)]
enum InitError {
    #[error("there is a {name} already, so nothing was written")]
    #[diagnostic(help("`werf config render` shows what it says; `werf plan` says what it would deploy"))]
    IsThere { name: &'static str },
    #[error("there is no Dockerfile in {} and two levels below", .dir.display())]
    #[diagnostic(help("write one, or name the directory of the application with `--dir`"))]
    NoDockerfile { dir: PathBuf },
    #[error("cannot read the directory {}", .path.display())]
    #[diagnostic(help("check the path and its permissions"))]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("cannot write {}", .path.display())]
    #[diagnostic(help("check its permissions and the space on its disk"))]
    Unwritable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_all_take() {
        for (text, name) in [("My Shop!", "my-shop"), ("2048", "app-2048"), ("true", "app-true"), ("__", "app"), ("Ünïcode", "n-code")] {
            assert_eq!(slug(text), name);
        }
        for (name, is) in [
            ("Dockerfile", true),
            ("Dockerfile.api", true),
            ("api.Dockerfile", true),
            ("Dockerfile.dockerignore", false),
            ("Dockerfiles", false),
        ] {
            assert_eq!(is_dockerfile(name), is, "{name}");
        }
    }

    #[test]
    fn the_port_is_that_of_the_last_stage() {
        assert_eq!(port_of("FROM a\nEXPOSE 1\nFROM b\nexpose 53/udp $PORT 8080/tcp 9090\nEXPOSE 7\n"), Some(8080));
        assert_eq!(port_of("FROM a\nEXPOSE 1\nFROM b\n"), None);
    }
}
