//! `werf helm template`: Helm's arguments and flags, and what it says of those that cannot be followed.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::super::sandbox::Sandbox;
use super::{told, told_with};

/// A chart in `web` and a values file beside it; no project, no repository.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}\n";
    let hook = "kind: Pod\nmetadata: {name: check, annotations: {helm.sh/hook: test}}\n";
    sandbox.write(&[
        ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("web/values.yaml", "size: 1\n"),
        ("web/templates/map.yaml", &format!("{map}data: {{{{ toJson (omit .Values \"werf\") }}}}\n")),
        ("web/templates/upgrade.yaml", "kind: Secret\nmetadata: {name: {{ .Release.IsUpgrade }}}\n"),
        ("web/templates/hook.yaml", hook),
        ("web/crds/crd.yaml", "kind: CustomResourceDefinition\n"),
        ("prod.yaml", "size: 2\n"),
        ("text", "from a file"),
    ]);
    sandbox
}

#[test]
fn a_chart_outside_of_git_with_all_that_flags_set() {
    let set = ["--set", "s=1", "--set-string", "t=1", "--set-json", "j=[1]", "--set-file", "f=text", "--set-literal", "l=a,b"];
    let flags = ["helm", "template", "rel", "./web/", "-n", "there", "-f", "web/values.yaml,prod.yaml", "--is-upgrade", "--include-crds"];
    insta::assert_snapshot!(told(&sandbox(), &[&flags[..], &set].concat()), @r#"
    exit 0
    ---
    # Source: web/crds/crd.yaml
    kind: CustomResourceDefinition

    ---
    # Source: web/templates/upgrade.yaml
    kind: Secret
    metadata: {name: true}
    ---
    # Source: web/templates/map.yaml
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: rel, namespace: there}
    data: {"f":"from a file","j":[1],"l":"a,b","s":1,"size":2,"t":"1"}
    ---
    # Source: web/templates/hook.yaml
    kind: Pod
    metadata: {name: check, annotations: {helm.sh/hook: test}}
    "#);
}

#[test]
fn names_namespaces_and_parts() {
    let sandbox = sandbox();
    let map = |flags: &[&str], env: &[(&str, &str)]| {
        let text = told_with(&sandbox, &[&["helm", "template", "-s", "templates/map.yaml", "web"], flags].concat(), env);
        text.lines().find(|line| line.starts_with("metadata")).unwrap_or(&text).to_owned()
    };
    assert_eq!(map(&[], &[("WERF_NAMESPACE", "other"), ("WERF_SET", "size=3")]), "metadata: {name: release-name, namespace: default}");
    assert_eq!(map(&["--generate-name"], &[("HELM_NAMESPACE", "helms")]), "metadata: {name: release-name, namespace: helms}");
    assert_eq!(map(&["--name-template", "{{ \"WEB\" | lower }}"], &[]), "metadata: {name: web, namespace: default}");
    let kubeconfig =
        "apiVersion: v1\nkind: Config\ncurrent-context: one\ncontexts:\n- {name: one, context: {cluster: c, namespace: of-context}}\n";
    sandbox.write(&[("kubeconfig", kubeconfig)]);
    assert_eq!(map(&[], &[("KUBECONFIG", "kubeconfig")]), "metadata: {name: release-name, namespace: of-context}");
    // Helm's flags that change nothing are taken
    assert_eq!(map(&["--create-namespace", "--timeout", "5m", "--wait-for-jobs"], &[]), map(&[], &[]));
    for (flag, hooks) in [("--no-hooks", 0), ("--skip-tests", 0), ("--skip-crds", 1)] {
        assert_eq!(told(&sandbox, &["helm", "template", "web", flag]).matches("hook.yaml").count(), hooks, "{flag}");
    }
}

#[test]
fn files_instead_of_text_and_values_of_standard_input() {
    let sandbox = sandbox();
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "rel", "web", "--output-dir", "out", "--release-name", "--include-crds"]), @r"
    exit 0
    wrote out/web/crds/crd.yaml
    wrote out/rel/web/templates/upgrade.yaml
    wrote out/rel/web/templates/map.yaml
    wrote out/rel/web/templates/hook.yaml
    ");
    let written = std::fs::read_to_string(sandbox.app().join("out/rel/web/templates/upgrade.yaml")).expect("a file");
    assert_eq!(written, "---\n# Source: web/templates/upgrade.yaml\nkind: Secret\nmetadata: {name: false}\n");
    let mut command = sandbox.command(&["helm", "template", "web", "-f", "-"]);
    command.stdin(std::fs::File::open(sandbox.app().join("prod.yaml")).expect("a file"));
    let printed = String::from_utf8_lossy(&command.output().expect("werf runs").stdout).into_owned();
    assert!(printed.contains(r#"data: {"size":2}"#), "{printed}");
}

#[test]
fn an_archive_is_a_chart() {
    let sandbox = sandbox();
    let pack = std::process::Command::new("tar").args(["-czf", "web-1.0.0.tgz", "web"]).current_dir(sandbox.app()).status();
    assert!(pack.expect("tar runs").success());
    assert_eq!(told(&sandbox, &["helm", "template", "web-1.0.0.tgz"]), told(&sandbox, &["helm", "template", "web"]));
}

#[test]
fn what_is_no_chart() {
    let sandbox = sandbox();
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "bitnami/nginx"]), @r"
    exit 1
    error: no repository is called `bitnami` here
    help: none was added yet: `werf helm repo add bitnami URL`
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "prod.yaml"]), @r"
    exit 1
    error: `prod.yaml` is no chart archive: unexpected end of file
    help: a chart archive is what `helm package` makes: a gzipped tar whose one directory holds Chart.yaml
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "web/templates"]), @r"
    exit 1
    error: `web/templates/Chart.yaml` is missing
    help: a chart is a directory with a Chart.yaml that has apiVersion, name and version
    ");
    sandbox.write(&[("web/values.yaml", "a: [1\n")]);
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "web"]), @r"
    exit 1
    error: cannot load `web/values.yaml`
      because: did not find expected ',' or ']' while parsing a flow sequence (line 2, column 1)
      ╭─[web/values.yaml:2:1]
    2 │ 
      · ┬ here
    ");
}

#[test]
fn what_cannot_be_followed() {
    let sandbox = sandbox();
    insta::assert_snapshot!(told(&sandbox, &["helm", "template"]), @r"
    exit 2
    error: the following required arguments were not provided:
      <[NAME] CHART>...

    Usage: werf helm template [OPTIONS] [NAME] CHART

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "Rel", "web"]), @r"
    exit 1
    error: release name `Rel` is not valid: it must be lower-case letters, digits, `-` and `.`, with a letter or digit at each end
    help: it is the first argument, or what `--name-template` renders
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "rel", "web", "--name-template", "x"]), @r"
    exit 1
    error: the release has two names: an argument and `--name-template`
    help: leave one of them out
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "web", "--name-template", "{{ x }}"]), @r#"
    exit 1
    error: template: name-template:1: function "x" not defined
      ╭─[name-template:1:4]
    1 │ {{ x }}
      ·    ┬ here
    "#);
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "web", "-f", "http://127.0.0.1:9/values.yaml"]), @r"
    exit 1
    error: cannot read the values at http://127.0.0.1:9/values.yaml: 127.0.0.1:9 cannot be reached
      because: Connection refused (os error 111)
    help: check the repository's URL, and that this machine's network reaches it
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "web", "-f", "nowhere.yaml"]), @r"
    exit 1
    error: cannot read `nowhere.yaml`
      because: No such file or directory (os error 2)
    help: check the path and its permissions
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "web", "--set", "a"]), @r#"
    exit 1
    error: cannot read `--set a`
      because: key "a" has no value
    help: a setting is a list of `path=value`, as in `--set image.tag=v1,replicas=2`; quote a comma as `\,`
    "#);
    sandbox.write(&[("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: redis, version: 1.x.x}]\n")]);
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "web"]), @r"
    exit 1
    error: found in Chart.yaml, but missing in charts/ directory: redis
    help: put the charts below `charts/`: directories, or the archives that `werf helm dependency build` fetches
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "web", "--dependency-update"]), @r"
    exit 1
    error: dependency `redis`: there is no directory web/charts/redis
    help: a dependency without a repository lies in the chart's charts directory, `file://` is relative to the chart
    ");
}

#[test]
fn what_goes_wrong_with_post_renderers() {
    let sandbox = sandbox();
    let program = |text: &str| {
        sandbox.write(&[("change.sh", text)]);
        let file = sandbox.app().join("change.sh");
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("rights");
        told(&sandbox, &["helm", "template", "web", "--no-hooks", "--post-renderer", "./change.sh"])
    };
    insta::assert_snapshot!(program("#!/bin/sh\necho 'no such overlay' >&2\necho 'kind: A'\nexit 3\n"), @r"
    exit 1
    error: the post-renderer ./change.sh failed: exit status: 3
      because: no such overlay
    help: try it by itself: its standard input is what `--no-hooks` prints without it
    ");
    insta::assert_snapshot!(program("#!/bin/sh\nkill -9 $$\n"), @r"
    exit 1
    error: the post-renderer ./change.sh failed: signal: 9 (SIGKILL)
      because: it said nothing
    help: try it by itself: its standard input is what `--no-hooks` prints without it
    ");
    insta::assert_snapshot!(program("#!/bin/sh\ncat > /dev/null\n"), @r"
    exit 0

         Warning the post-renderer ./change.sh wrote nothing
                 help: it has to write manifests to its standard output, separated by `---`
    ");
    insta::assert_snapshot!(program("#!/bin/sh\necho 'kind: A'\necho 'a: b: c'\n"), @r"
    exit 0
    kind: A
    a: b: c
         Warning the post-renderer ./change.sh wrote what is no YAML: mapping values are not allowed in this context (line 2, column 5)
                 help: it has to write manifests to its standard output, separated by `---`
    ");
    insta::assert_snapshot!(program("#!/bin/sh\necho 'kind: A'\necho ---\necho done\n"), @r"
    exit 0
    kind: A
    ---
    done
         Warning the post-renderer ./change.sh wrote a string where a manifest is expected (line 3)
                 help: it has to write manifests to its standard output, separated by `---`
    ");
    insta::assert_snapshot!(program("echo 1\n"), @r"
    exit 1
    error: cannot run the post-renderer ./change.sh
      because: Exec format error (os error 8)
    help: a script has to begin with a line such as `#!/bin/sh`
    ");
    let missing = |program: &str| told(&sandbox, &["helm", "template", "web", "--post-renderer", program]);
    insta::assert_snapshot!(missing("surely-absent"), @r"
    exit 1
    error: --post-renderer: there is no program `surely-absent` in the directories of PATH
    help: write the path of a program with a slash, as in `./surely-absent`
    ");
    insta::assert_snapshot!(missing("./prod.yaml"), @r"
    exit 1
    error: --post-renderer: `./prod.yaml` is no program that can be run
    help: it must be a file that this user may execute: `chmod +x` makes a script one
    ");
}

#[test]
fn what_goes_wrong_with_post_rendering_plugins() {
    let sandbox = sandbox();
    let metadata = |name: &str, rest: &str| format!("name: {name}\nversion: 1.0.0\ntype: postrenderer/v1\napiVersion: v1\n{rest}");
    let plugin = |rest: &str| {
        sandbox.write(&[("plugins/change/plugin.yaml", &metadata("change", rest))]);
        told_with(&sandbox, &["helm", "template", "web", "--post-renderer", "change", "--helm-compat", "4"], &[("HELM_PLUGINS", "plugins")])
    };
    let program =
        |text: &str| plugin(&format!("runtime: subprocess\nruntimeConfig: {{platformCommand: [{{command: sh, args: [-c, '{text}']}}]}}\n"));
    let named = |name: &str| {
        told_with(
            &sandbox,
            &["helm", "template", "web", "--post-renderer", name, "--helm-compat", "4"],
            &[("HELM_PLUGINS", "plugins:more")],
        )
    };
    insta::assert_snapshot!(named("cat"), @r"
    exit 1
    error: --post-renderer: there is no plugin `cat` for post-rendering in plugins, more
    help: none of this type is there. With Helm 4's ways the flag names a plugin, which `helm plugin install` puts there; without `--helm-compat 4` it takes any program
    ");
    insta::assert_snapshot!(plugin("runtime: extism/v1\n"), @r"
    exit 1
    error: --post-renderer: the plugin `change` has the runtime `extism/v1`, and only programs are run here (plugins/change/plugin.yaml)
    help: a plugin with `runtime: subprocess` can do the same
    ");
    insta::assert_snapshot!(plugin("runtime: subprocess\nruntimeConfig: {platformCommand: [{os: plan9, command: x}]}\n"), @r"
    exit 1
    error: --post-renderer: the plugin `change` has no command for linux/amd64 (plugins/change/plugin.yaml)
    help: add one to `runtimeConfig.platformCommand`
    ");
    insta::assert_snapshot!(plugin("runtime: subprocess\nruntimeConfig: {platformCommand: [{command: '${HELM_PLUGIN_DIR}/absent'}]}\n"), @r"
    exit 1
    error: --post-renderer: `plugins/change/absent` is no program that can be run
    help: it must be a file that this user may execute: `chmod +x` makes a script one
    ");
    insta::assert_snapshot!(program("echo no such overlay >&2; exit 3"), @r"
    exit 1
    error: the post-renderer plugin `change` failed: exit status: 3
      because: no such overlay
    help: try it by itself: its standard input is every document, as a plugin whose command is `cat` shows
    ");
    insta::assert_snapshot!(program("cat > /dev/null"), @r"
    exit 1
    error: the post-renderer wrote nothing
    help: it has to write manifests to its standard output, separated by `---`
    ");
    insta::assert_snapshot!(program("echo \"a: b: c\""), @r"
    exit 1
    error: the post-renderer wrote what is no YAML: mapping values are not allowed in this context (line 1, column 5)
    help: it has to write manifests to its standard output, separated by `---`
    ");
    insta::assert_snapshot!(program("echo text"), @r"
    exit 1
    error: the post-renderer wrote a string where a manifest is expected (line 1)
    help: it has to write manifests to its standard output, separated by `---`
    ");
    sandbox.write(&[("more/other/plugin.yaml", &metadata("other", "")), ("more/broken/plugin.yaml", "a: b: c")]);
    insta::assert_snapshot!(named("cat"), @r"
    exit 1
    error: --post-renderer: there is no plugin `cat` for post-rendering in plugins, more
    help: there are change, other; more/broken/plugin.yaml cannot be read: mapping values are not allowed in this context (line 1, column 5). With Helm 4's ways the flag names a plugin, which `helm plugin install` puts there; without `--helm-compat 4` it takes any program
    ");
    sandbox.write(&[("web/templates/odd.yaml", "metadata: 1\n")]);
    insta::assert_snapshot!(named("change"), @r"
    exit 1
    error: web/templates/odd.yaml cannot be given to the post-renderer: a document, its metadata or its annotations are no mapping
    help: with Helm 4's ways every document is annotated before the post-renderer reads it: it has to be a manifest
    ");
}

#[test]
fn manifests_that_break_schemas_of_the_disk() {
    let sandbox = sandbox();
    let text = r#"{"type": "string"}"#;
    let map = format!(
        r#"{{"type": "object", "properties": {{"apiVersion": {text}, "kind": {text}, "metadata": {{"type": "object", "properties": {{"name": {text}, "namespace": {text}}}}}, "data": {{"type": "object", "additionalProperties": {text}}}}}}}"#
    );
    let definition = "\
kind: CustomResourceDefinition
spec:
  group: example.org
  names: {kind: Lamp}
  versions: [{name: v1, schema: {openAPIV3Schema: {type: object, properties: {color: {enum: [red, green]}}}}}]
";
    sandbox.write(&[
        ("schemas/configmap-v1.json", &map),
        (
            "schemas/ingress-networking-v1.json",
            r#"{"x-kubernetes-group-version-kind": [{"group": "networking.k8s.io", "version": "v1", "kind": "Ingress"}]}"#,
        ),
        ("schemas/example.org/bulb_v2.json", r#"{"type": "object", "required": ["watt"]}"#),
        ("schemas/lamp.yaml", definition),
        ("web/templates/upgrade.yaml", "apiVersion: example.org/v1\nkind: Lamp\nmetadata: {name: a}\ncolor: gren\n"),
        (
            "web/templates/hook.yaml",
            "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a, annotations: {helm.sh/hook: test}}\n",
        ),
        ("web/templates/bulb.yaml", "apiVersion: example.org/v2\nkind: Bulb\nmetadata: {name: a}\n"),
        ("empty/README", ""),
        ("broken/configmap-v1.json", "{"),
        ("broken-yaml/a.yaml", "kind: CustomResourceDefinition\na: b: c\n"),
    ]);
    std::fs::remove_file(sandbox.app().join("web/crds/crd.yaml")).expect("removed");
    let with = |dir: &str| told(&sandbox, &["helm", "template", "web", "--skip-tests", "--validate-schemas", dir]);
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "web", "--validate-schemas", "schemas"]), @r#"
    exit 1
    error: 4 things in the chart's manifests are not what Kubernetes takes

    error: ConfigMap/release-name: `data.size` must be a string, it is the number 1
      ╭─[web/templates/map.yaml:4:7]
    4 │ data: {{ toJson (omit .Values "werf") }}
      ·       ─────────────────┬──────────────── wrote this
    help: quote the value in the template: `{{ value | quote }}` makes a string of a number or a boolean

    note: this is what it wrote
      ╭─[web/templates/map.yaml, as rendered:4:15]
    1 │ apiVersion: v1
    2 │ kind: ConfigMap
    3 │ metadata: {name: release-name, namespace: default}
    4 │ data: {"size":1}
      ·               ┬ in the rendered text

    error: Bulb/a: `watt` is missing
      ╭─[web/templates/bulb.yaml:1:1]
    1 │ apiVersion: example.org/v2
      · ─────────────┬──────────── wrote this

    error: Lamp/a: `color` must be one of `red`, `green`, it is the string "gren"
      ╭─[web/templates/upgrade.yaml:4:8]
    4 │ color: gren
      ·        ──┬─ wrote this
    help: did you mean `green`?

    error: Ingress/a: extensions/v1beta1 Ingress is not served
      ╭─[web/templates/hook.yaml:1:13]
    1 │ apiVersion: extensions/v1beta1
      ·             ─────────┬──────── wrote this
    help: networking.k8s.io/v1 is
    "#);
    insta::assert_snapshot!(with("empty"), @r"
    exit 1
    error: 3 things in the chart's manifests are not what Kubernetes takes

    error: ConfigMap/release-name: v1 ConfigMap is not served
      ╭─[web/templates/map.yaml:1:13]
    1 │ apiVersion: v1
      ·             ─┬ wrote this
    help: put its CustomResourceDefinition into the cluster or into the chart's `crds/`, or a schema of it into a directory of `--validate-schemas`

    error: Bulb/a: example.org/v2 Bulb is not served
      ╭─[web/templates/bulb.yaml:1:13]
    1 │ apiVersion: example.org/v2
      ·             ───────┬────── wrote this
    help: put its CustomResourceDefinition into the cluster or into the chart's `crds/`, or a schema of it into a directory of `--validate-schemas`

    error: Lamp/a: example.org/v1 Lamp is not served
      ╭─[web/templates/upgrade.yaml:1:13]
    1 │ apiVersion: example.org/v1
      ·             ───────┬────── wrote this
    help: put its CustomResourceDefinition into the cluster or into the chart's `crds/`, or a schema of it into a directory of `--validate-schemas`
    ");
    insta::assert_snapshot!(with("nowhere"), @r"
    exit 1
    error: cannot read nowhere
      because: No such file or directory (os error 2)
    help: check the path and its permissions
    ");
    insta::assert_snapshot!(with("broken"), @r"
    exit 1
    error: broken/configmap-v1.json is no JSON
      because: EOF while parsing an object at line 1 column 1
    help: a directory of `--validate-schemas` holds OpenAPI documents and JSON schemas in `.json`, and definitions in `.yaml`
    ");
    insta::assert_snapshot!(with("broken-yaml"), @r"
    exit 1
    error: broken-yaml/a.yaml is no YAML
      because: mapping values are not allowed in this context (line 2, column 5)
      ╭─[broken-yaml/a.yaml:2:5]
    2 │ a: b: c
      ·     ┬ here
    help: a `: ` inside a value needs quotes, and a nested key its own line
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "web", "--validate"]), @r"
    exit 1
    error: no Kubernetes configuration found (looked for [SANDBOX]/home/.kube/config)
    help: name a kubeconfig with `--kube-config PATH` or `WERF_KUBE_CONFIG`, give its content in `--kube-config-base64`, or run inside a pod with a service account
    ");
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "web", "--dry-run=sometimes"]), @r"
    exit 2
    error: invalid value 'sometimes' for '--dry-run[=<client|server>]': `sometimes` is neither client nor server

    For more information, try '--help'.
    ");
}

#[test]
fn whose_ways_are_followed_is_chosen_for_charts_of_projects_too() {
    let map = "kind: A\nvalues: {{ omit .Values \"werf\" \"global\" | toJson }}\n";
    let sandbox = Sandbox::commit(&[
        ("werf.yaml", "project: app\nconfigVersion: 1\n"),
        (".helm/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n"),
        (".helm/values.yaml", "a: null\nb: 1\n---\nc: 2\n"),
        (".helm/templates/map.yaml", map),
    ]);
    for command in [&["render"][..], &["helm", "template", ".helm"]] {
        let values = |compat: &str| {
            let text = told(&sandbox, &[command, &["--helm-compat", compat]].concat());
            text.lines().find_map(|line| line.strip_prefix("values: ")).unwrap_or(&text).to_owned()
        };
        assert_eq!(values("3"), r#"{"a":null,"b":1}"#, "{command:?}");
        assert_eq!(values("4"), r#"{"b":1,"c":2}"#, "{command:?}");
    }
    insta::assert_snapshot!(told(&sandbox, &["render", "--helm-compat", "2"]), @r"
    exit 2
    error: invalid value '2' for '--helm-compat <3|4>': `2` is neither 3 nor 4

    For more information, try '--help'.
    ");
}

#[test]
fn what_templates_draw_is_determined_where_it_is_asked_for() {
    let certificate = "{{ $c := genSelfSignedCertWithKey \"a\" list list 1 .Values.key }}";
    let draws = "kind: Secret\nplain: {{ randAlphaNum 8 }} {{ randAlphaNum 8 }} {{ uuidv4 }} {{ shuffle \"abcdefghijkl\" }} {{ randInt 0 99999999 }}\n";
    let keys =
        "kind: Keys\nplain: {{ htpasswd \"u\" \"p\" }} {{ genPrivateKey \"ecdsa\" | b64enc }} {{ genPrivateKey \"ed25519\" | b64enc }}\n";
    let time = "kind: Time\nplain: {{ now }} {{ now | date \"2006-01-02T15:04:05Z07:00\" }} {{ now | unixEpoch }}\n";
    let key = "{{ set .Values \"key\" (genPrivateKey \"ecdsa\") | len }}";
    let made = format!("kind: Certificate\nplain: {key}{certificate}{{{{ $c.Cert | b64enc }}}}\n");
    let sandbox = Sandbox::commit(&[
        ("werf.yaml", "project: app\nconfigVersion: 1\n"),
        (".helm/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n"),
        (".helm/templates/a.yaml", draws),
        (".helm/templates/b.yaml", draws),
        (".helm/templates/keys.yaml", keys),
        (".helm/templates/time.yaml", time),
        (".helm/templates/certificate.yaml", &made),
    ]);
    let plain = |text: &str| -> Vec<String> { text.lines().filter_map(|line| line.strip_prefix("plain: ")).map(str::to_owned).collect() };
    let draw = |args: &[&str]| {
        let text = told(&sandbox, args);
        assert!(text.starts_with("exit 0"), "{text}");
        text
    };
    let chart = |rest: &[&str]| draw(&[&["helm", "template", ".helm"], rest].concat());
    assert_ne!(plain(&chart(&[])), plain(&chart(&[])));
    let first = chart(&["--deterministic"]);
    assert_eq!(first, chart(&["--deterministic"]));
    assert_eq!(first, told_with(&sandbox, &["helm", "template", ".helm"], &[("WERF_DETERMINISTIC", "1")]));
    // every place draws something of its own, and a release and a namespace have theirs
    let lines = plain(&first);
    assert_eq!(lines.len(), 5, "{first}");
    let mut words: Vec<&str> = lines.iter().flat_map(|line| line.split(' ')).filter(|word| word.len() >= 8).collect();
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), count, "{first}");
    assert_ne!(plain(&chart(&["--deterministic", "-n", "other"])), lines);
    assert_ne!(plain(&draw(&["helm", "template", "other", ".helm", "--deterministic"])), lines);
    assert!(first.contains("plain: 2000-01-01 00:00:00 +0000 UTC 2000-01-01T00:00:00Z 946684800\n"), "{first}");
    // the project's time is the commit's, and a change of one file leaves the others alone
    let before = draw(&["render", "--deterministic"]);
    assert!(before.contains("plain: 2026-01-02 03:04:05 +0000 UTC 2026-01-02T03:04:05Z 1767323045\n"), "{before}");
    sandbox.write(&[(".helm/templates/b.yaml", "kind: Secret\nplain: {{ randAlphaNum 3 }}\n")]);
    sandbox.commit_all("second");
    let after = draw(&["render", "--deterministic"]);
    let same = plain(&before).into_iter().filter(|line| plain(&after).contains(line)).count();
    assert_eq!((plain(&before).len(), same), (5, 4), "{before}\n{after}");
}

#[test]
fn rsa_keys_are_determined_too() {
    let sandbox = Sandbox::empty();
    let keys =
        "{{ $c := genCA \"a\" 365 }}kind: A\nkey: {{ genPrivateKey \"rsa\" | sha256sum }}\nca: {{ print $c.Cert $c.Key | sha256sum }}\n";
    sandbox.write(&[("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"), ("web/templates/a.yaml", keys)]);
    let drawn = |flags: &[&str]| sandbox.werf(&[&["helm", "template", "web"], flags].concat()).stdout;
    let first = drawn(&["--deterministic"]);
    assert_eq!(first.lines().filter(|line| line.starts_with("key: ") || line.starts_with("ca: ")).count(), 2, "{first}");
    assert_eq!(first, drawn(&["--deterministic"]));
    assert_ne!(first, drawn(&[]));
}

/// A calculation sees no signal by itself.
#[test]
fn a_rendering_ends_when_it_is_interrupted() {
    let sandbox = Sandbox::empty();
    sandbox.write(&[
        ("chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n"),
        ("chart/templates/a.yaml", "{{ range until 900000 }}{{ range until 900000 }}{{ end }}{{ end }}"),
    ]);
    let child = sandbox.command(&["helm", "template", "chart"]).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let catches_signals = |status: String| {
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
        u64::from_str_radix(caught.trim(), 16).is_ok_and(|set| set & (1 << (15 - 1)) != 0)
    };
    while !catches_signals(std::fs::read_to_string(&status).unwrap()) {
        std::thread::yield_now();
    }
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stderr), @r"
    error: interrupted
    help: nothing half-done is taken for done: run the same command again to finish
    ");
}

#[test]
fn names_of_hosts_are_asked_where_that_is_allowed() {
    let sandbox = Sandbox::empty();
    let template = "kind: A\naddress: \"{{ getHostByName \"localhost\" }}\"\n";
    sandbox.write(&[("chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"), ("chart/templates/t.yaml", template)]);
    let printed = |args: &[&str]| sandbox.werf(&[&["helm", "template", "r", "chart"], args].concat()).stdout;
    assert!(printed(&["--qps", "5", "--burst-limit", "10"]).ends_with("address: \"\"\n"));
    let asked = printed(&["--enable-dns"]);
    assert!(asked.contains("\"127.0.0.1\"") || asked.contains("\"::1\""), "{asked}");
}

#[test]
fn lines_of_files_and_versions_with_a_plus() {
    let sandbox = Sandbox::empty();
    let template = "kind: A\none: {{ .Files.Lines \"one\" | toJson }}\nnone: {{ .Files.Lines \"none\" | toJson }}\n\
        version: {{ .Capabilities.KubeVersion.Major }} {{ .Capabilities.KubeVersion.Minor }} {{ .Capabilities.KubeVersion }}\n";
    let files = [("chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"), ("chart/templates/t.yaml", template)];
    sandbox.write(&[files[0], files[1], ("chart/one", "\n"), ("chart/none", "")]);
    for helm in ["3", "4"] {
        let printed = sandbox.werf(&["helm", "template", "r", "chart", "--helm-compat", helm, "--kube-version", "1.27+"]).stdout;
        assert!(printed.ends_with("one: [\"\"]\nnone: []\nversion: 1 27 v1.27\n"), "{printed}");
    }
}
