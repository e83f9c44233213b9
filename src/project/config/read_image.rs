//! The documents that describe images: what both kinds have in common, and Dockerfile images.

use std::collections::{BTreeMap, HashSet};

use super::context::Context;
use super::image::{Dependency, DependencyImport, Dockerfile, Image, ImageFact, Location, NAMELESS, Recipe, Secret, SecretSource, When};
use super::{names, paths, read_spec, read_stapel};
use crate::project::document::{Fields, Text};
use crate::words::near::nearest;
use crate::words::quoted::quoted;
use crate::yaml::Node;

/// Reads one document; several images where `image` lists several names.
pub(super) fn read(context: &Context<'_>, document: &Node) -> Vec<Image> {
    let names = names::read(context, document);
    let what = match names.first() {
        Some((name, _)) if name == NAMELESS => "the image without a name".to_owned(),
        Some((name, _)) => format!("image `{name}`"),
        None => "an image".to_owned(),
    };
    let Some(fields) = Fields::open(context.sink, document, what) else { return Vec::new() };
    // A mistyped key is still the key of a Dockerfile image.
    let keys: Vec<&str> = document.as_mapping().unwrap_or_default().iter().filter_map(|(key, _)| key.text()).collect();
    let is_near = || !keys.contains(&"from") && keys.iter().any(|key| nearest(key, ["dockerfile"]).is_some());
    let image = if fields.entry("dockerfile").is_some() || is_near() {
        read_dockerfile_image(context, &fields)
    } else {
        read_stapel::read(context, &fields)
    };
    fields.finish();
    let named = |(name, at): (String, Location)| image.clone().map(|image| Image { name, at, ..image });
    names.into_iter().filter_map(named).collect()
}

/// An image with what both kinds share; name and place come later.
pub(super) fn read_common(context: &Context<'_>, fields: &Fields<'_>, dependencies: Vec<Dependency>, recipe: Recipe) -> Image {
    fields.entry("image");
    for old in ["artifact", "staged", "contextAddFile", "fromImage", "fromArtifact", "docker", "disableGitAfterPatch"] {
        fields.old(old);
    }
    Image {
        name: String::new(),
        is_final: fields.bool("final").unwrap_or(fields.old("artifact").is_none()),
        platform: read_platforms(context, fields),
        cache_version: fields.string("cacheVersion"),
        network: read_network(context, fields),
        secrets: read_secrets(context, fields),
        dependencies,
        image_spec: fields.fields("imageSpec").map(read_spec::read),
        recipe,
        at: Location::default(),
    }
}

/// `platform` of an image or of all of them.
pub(super) fn read_platforms(context: &Context<'_>, fields: &Fields<'_>) -> Vec<String> {
    let platform = |text: Text<'_>| {
        let parts: Vec<&str> = text.text.split('/').collect();
        if !(2..=3).contains(&parts.len()) || parts.iter().any(|part| part.is_empty()) {
            let message = format!("`{}` is not a platform", text.text);
            context.sink.report(
                &text.node.span,
                message,
                "expected OS/ARCHITECTURE",
                Some("for example `platform: linux/amd64`".to_owned()),
            );
            return None;
        }
        Some(text.text)
    };
    fields.texts("platform").into_iter().filter_map(platform).collect()
}

fn read_network(context: &Context<'_>, fields: &Fields<'_>) -> Option<String> {
    let text = fields.text("network")?;
    let known = ["default", "host", "none"];
    if !known.contains(&text.text.as_str()) {
        let message = format!("`network: {}` is not supported: BuildKit knows only {}", text.text, quoted(&known));
        context.sink.report(&text.node.span, message, "unknown network", None);
        return None;
    }
    Some(text.text)
}

fn read_dockerfile_image(context: &Context<'_>, fields: &Fields<'_>) -> Option<Image> {
    let file = fields.entry("dockerfile").and_then(|_| fields.required("dockerfile", "Dockerfile"));
    let at = file.as_ref().map(|file| context.at(file.node));
    let project = "the project's directory";
    let dir = fields.text("context").map(|dir| paths::within(context, "context", &dir, project)).unwrap_or_default();
    let mut args = BTreeMap::new();
    let mut arg_nodes = Vec::new();
    for (name, value) in fields.map("args") {
        arg_nodes.push((name.text.clone(), name.node));
        args.insert(name.text, value.text);
    }
    let dependencies = read_dependencies(context, fields, "targetBuildArg");
    for (dependency, import) in dependencies.iter().flat_map(|dependency| dependency.imports.iter().map(move |import| (dependency, import)))
    {
        if let Some((name, node)) = arg_nodes.iter().find(|(name, _)| *name == import.target) {
            let message = format!("the build argument `{name}` of {} is set twice", fields.what());
            let label = format!("also set from image `{}` in line {}", dependency.image, dependency.at.line);
            fields.problem(node, message, label, format!("remove `{name}` from `args` or from `dependencies`"));
        }
    }
    fields.refuse(
        "ssh",
        "Dockerfile images get no SSH agent",
        "give the step a key as a secret: `secrets` here and `RUN --mount=type=secret` in the Dockerfile",
    );
    // Every Dockerfile is built in steps that are cached on their own, which `staged` asked for.
    fields.bool("staged");
    let target = fields.text("target");
    let recipe = Recipe::Dockerfile(Box::new(Dockerfile {
        dockerfile: file.as_ref().map(|file| paths::within(context, "dockerfile", file, "its context")).unwrap_or_default(),
        dockerfile_at: at.unwrap_or_default(),
        context_add_files: read_context_add_files(context, fields, &dir),
        context: dir,
        target_at: target.as_ref().map(|target| context.at(target.node)).unwrap_or_default(),
        target: target.map(|target| target.text),
        args,
        add_host: fields.strings("addHost"),
    }));
    let image = read_common(context, fields, dependencies, recipe);
    file.map(|_| image)
}

fn read_context_add_files(context: &Context<'_>, fields: &Fields<'_>, dir: &str) -> Vec<String> {
    let mut texts = fields.texts("contextAddFiles");
    fields.outdated("contextAddFile", |_| "`contextAddFiles`, a list".to_owned());
    texts.extend(fields.texts("contextAddFile"));
    let file = |text: Text<'_>| {
        let path = paths::relative(&text.text);
        let from_project = paths::relative(&format!("{dir}/{path}"));
        let what = format!("`{path}` in `contextAddFiles`");
        let example = format!("[{from_project}]");
        context.gate(
            text.node,
            &what,
            &|policy| policy.context_add_files.allow(&from_project),
            "config.dockerfile.allowContextAddFiles",
            &example,
        );
        path
    };
    texts.into_iter().map(file).collect()
}

/// `dependencies`; `target` is the key of the receiving variable: `targetBuildArg` or `targetEnv`.
pub(super) fn read_dependencies(context: &Context<'_>, fields: &Fields<'_>, target: &'static str) -> Vec<Dependency> {
    let is_dockerfile = target == "targetBuildArg";
    let read = |node: &Node| {
        let entry = Fields::open(context.sink, node, "an entry of `dependencies`")?;
        let image = entry.text("image");
        let image = image.or_else(|| entry.text("from"));
        if image.is_none() {
            entry.missing("image", "NAME");
        }
        let when = match is_dockerfile {
            true => {
                for key in ["before", "after"] {
                    entry.refuse(
                        key,
                        "a Dockerfile image has no stages",
                        "remove the key: Dockerfile images get the values as build arguments",
                    );
                }
                None
            }
            false => read_when(context, &entry),
        };
        let imports = entry.list("imports").iter().filter_map(|node| read_dependency_import(context, node, target)).collect();
        entry.finish();
        let image = image?;
        Some(Dependency { image: image.text, when, imports, at: context.at(image.node) })
    };
    fields.list("dependencies").iter().filter_map(read).collect()
}

fn read_dependency_import(context: &Context<'_>, node: &Node, target: &'static str) -> Option<DependencyImport> {
    const FACTS: [(&str, ImageFact); 5] = [
        ("ImageName", ImageFact::Name),
        ("ImageTag", ImageFact::Tag),
        ("ImageRepo", ImageFact::Repo),
        ("ImageID", ImageFact::Id),
        ("ImageDigest", ImageFact::Digest),
    ];
    let entry = Fields::open(context.sink, node, "an entry of `imports`")?;
    let fact = entry.required("type", "ImageName").and_then(|text| match FACTS.iter().find(|(name, _)| *name == text.text) {
        Some((_, fact)) => Some(*fact),
        None => {
            let names = FACTS.map(|(name, _)| name);
            let help =
                nearest(&text.text, names).map_or_else(|| format!("one of {}", quoted(&names)), |near| format!("did you mean `{near}`?"));
            entry.problem(text.node, format!("`type: {}` is not a fact about an image", text.text), "unknown type", help);
            None
        }
    });
    let variable = entry.required(target, "IMAGE");
    entry.finish();
    Some(DependencyImport { fact: fact?, target: variable?.text })
}

/// `before` or `after`: exactly one of them, `install` or `setup`.
pub(super) fn read_when(context: &Context<'_>, fields: &Fields<'_>) -> Option<When> {
    let (before, after) = (fields.text("before"), fields.text("after"));
    let (text, is_before) = match (before, after) {
        (Some(text), None) => (text, true),
        (None, Some(text)) => (text, false),
        (Some(_), Some(text)) => {
            let message = format!("{} has both `before` and `after`", fields.what());
            context.sink.report(&text.node.span, message, "one too many", Some("remove one of them".to_owned()));
            return None;
        }
        (None, None) => {
            fields.missing("before` or `after", "install");
            return None;
        }
    };
    match (text.text.as_str(), is_before) {
        ("install", true) => Some(When::BeforeInstall),
        ("install", false) => Some(When::AfterInstall),
        ("setup", true) => Some(When::BeforeSetup),
        ("setup", false) => Some(When::AfterSetup),
        (other, _) => {
            let message = format!("`{other}` is not a stage to import before or after");
            context.sink.report(&text.node.span, message, "unknown stage", Some("one of `install`, `setup`".to_owned()));
            None
        }
    }
}

fn read_secrets(context: &Context<'_>, fields: &Fields<'_>) -> Vec<Secret> {
    let mut ids = HashSet::new();
    let mut read = |node: &Node| {
        let entry = Fields::open(context.sink, node, "an entry of `secrets`")?;
        let id = entry.text("id");
        let secret = read_secret_source(context, &entry, None);
        entry.finish();
        let secret = secret?;
        if !ids.insert(secret.id.clone()) {
            let at = id.map_or(node, |id| id.node);
            context.sink.report(
                &at.span,
                format!("two secrets have the id `{}`", secret.id),
                "taken already",
                Some("give it another `id`".to_owned()),
            );
        }
        Some(secret)
    };
    fields.list("secrets").iter().filter_map(&mut read).collect()
}

/// The one of `env`, `src` and `value` that a secret comes from. `name` is its id where it has no `id` and `value` needs one.
pub(super) fn read_secret_source(context: &Context<'_>, entry: &Fields<'_>, name: Option<&Text<'_>>) -> Option<Secret> {
    let id = entry.text("id");
    let sources: Vec<(&str, Text<'_>)> = ["env", "src", "value"].into_iter().filter_map(|key| Some((key, entry.text(key)?))).collect();
    match sources.as_slice() {
        [(key, text)] => read_secret(context, entry, key, text, id.as_ref().or(name)),
        [] => {
            entry.missing("env`, `src` or `value", "TOKEN");
            None
        }
        [_, (key, text), ..] => {
            entry.problem(
                text.node,
                "a secret has more than one source",
                format!("`{key}` is one too many"),
                "keep one of `env`, `src`, `value`".to_owned(),
            );
            None
        }
    }
}

fn read_secret(context: &Context<'_>, entry: &Fields<'_>, key: &str, text: &Text<'_>, id: Option<&Text<'_>>) -> Option<Secret> {
    let value = &text.text;
    let given = id.map(|id| id.text.clone());
    match key {
        "env" => {
            let what = format!("the secret from the variable `{value}`");
            context.gate(
                text.node,
                &what,
                &|policy| policy.secret_env.allow(value),
                "config.secrets.allowEnvVariables",
                &format!("[{value}]"),
            );
            Some(Secret { id: given.unwrap_or_else(|| value.clone()), source: SecretSource::Env(value.clone()) })
        }
        "src" => {
            let what = format!("the secret from the file `{value}`");
            context.gate(text.node, &what, &|policy| policy.secret_files.allow(value), "config.secrets.allowFiles", &format!("[{value}]"));
            let name = value.rsplit('/').next().unwrap_or(value).to_owned();
            Some(Secret { id: given.unwrap_or(name), source: SecretSource::File(value.clone()) })
        }
        _ => {
            let Some(id) = given else {
                entry.missing("id", "my-secret");
                return None;
            };
            let what = format!("the secret `{id}` with its value in werf.yaml");
            context.gate(text.node, &what, &|policy| policy.secret_values.allow(&id), "config.secrets.allowValueIds", &format!("[{id}]"));
            Some(Secret { id, source: SecretSource::Value(value.clone()) })
        }
    }
}
