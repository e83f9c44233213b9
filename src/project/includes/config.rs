//! Reading `werf-includes.yaml`.

use std::ops::Range;
use std::sync::Arc;

use crate::glob;
use crate::project::config::image::{BasicAuth, Revision, Secret, SecretSource};
use crate::project::document::{Fields, Problem, Sink, Text, Warning, read_document, warn_of_unknown};
use crate::yaml::Node;

/// The file's name.
pub const CONFIG_FILE: &str = "werf-includes.yaml";

/// Files of another repository.
#[derive(Clone, Debug, PartialEq)]
pub struct Include {
    /// `git`: the repository's URL or path, as written.
    pub git: String,
    /// `basicAuth`: who asks, over HTTP.
    pub basic_auth: Option<BasicAuth>,
    /// `branch`, `tag` or `commit`.
    pub revision: Revision,
    /// `add`: directory or file of that repository, without slashes at its ends; `""` for all.
    pub add: String,
    /// `to`: where it is in the project, likewise.
    pub to: String,
    /// `includePaths`: globs below `add`; empty for all.
    pub include_paths: Vec<String>,
    /// `excludePaths`: globs below `add`.
    pub exclude_paths: Vec<String>,
    /// Where `git` stands in the text.
    pub span: Range<usize>,
}

/// Reads the file's text. Unknown keys count for nothing, as in werf 2, and are told in the warnings.
///
/// # Errors
/// Each problem with its place.
pub fn parse(text: &str) -> Result<(Vec<Include>, Vec<Warning>), Vec<Problem>> {
    let text: Arc<str> = text.into();
    let sink = Sink::new(CONFIG_FILE, text.clone());
    let node = read_document(&sink, &text, 0);
    let fields = node.as_ref().and_then(|node| Fields::open(&sink, node, format!("`{CONFIG_FILE}`")));
    let includes = fields.map(|fields| {
        let includes = fields.list("includes").iter().filter_map(|node| read(&sink, node)).collect();
        fields.finish_leniently();
        includes
    });
    drop(node);
    match sink.is_empty() {
        true => Ok((includes.unwrap_or_default(), warn_of_unknown(CONFIG_FILE, "mean nothing", &sink.unknown_keys()))),
        false => Err(sink.into_problems()),
    }
}

fn read(sink: &Sink, node: &Node) -> Option<Include> {
    let fields = Fields::open(sink, node, "an entry of `includes`")?;
    let git = fields.required("git", "https://git.example.org/team/common.git");
    let revision = read_revision(&fields);
    let add = fields.required("add", "/").and_then(|text| absolute(&fields, "add", &text));
    let to = fields.required("to", "/").and_then(|text| absolute(&fields, "to", &text));
    let basic_auth = fields.fields("basicAuth").map(read_basic_auth);
    let (include_paths, exclude_paths) = (globs(&fields, "includePaths"), globs(&fields, "excludePaths"));
    fields.finish_leniently();
    let git = git?;
    let span = git.node.span.clone();
    Some(Include {
        git: git.text,
        basic_auth: basic_auth.flatten(),
        revision: revision?,
        add: add?,
        to: to?,
        include_paths,
        exclude_paths,
        span,
    })
}

fn read_revision(fields: &Fields<'_>) -> Option<Revision> {
    let given: Vec<(&str, Text<'_>)> = ["branch", "tag", "commit"].into_iter().filter_map(|key| Some((key, fields.text(key)?))).collect();
    match given.as_slice() {
        [] => {
            fields.missing("branch`, `tag` or `commit", "main");
            None
        }
        [("branch", text)] => Some(Revision::Branch(text.text.clone())),
        [("tag", text)] => Some(Revision::Tag(text.text.clone())),
        [(_, text)] => Some(Revision::Commit(text.text.clone())),
        [_, (key, text), ..] => {
            let help = "keep one of `branch`, `tag`, `commit`".to_owned();
            fields.problem(text.node, "an include has more than one revision", format!("`{key}` is one too many"), help);
            None
        }
    }
}

fn read_basic_auth(fields: Fields<'_>) -> Option<BasicAuth> {
    let username = fields.required("username", "gitlab-ci-token");
    if fields.value("password").is_none() {
        fields.missing("password", "{env: CI_JOB_TOKEN}");
    }
    let password = fields.fields("password").and_then(|password| {
        let source = read_password(&password);
        password.finish_leniently();
        source
    });
    fields.finish_leniently();
    let username = username?.text;
    Some(BasicAuth { password: Secret { id: username.clone(), source: password? }, username })
}

fn read_password(fields: &Fields<'_>) -> Option<SecretSource> {
    let given: Vec<(&str, Text<'_>)> = ["env", "src", "value"].into_iter().filter_map(|key| Some((key, fields.text(key)?))).collect();
    match given.as_slice() {
        [] => {
            fields.missing("env`, `src` or `value", "TOKEN");
            None
        }
        [("env", text)] => Some(SecretSource::Env(text.text.clone())),
        [("src", text)] => Some(SecretSource::File(text.text.clone())),
        [(_, text)] => Some(SecretSource::Value(text.text.clone())),
        [_, (key, text), ..] => {
            let help = "keep one of `env`, `src`, `value`".to_owned();
            fields.problem(text.node, "a password has more than one source", format!("`{key}` is one too many"), help);
            None
        }
    }
}

/// A path from the root of a repository, without slashes at its ends.
fn absolute(fields: &Fields<'_>, key: &str, text: &Text<'_>) -> Option<String> {
    let (path, is_inside) = plain(&text.text);
    if !text.text.starts_with('/') {
        let message = format!("`{key}: {}` must be an absolute path", text.text);
        fields.problem(text.node, message, "does not begin with `/`", format!("`/` is the root of the repository: `{key}: /{path}`"));
        return None;
    }
    if !is_inside {
        fields.problem(
            text.node,
            format!("`{key}: {}` leads out of the repository", text.text),
            "outside",
            "write a path without `..`".to_owned(),
        );
        return None;
    }
    Some(path)
}

fn globs(fields: &Fields<'_>, key: &'static str) -> Vec<String> {
    let check = |text: Text<'_>| {
        let (path, is_inside) = plain(&text.text);
        if text.text.starts_with('/') || !is_inside {
            let help = format!("it counts from `add`, for example `{path}`");
            fields.problem(text.node, format!("`{}` in `{key}` must be relative and without `..`", text.text), "not a relative path", help);
            return None;
        }
        if let Err(problem) = glob::check(&text.text) {
            fields.problem(text.node, format!("`{}` in `{key}` is not a glob: {problem}", text.text), "cannot be read", None);
            return None;
        }
        Some(path)
    };
    fields.texts(key).into_iter().filter_map(check).collect()
}

/// A path without empty parts, `.` and `..`, and whether there was none of the last.
fn plain(path: &str) -> (String, bool) {
    let parts = || path.split('/').filter(|part| !part.is_empty() && *part != ".");
    (parts().filter(|part| *part != "..").collect::<Vec<_>>().join("/"), parts().all(|part| part != ".."))
}
