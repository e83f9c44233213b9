//! `werf helm template --post-renderer` pipes and prints what the real `helm template` does; with a plugin of Helm 4 the same data.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::sandbox::Sandbox;
use crate::testbed::{Needs, testbed};

/// A chart with CRDs, hooks, notes and a document of comments, and programs beside it.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    let pod = |name: &str, event: &str| {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: {{helm.sh/hook: {event}}}}}\n")
    };
    sandbox.write(&[
        ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("web/crds/a.yaml", "kind: CustomResourceDefinition\nmetadata: {name: a}\n---\nkind: CustomResourceDefinition\n"),
        ("web/templates/a.yaml", "kind: Service\nmetadata: {name: a} # why\n---\n# nothing\n---\nkind: ConfigMap\nmetadata: {name: b}\n"),
        ("web/templates/b.yaml", "kind: Secret\nmetadata: {name: c}\n"),
        ("web/templates/before.yaml", &pod("before", "pre-install")),
        ("web/templates/test.yaml", &pod("check", "test")),
        ("web/templates/NOTES.txt", "noted\n"),
        ("same.sh", "#!/bin/sh\ntee piped\necho heard >&2\n"),
        ("arguments.sh", "#!/bin/sh\nfor a; do echo \"  - $a\"; done\n"),
        ("without-sources.sh", "#!/bin/sh\ngrep -v Source\n"),
        ("nothing.sh", "#!/bin/sh\ncat > /dev/null\n"),
        ("deaf.sh", "#!/bin/sh\necho 'kind: A\n\n\n'\n"),
        ("failing.sh", "#!/bin/sh\nexit 3\n"),
        ("no-program.sh", "#!/bin/sh\n"),
    ]);
    for file in std::fs::read_dir(sandbox.app()).expect("a directory").flatten() {
        if file.path().extension().is_some_and(|extension| extension == "sh") && file.file_name() != "no-program.sh" {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o755)).expect("rights");
        }
    }
    sandbox
}

#[test]
fn manifests_go_through_a_program_as_with_helm() {
    let sandbox = sandbox();
    let helm = testbed(Needs::Images).bin.join("helm3");
    let path = format!("{}:/usr/bin:/bin", sandbox.app().display());
    let printed = |mut program: Command, flags: &[&str]| {
        let _ = std::fs::remove_file(sandbox.app().join("piped"));
        program.args(["template", "rel", "web"]).args(flags).current_dir(sandbox.app());
        let output = program.env("KUBECONFIG", "/dev/null").env("PATH", &path).output().expect("it runs");
        let piped = std::fs::read_to_string(sandbox.app().join("piped")).ok();
        (output.status.code(), String::from_utf8(output.stdout).expect("text"), piped)
    };
    let same = |flags: &[&str], code: i32| {
        let (ours, theirs) = (printed(sandbox.command(&["helm"]), flags), printed(Command::new(&helm), flags));
        assert_eq!(theirs.0, Some(code), "{flags:?}");
        assert_eq!(ours, theirs, "{flags:?}");
        ours
    };
    let (_, _, piped) = same(&["--post-renderer", "./same.sh"], 0);
    let piped = piped.expect("it was run");
    assert!(!piped.contains("hook") && !piped.contains("noted") && !piped.contains("CustomResource"), "{piped}");
    same(&["--post-renderer", "same.sh", "--include-crds", "--no-hooks"], 0);
    same(&["--post-renderer", "./same.sh", "--skip-tests", "-s", "templates/a.yaml", "-s", "templates/before.yaml"], 0);
    same(&["--post-renderer", "./arguments.sh", "--post-renderer-args", "a,b", "--post-renderer-args=--c"], 0);
    same(&["--post-renderer-args", "a"], 0);
    same(&["--post-renderer="], 0);
    for program in ["without-sources.sh", "nothing.sh", "deaf.sh"] {
        same(&["--post-renderer", program], 0);
    }
    same(&["--post-renderer", "same.sh", "--output-dir", "out"], 0);
    same(&["--post-renderer", "deaf.sh", "--output-dir", "out"], 0);
    same(&["--post-renderer", "without-sources.sh", "-s", "templates/a.yaml"], 1);
    for program in ["failing.sh", "./no-program.sh", "no-program.sh", "./nowhere", "nowhere", "./web"] {
        same(&["--post-renderer", program], 1);
    }
}

/// The documents of a text with the files that they are from.
fn documents(text: &str) -> Vec<(String, serde_json::Value)> {
    let read = |document: &str| {
        let source = document.lines().find_map(|line| line.strip_prefix("# Source: ")).unwrap_or_default();
        (source.to_owned(), werf::yaml::parse_json(document).expect("YAML"))
    };
    text.split("---\n").filter(|document| !document.trim().is_empty()).map(read).collect()
}

#[test]
fn manifests_go_through_a_plugin_as_with_helm_4() {
    let sandbox = sandbox();
    let plugin = |name: &str, command: &str| {
        let text = format!(
            "name: {name}\nversion: 1.0.0\ntype: postrenderer/v1\napiVersion: v1\nruntime: subprocess\nruntimeConfig:\n  platformCommand:\n  - {command}\n"
        );
        sandbox.write(&[(&format!("plugins/{name}/plugin.yaml"), &text)]);
    };
    plugin("same", "{command: '${HELM_PLUGIN_DIR}/../../same.sh'}");
    plugin("said", "{command: 'sh ${HELM_PLUGIN_DIR}/said.sh $HELM_PLUGIN_NAME$0', args: ['$HOME_SWEET_HOME!', '$@']}");
    sandbox.write(&[(
        "plugins/said/said.sh",
        "cat\necho ---\necho kind: Said\necho \"words: [$(printf \"'%s',\" \"$@\" $HELM_PLUGIN_NAME)]\"\n",
    )]);
    plugin("renamed", "{command: sed, args: ['s/templates.b.yaml/templates\\/z.yaml/']}");
    plugin("nothing", "{command: 'true'}");
    plugin("failing", "{command: 'false'}");
    sandbox.write(&[(
        "web/templates/deep.yaml",
        "kind: Deployment\nspec:\n    list:\n      - {a: 0755, b: '1', c: ~}\n      - |\n        one\n          two\n    \"on\": yes\n",
    )]);
    let helm = testbed(Needs::Images).bin.join("helm");
    let printed = |mut program: Command, flags: &[&str]| {
        let _ = std::fs::remove_file(sandbox.app().join("piped"));
        program.args(["template", "rel", "web"]).args(flags).current_dir(sandbox.app());
        let output = program.env("KUBECONFIG", "/dev/null").env("HELM_PLUGINS", sandbox.app().join("plugins")).output().expect("it runs");
        let piped = std::fs::read_to_string(sandbox.app().join("piped")).ok();
        (output.status.code(), documents(&String::from_utf8(output.stdout).expect("text")), piped.map(|text| documents(&text)))
    };
    for (flags, code) in [
        (&["same"][..], 0),
        (&["same", "--include-crds", "--no-hooks"], 0),
        (&["said", "--post-renderer-args", "one", "--post-renderer-args=--two"], 0),
        (&["renamed", "--skip-tests"], 0),
        (&["same", "-s", "templates/before.yaml"], 0),
        (&["nothing"], 1),
        (&["failing"], 1),
        (&["nowhere"], 1),
    ] {
        let flags = [&["--post-renderer"], flags].concat();
        let theirs = printed(Command::new(&helm), &flags);
        let mut ours = sandbox.command(&["helm"]);
        ours.env("WERF_HELM_COMPAT", "4");
        let ours = printed(ours, &flags);
        assert_eq!(theirs.0, Some(code), "{flags:?}");
        assert_eq!(ours, theirs, "{flags:?}");
    }
}
