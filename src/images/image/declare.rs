//! A stage as named inputs: what its digest is made of, and what people are told of a change.
//!
//! Every struct is taken apart without `..`, and a field that is no input says why not. Absent and default values are left out, so that a
//! new key of werf.yaml renames only the images that use it.

use serde_json::json;

use super::inputs::Inputs;
use super::stage::{
    Above, Base, Dependencies, Dockerfile, Fact, Import, Mount, MountSource, Placed, Remote, Run, Source, Work, user_stage,
};
use crate::images::dockerfile;
use crate::images::llb::Network;
use crate::project::config::image::{Healthcheck, ImageSpec};

/// The inputs that a stage declares, in hashing order.
pub fn inputs(work: &Work) -> Inputs {
    let mut inputs = Inputs::default();
    match work {
        Work::From(base) => from(base, &mut inputs),
        Work::Run(stage) => run(stage, &mut inputs),
        Work::Dependencies(stage) => dependencies(stage, &mut inputs),
        Work::Git(all) => all.iter().for_each(|one| placed(one, &mut inputs)),
        Work::ImageSpec(spec) => image_spec(spec, &mut inputs),
        Work::Dockerfile(stage) => dockerfile(stage, &mut inputs),
    }
    inputs
}

fn from(base: &Base, inputs: &mut Inputs) {
    let Base { platforms, cache_version, from_cache_version, source: base } = base;
    inputs.list("target platform", platforms);
    inputs.optional("cacheVersion", cache_version.as_deref());
    inputs.optional("fromCacheVersion", from_cache_version.as_deref());
    source("base image", base, inputs);
}

fn source(name: &str, source: &Source, inputs: &mut Inputs) {
    match source {
        Source::Scratch => inputs.text(name, "scratch"),
        Source::Reference { written, latest } => {
            inputs.text(name, written);
            inputs.optional(format!("{name}: fromLatest"), latest.as_deref());
        }
        // The stage's name is only the way to the content.
        Source::Image { name: image, stage: _, digest } => inputs.image(name, image, *digest),
    }
}

fn run(run: &Run, inputs: &mut Inputs) {
    // The stage's name is hashed for every stage; what it does not see has no effect on it.
    let Run { stage, placed: files, unseen: _, shell_cache_version, stage_cache_version, commands, network: net, secrets, mounts } = run;
    files.iter().for_each(|one| placed(one, inputs));
    inputs.optional("shell.cacheVersion", shell_cache_version.as_deref());
    inputs.optional(format!("{}CacheVersion", user_stage(*stage)), stage_cache_version.as_deref());
    // Where a command stands in werf.yaml is for people.
    inputs.list("commands", commands.iter().map(|command| command.text.as_str()));
    network(*net, inputs);
    inputs.list("secrets", secrets);
    inputs.list("mounts", mounts.iter().map(mount));
}

fn mount(mount: &Mount) -> String {
    let Mount { to, from } = mount;
    match from {
        MountSource::Empty => format!("tmp_dir → {to}"),
        MountSource::Kept(name) => format!("build_dir {name} → {to}"),
        MountSource::Machine(path) => format!("fromPath {path} → {to}"),
    }
}

fn network(network: Network, inputs: &mut Inputs) {
    match network {
        Network::Default => {}
        Network::Host => inputs.text("network", "host"),
        Network::None => inputs.text("network", "none"),
    }
}

fn placed(placed: &Placed, inputs: &mut Inputs) {
    // Where files were in their repository and how they were chosen is no input: the files are.
    let Placed { add, to, owner, group, remote, files } = placed;
    let name = format!("git {} → {to}", if add.is_empty() { "/" } else { add });
    inputs.text(format!("{name}: to"), to);
    inputs.optional(format!("{name}: owner"), owner.as_deref());
    inputs.optional(format!("{name}: group"), group.as_deref());
    // Where the other repository is may change; its commit says all.
    if let Some(Remote { url: _, commit }) = remote {
        inputs.text(format!("{name}: commit"), commit);
    }
    inputs.files(format!("{name}: files"), files.clone());
}

fn dependencies(dependencies: &Dependencies, inputs: &mut Inputs) {
    // The stage's name is hashed for every stage.
    let Dependencies { when: _, imports, facts } = dependencies;
    imports.iter().for_each(|one| import(one, inputs));
    facts.iter().for_each(|one| fact(one, inputs));
}

fn import(import: &Import, inputs: &mut Inputs) {
    let Import { source: from, add, to, owner, group, include, exclude, above } = import;
    let name = format!("import {add} → {to}");
    source(&format!("{name}: source"), from, inputs);
    inputs.text(format!("{name}: add"), add);
    inputs.text(format!("{name}: to"), to);
    inputs.optional(format!("{name}: owner"), owner.as_deref());
    inputs.optional(format!("{name}: group"), group.as_deref());
    inputs.list(format!("{name}: includePaths"), include);
    inputs.list(format!("{name}: excludePaths"), exclude);
    if let Some(Above { directories, owner, group }) = above {
        inputs.list(format!("{name}: directories of git"), directories);
        inputs.optional(format!("{name}: owner of these"), owner.as_deref());
        inputs.optional(format!("{name}: group of these"), group.as_deref());
    }
}

fn fact(fact: &Fact, inputs: &mut Inputs) {
    let Fact { image, digest, fact, target } = fact;
    inputs.image(format!("dependency {image}: {target}"), image, *digest);
    inputs.text(format!("dependency {image}: {target}: fact"), format!("{fact:?}"));
}

fn image_spec(spec: &ImageSpec, inputs: &mut Inputs) {
    let ImageSpec {
        author,
        clear_history,
        cmd,
        entrypoint,
        env,
        expose,
        add_ports,
        labels,
        volumes,
        user,
        working_dir,
        stop_signal,
        healthcheck,
        remove_env,
        remove_labels,
        remove_volumes,
        // What it asks for always holds.
        keep_essential_labels: _,
        clear_cmd,
        clear_entrypoint,
        clear_user,
        clear_working_dir,
    } = spec;
    inputs.optional("author", author.as_deref());
    for (name, value) in [
        ("clearHistory", *clear_history),
        ("clearCmd", *clear_cmd),
        ("clearEntrypoint", *clear_entrypoint),
        ("clearUser", *clear_user),
        ("clearWorkingDir", *clear_working_dir),
    ] {
        inputs.optional(name, value.then_some("true"));
    }
    for (name, list) in [("cmd", cmd), ("entrypoint", entrypoint)] {
        if let Some(list) = list {
            // An empty list is a command too: none.
            inputs.text(name, json!(list).to_string());
        }
    }
    inputs.map("env", env);
    inputs.list("expose", expose);
    inputs.list("docker.EXPOSE", add_ports);
    inputs.map("labels", labels);
    inputs.list("volumes", volumes);
    inputs.optional("user", user.as_deref());
    inputs.optional("workingDir", working_dir.as_deref());
    inputs.optional("stopSignal", stop_signal.as_deref());
    if let Some(Healthcheck { test, interval, timeout, start_period, retries }) = healthcheck {
        inputs.text("healthcheck", json!([test, interval, timeout, start_period, retries]).to_string());
    }
    inputs.list("removeEnv", remove_env);
    inputs.list("removeLabels", remove_labels);
    inputs.list("removeVolumes", remove_volumes);
}

fn dockerfile(dockerfile: &Dockerfile, inputs: &mut Inputs) {
    // Of the text and of `args` in werf.yaml, what has an effect is in the fields that were made of them.
    let Dockerfile {
        platforms,
        cache_version,
        path: _,
        text: _,
        target: _,
        directives,
        stages,
        bases,
        triggers,
        leaves: _,
        args,
        given: _,
        facts,
        add_hosts,
        network: net,
        secrets,
        context,
        // What is fetched is known to the builder alone.
        unpinned: _,
    } = dockerfile;
    inputs.list("target platform", platforms);
    inputs.optional("cacheVersion", cache_version.as_deref());
    inputs.list("directives", directives);
    // Whether a stage is built on it follows from the instructions.
    inputs.list(
        "base images",
        bases.iter().map(|dockerfile::Base { reference, platform, built_on: _ }| match platform {
            None => reference.clone(),
            Some(platform) => format!("{reference} for {platform}"),
        }),
    );
    for (name, instructions) in stages {
        inputs.list(format!("stage {name}"), instructions);
    }
    for (base, triggers) in triggers {
        inputs.list(format!("triggers of {base}"), triggers);
    }
    inputs.map("argument", args);
    facts.iter().for_each(|one| fact(one, inputs));
    inputs.list("addHost", add_hosts);
    network(*net, inputs);
    inputs.list("secrets", secrets);
    inputs.files("context", context.clone());
}
