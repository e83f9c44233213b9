//! Stapel images: `from`, `git`, `shell`, `import`, `mount`.

use std::collections::BTreeMap;

use super::context::Context;
use super::image::{
    BasicAuth, Command, From, GitMapping, Image, Import, Location, Mount, MountSource, Recipe, Remote, Revision, Shell, ShellStage, Stapel,
    UserStage,
};
use super::{paths, read_image, read_spec};
use crate::project::document::{Fields, Text};
use crate::words::quoted::quoted;
use crate::yaml::Node;

/// Reads the parts of a Stapel image.
pub(super) fn read(context: &Context<'_>, fields: &Fields<'_>) -> Option<Image> {
    let (from, from_at) = read_from(context, fields);
    let ansible = "write the tasks as `shell` commands, or install Ansible in the image and run `ansible-playbook` in them; playbooks come with `git`";
    fields.refuse("ansible", "werf 2 ran it with an Ansible of its own, in Docker alone", ansible);
    fields.refuse("asLayers", "every command is a cached step already", "remove the key");
    read_disabled_patches(context, fields);
    if fields.old("artifact").is_some() {
        check_artifact(fields);
    }
    let from_latest = fields.bool("fromLatest").unwrap_or_default();
    if let Some(node) = fields.value("fromLatest").filter(|_| from_latest) {
        context.gate(node, "`fromLatest`", &|policy| policy.from_latest, "config.stapel.allowFromLatest", "true");
    }
    let stapel = Stapel {
        from: from.unwrap_or(From::Scratch),
        from_at,
        from_latest,
        from_cache_version: fields.string("fromCacheVersion"),
        git: fields.list("git").iter().filter_map(|node| read_git(context, node)).collect(),
        shell: fields.fields("shell").map(|shell| read_shell(context, shell)).unwrap_or_default(),
        imports: fields.list("import").iter().filter_map(|node| read_import(context, node)).collect(),
        mounts: read_mounts(context, fields),
    };
    let dependencies = read_image::read_dependencies(context, fields, "targetEnv");
    let mut image = read_image::read_common(context, fields, dependencies, Recipe::Stapel(Box::new(stapel)));
    if let Some(docker) = fields.fields("docker") {
        fields.outdated("docker", read_spec::instead_of_docker);
        read_spec::read_docker(docker, image.image_spec.get_or_insert_default());
    }
    Some(image)
}

/// werf 2 patched the files of an older commit, unless told otherwise.
fn read_disabled_patches(context: &Context<'_>, fields: &Fields<'_>) {
    if let Some((key, _)) = fields.old("disableGitAfterPatch") {
        fields.bool("disableGitAfterPatch");
        context.sink.advise(key, "remove `disableGitAfterPatch`: there are no patches, files are always those of the commit");
    }
}

/// What werf 2 allows in images but not in artifacts.
fn check_artifact(fields: &Fields<'_>) {
    for key in ["final", "docker", "dependencies", "disableGitAfterPatch"] {
        if let Some((name, _)) = fields.old(key) {
            let help = "write `image` instead of `artifact`, and `final: false` if charts have no use for it".to_owned();
            fields.problem(name, format!("an artifact cannot have `{key}`"), "not for artifacts", help);
        }
    }
}

/// The base; whether a reference names an image of the file is decided when all are known.
fn read_from(context: &Context<'_>, fields: &Fields<'_>) -> (Option<From>, Location) {
    let (from, image, artifact) = (fields.text("from"), fields.text("fromImage"), fields.text("fromArtifact"));
    let given: Vec<&Text<'_>> = [&from, &image, &artifact].into_iter().flatten().collect();
    if let [_, second, ..] = given.as_slice() {
        let message = format!("{} has more than one base", fields.what());
        fields.problem(second.node, message, "one too many", "keep `from`".to_owned());
    }
    for key in ["fromImage", "fromArtifact"] {
        fields.outdated(key, |value| format!("`from: {}`", value.text().unwrap_or("NAME")));
    }
    let Some(first) = given.first() else {
        // Who writes these has forgotten the key that makes the image a Dockerfile's.
        let of_dockerfile = ["context", "target", "args", "addHost", "contextAddFiles"].into_iter().filter(|key| fields.old(key).is_some());
        if of_dockerfile.count() > 0 {
            fields.missing("dockerfile", "Dockerfile");
        } else {
            fields.missing("from", "alpine:3.22");
        }
        return (None, Location::default());
    };
    let base = match (&from, first.text.as_str()) {
        (Some(_), "scratch") => From::Scratch,
        (Some(_), reference) => From::Reference(reference.to_owned()),
        (None, name) => From::Image(name.to_owned()),
    };
    (Some(base), context.at(first.node))
}

fn read_git(context: &Context<'_>, node: &Node) -> Option<GitMapping> {
    let fields = Fields::open(context.sink, node, "an entry of `git`")?;
    let add = match fields.text("add") {
        None => Some(String::new()),
        Some(text) => paths::absolute(context, "add", &text).map(|path| path.trim_start_matches('/').to_owned()),
    };
    let to = fields.required("to", "/app").and_then(|text| paths::absolute(context, "to", &text));
    let mapping = GitMapping {
        add: add.unwrap_or_default(),
        to: to.clone().unwrap_or_default(),
        owner: fields.string("owner"),
        group: fields.string("group"),
        include_paths: paths::globs(context, &fields, "includePaths"),
        exclude_paths: paths::globs(context, &fields, "excludePaths"),
        stage_dependencies: fields.fields("stageDependencies").map(|stages| read_stage_dependencies(context, stages)).unwrap_or_default(),
        remote: read_remote(context, &fields),
        at: context.at(node),
    };
    fields.finish();
    to.map(|_| mapping)
}

fn read_stage_dependencies(context: &Context<'_>, stages: Fields<'_>) -> BTreeMap<UserStage, Vec<String>> {
    let mut dependencies = BTreeMap::new();
    for (key, stage) in [("install", UserStage::Install), ("beforeSetup", UserStage::BeforeSetup), ("setup", UserStage::Setup)] {
        if stages.value(key).is_some() {
            dependencies.insert(stage, paths::globs(context, &stages, key));
        }
    }
    stages.refuse("beforeInstall", "`beforeInstall` runs before any file is there", "move the commands that need files to `install`");
    stages.finish();
    dependencies
}

fn read_remote(context: &Context<'_>, fields: &Fields<'_>) -> Option<Remote> {
    let url = fields.string("url");
    let revisions: Vec<(&str, Text<'_>)> =
        ["branch", "tag", "commit"].into_iter().filter_map(|key| Some((key, fields.text(key)?))).collect();
    let basic_auth = fields.fields("basicAuth").map(|auth| read_basic_auth(context, auth));
    let allow_branch = |node: &Node, branch: &str| {
        let what = format!("the branch `{branch}` of another repository");
        context.gate(node, &what, &|policy| policy.git_branch, "config.stapel.git.allowBranch", "true");
    };
    let Some(url) = url else {
        if let Some((key, text)) = revisions.first() {
            fields.problem(
                text.node,
                format!("`{key}` needs `url`"),
                "of which repository?",
                "files of this repository always come from its HEAD commit".to_owned(),
            );
        } else if let Some(node) = fields.value("basicAuth") {
            let help = "files of this repository need no login".to_owned();
            fields.problem(node, "`basicAuth` needs `url`", "for which repository?", help);
        }
        return None;
    };
    let revision = match revisions.as_slice() {
        [] => {
            allow_branch(fields.node(), "master");
            Revision::Branch("master".to_owned())
        }
        [("branch", text)] => {
            allow_branch(text.node, &text.text);
            Revision::Branch(text.text.clone())
        }
        [("tag", text)] => Revision::Tag(text.text.clone()),
        [(_, text)] => Revision::Commit(text.text.clone()),
        [_, (key, text), ..] => {
            fields.problem(
                text.node,
                "a repository has more than one revision",
                format!("`{key}` is one too many"),
                "keep one of `branch`, `tag`, `commit`".to_owned(),
            );
            return None;
        }
    };
    Some(Remote { url, revision, basic_auth: basic_auth.flatten() })
}

/// `{username: …, password: {env | src | value: …}}`; where the password comes from is for giterminism to allow, as with `secrets`.
fn read_basic_auth(context: &Context<'_>, fields: Fields<'_>) -> Option<BasicAuth> {
    let username = fields.required("username", "gitlab-ci-token");
    if fields.value("password").is_none() {
        fields.missing("password", "{env: CI_JOB_TOKEN}");
    }
    let password = fields.fields("password").and_then(|password| {
        let secret = read_image::read_secret_source(context, &password, username.as_ref());
        password.finish();
        secret
    });
    fields.finish();
    Some(BasicAuth { username: username?.text, password: password? })
}

fn read_shell(context: &Context<'_>, fields: Fields<'_>) -> Shell {
    let stages = [
        ("beforeInstall", "beforeInstallCacheVersion", UserStage::BeforeInstall),
        ("install", "installCacheVersion", UserStage::Install),
        ("beforeSetup", "beforeSetupCacheVersion", UserStage::BeforeSetup),
        ("setup", "setupCacheVersion", UserStage::Setup),
    ];
    let mut shell = Shell { cache_version: fields.string("cacheVersion"), stages: BTreeMap::new() };
    for (key, version, stage) in stages {
        let command = |text: Text<'_>| Command { at: context.at(text.node), text: text.text };
        let commands: Vec<Command> = fields.texts(key).into_iter().map(command).collect();
        let cache_version = fields.string(version);
        if !commands.is_empty() || cache_version.is_some() {
            shell.stages.insert(stage, ShellStage { cache_version, commands });
        }
    }
    fields.finish();
    shell
}

fn read_import(context: &Context<'_>, node: &Node) -> Option<Import> {
    let fields = Fields::open(context.sink, node, "an entry of `import`")?;
    let given: Vec<(&str, Text<'_>)> = ["from", "image", "artifact"].into_iter().filter_map(|key| Some((key, fields.text(key)?))).collect();
    match given.as_slice() {
        [] => fields.missing("from", "IMAGE"),
        [_] => {}
        [_, (_, second), ..] => fields.problem(second.node, "an import has more than one source", "one too many", "keep `from`".to_owned()),
    }
    let source = given.first().map(|(key, text)| match *key != "artifact" && paths::has_tag_or_digest(&text.text) {
        true => (From::Reference(text.text.clone()), text.node),
        false => (From::Image(text.text.clone()), text.node),
    });
    for old in ["image", "artifact"] {
        fields.outdated(old, |value| format!("`from: {}`", value.text().unwrap_or("IMAGE")));
    }
    let stage = fields.text("stage");
    if let (Some(stage), Some((From::Reference(reference), _))) = (&stage, &source) {
        fields.problem(
            stage.node,
            format!("`stage` cannot be used with `{reference}`"),
            "only for images of this file",
            "remove `stage`".to_owned(),
        );
    }
    let add = fields.required("add", "/usr/bin/tool").and_then(|text| Some((paths::absolute(context, "add", &text)?, text.node)));
    let to = match fields.text("to") {
        Some(text) => paths::absolute(context, "to", &text),
        None => add.as_ref().map(|(path, _)| path.clone()),
    };
    let include_paths = paths::globs(context, &fields, "includePaths");
    if let Some((path, node)) = &add
        && path == "/"
        && include_paths.is_empty()
    {
        let help = "name what to take: `includePaths: [usr/bin/tool]`".to_owned();
        fields.problem(node, "an import of `/` needs `includePaths`", "the whole file system", help);
    }
    let when = read_image::read_when(context, &fields);
    let (owner, group) = (fields.string("owner"), fields.string("group"));
    let exclude_paths = paths::globs(context, &fields, "excludePaths");
    fields.finish();
    let (from, from_node) = source?;
    let at = context.at(from_node);
    Some(Import {
        from,
        stage: stage.map(|stage| stage.text),
        when: when?,
        add: add?.0,
        to: to?,
        owner,
        group,
        include_paths,
        exclude_paths,
        at,
    })
}

fn read_mounts(context: &Context<'_>, fields: &Fields<'_>) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for node in fields.list("mount") {
        let Some(mount) = read_mount(context, node) else { continue };
        if mounts.iter().any(|other| other.to == mount.to) {
            let help = "give each mount a place of its own".to_owned();
            fields.problem(node, format!("two mounts are at `{}`", mount.to), "the second one", help);
        }
        mounts.push(mount);
    }
    mounts
}

fn read_mount(context: &Context<'_>, node: &Node) -> Option<Mount> {
    let fields = Fields::open(context.sink, node, "an entry of `mount`")?;
    let to = fields.required("to", "/var/cache/apt").and_then(|text| paths::absolute(context, "to", &text));
    let from = match (fields.text("from"), fields.text("fromPath")) {
        (Some(text), None) => match text.text.as_str() {
            "tmp_dir" => Some(MountSource::TmpDir),
            "build_dir" => {
                context.gate(text.node, "`from: build_dir`", &|policy| policy.mount_build_dir, "config.stapel.mount.allowBuildDir", "true");
                Some(MountSource::BuildDir)
            }
            other => {
                let help = format!("one of {}, or `fromPath: PATH`", quoted(&["tmp_dir", "build_dir"]));
                fields.problem(text.node, format!("`from: {other}` is not a kind of mount"), "unknown kind", help);
                None
            }
        },
        (None, Some(text)) => {
            let path = text.text.clone();
            let rule = |policy: &crate::project::giterminism::Policy| policy.mount_paths.allow(&path);
            context.gate(text.node, &format!("`fromPath: {path}`"), &rule, "config.stapel.mount.allowFromPaths", &format!("[{path}]"));
            Some(MountSource::Path(path.clone()))
        }
        (Some(_), Some(text)) => {
            fields.problem(text.node, "a mount has both `from` and `fromPath`", "one too many", "remove one of them".to_owned());
            None
        }
        (None, None) => {
            fields.missing("from", "tmp_dir");
            None
        }
    };
    fields.finish();
    Some(Mount { from: from?, to: to? })
}
