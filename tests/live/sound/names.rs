//! What werf calls the image of a project.

use std::fmt::Write as _;

use super::project::Project;
use crate::commits::{self, Files, Item};

/// The content digest of each project, or why werf refuses it.
pub fn digests<'p>(projects: impl IntoIterator<Item = &'p Project>) -> Vec<Result<String, String>> {
    let trees: Vec<Files> = projects.into_iter().map(tree).collect();
    let names = commits::names(&trees);
    names.into_iter().map(|names| names.map(|mut names| names.remove("app").unwrap_or_default())).collect()
}

/// The commit of a project: the context is a folder of it.
fn tree(project: &Project) -> Files {
    let mut files: Files = project.files.iter().map(|(path, item)| (format!("context/{path}"), item.clone())).collect();
    let yaml = format!("project: sound\nconfigVersion: 1\n---\n{}", image("app", "context", project));
    files.insert("werf.yaml".into(), Item::text(yaml));
    files.insert("werf-giterminism.yaml".into(), Item::text(GITERMINISM));
    files
}

/// Rules that let secrets in.
pub const GITERMINISM: &str = "giterminismConfigVersion: 1\nconfig: {secrets: {allowEnvVariables: [SECRET]}}\n";

/// A project as an image of werf.yaml.
pub fn image(name: &str, context: &str, project: &Project) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut yaml = format!("image: {name}\ncontext: {context}\ndockerfile: {}\n", quoted(&project.dockerfile));
    if !project.args.is_empty() {
        yaml += "args:\n";
        yaml.extend(project.args.iter().map(|(name, value)| format!("  {}: {}\n", quoted(name), quoted(value))));
    }
    if let Some(target) = &project.target {
        let _ = writeln!(yaml, "target: {}", quoted(target));
    }
    if let Some(platform) = &project.platform {
        let _ = writeln!(yaml, "platform: [{}]", quoted(platform));
    }
    if !project.hosts.is_empty() {
        let _ = writeln!(yaml, "addHost: {:?}", project.hosts);
    }
    if !project.secrets.is_empty() {
        yaml += "secrets:\n";
        yaml.extend(project.secrets.iter().map(|id| format!("- {{id: {id}, env: SECRET}}\n")));
    }
    yaml
}
