//! Templates of the second language: charts and configurations that use it, and what is said where they fail.

use super::super::sandbox::Sandbox;
use super::{told, told_with};

const CHART: (&str, &str) = ("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\nannotations: {werf.io/jinja: \"true\"}\n");
const VALUES: (&str, &str) = (
    "shop/values.yaml",
    "image: {repository: example.org/web, tag: v1}\nport: 8080\nmemory: 1000000\nratio: 1.5\ndebug: true\nnote: null\nhosts: [a, b]\n\
     ports: [80, 443]\nlimits: {cpu: 1, memory: 2Gi}\n",
);
const LABELS: (&str, &str) =
    ("shop/templates/_labels.tpl", "{{ define \"shop.labels\" -}}\napp: {{ .Chart.Name }}\nrelease: {{ .Release.Name }}\n{{- end }}\n");

fn chart(files: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(&[&[CHART, VALUES, LABELS], files].concat());
    sandbox
}

/// What one file of this language renders to, or why it does not.
fn rendered(text: &str) -> String {
    let told = told(&chart(&[("shop/templates/web.yaml.j2", text)]), &["helm", "template", "prod", "shop"]);
    // a machine that is busy with other tests may be told that it takes long
    let lines = told.split_inclusive('\n').filter(|line| !line.trim_start().starts_with("Waiting nothing new for "));
    lines.collect()
}

/// The expressions, each with what it prints.
fn printed(expressions: &[&str]) -> String {
    let lines = expressions.iter().enumerate().map(|(at, expression)| format!("_{at}: |-\n  {{{{ {expression} }}}}\n"));
    let text = rendered(&lines.collect::<String>());
    let texts: Vec<&str> = text.split("|-\n  ").skip(1).map(|part| part.split("\n_").next().unwrap_or(part).trim_end()).collect();
    assert_eq!(texts.len(), expressions.len(), "{text}");
    expressions.iter().zip(texts).map(|(expression, text)| format!("{expression} → {text}\n")).collect()
}

#[test]
fn both_languages_make_one_set_of_manifests() {
    let sandbox = chart(&[
        ("shop/templates/_macros.j2", "{% macro name(part) %}{{ Release.Name }}-{{ part }}{% endmacro %}\n"),
        (
            "shop/templates/base/_map.j2",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {% block name %}{% endblock %}\n\n{% block rest %}{% endblock %}\n",
        ),
        (
            "shop/templates/web.yaml.j2",
            "{% from \"_macros.j2\" import name %}\napiVersion: v1\nkind: Service\nmetadata:\n  name: {{ name(\"web\") }}\n  labels: \
             {{- include(\"shop.labels\") | nindent(4) }}\nspec:\n  ports:\n  {%- for port in Values.ports %}\n  - port: {{ port }}\n  {%- endfor %}\n",
        ),
        (
            "shop/templates/map.yaml.j2",
            "{% extends \"base/_map.j2\" %}\n{% block name %}{{ Release.Name }}-map{% endblock %}\n{% block rest %}\ndata:\n{% include \"_data.j2\" %}\n{% endblock %}\n",
        ),
        ("shop/templates/_data.j2", "  file: {% if Values.debug %}{{ Template.Name }}{% endif %}\n"),
        ("shop/templates/hook.yaml.j2", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: pre-install}\n"),
        ("shop/templates/NOTES.txt.j2", "{{ Chart.Name }} {{ Chart.Version }} is at {{ Values.hosts | join(\" and \") }}.\n"),
        (
            "shop/templates/go.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: go}\ndata: {x: {{ include \"shop/templates/_text.j2\" . | b64enc }}}\n",
        ),
        ("shop/templates/_text.j2", "{{ Release.Name }}\n"),
    ]);
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "prod", "shop", "--show-only", "templates/*"]), @r"
    exit 0
    ---
    # Source: shop/templates/go.yaml
    apiVersion: v1
    kind: Secret
    metadata: {name: go}
    data: {x: cHJvZAo=}
    ---
    # Source: shop/templates/map.yaml.j2
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: prod-map


    data:
      file: shop/templates/map.yaml.j2
    ---
    # Source: shop/templates/web.yaml.j2
    apiVersion: v1
    kind: Service
    metadata:
      name: prod-web
      labels:
        app: shop
        release: prod
    spec:
      ports:
      - port: 80
      - port: 443
    ---
    # Source: shop/templates/hook.yaml.j2
    apiVersion: v1
    kind: Pod
    metadata:
      name: hook
      annotations: {helm.sh/hook: pre-install}
    ");
}

#[test]
fn a_chart_that_does_not_opt_in_has_go_templates_only() {
    let sandbox = chart(&[
        ("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
        ("shop/templates/web.yaml.j2", "kind: A\nport: {{ .Values.port }}\n"),
    ]);
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "prod", "shop"]), @r"
    exit 0
    ---
    # Source: shop/templates/web.yaml.j2
    kind: A
    port: 8080
    ");
}

/// Values print as YAML wants them; numbers are those that were written.
#[test]
fn what_values_print() {
    let expressions = [
        "Values.memory",
        "Values.memory + 1",
        "Values.ratio",
        "Values.debug",
        "Values.note",
        "\"a\\\"b<\"",
        "6 / 2",
        "7 // 2",
        "1e6",
        "1.0",
        "true and none",
        "Values.debug | string",
        "[Values.memory, true, none] | join(\",\")",
        "print(true, none, Values.memory)",
        "printf(\"%s:%d\", Values.image.tag, Values.memory)",
        "\"x\" ~ true ~ none ~ Values.debug ~ 1.0 ~ Values.memory ~ (2 * 3 ~ 4) ~ '~'",
        "(\"a\" ~ 1) == \"a1\"",
        "[\"a\" ~ true] | toJson",
        "printf(\"%s %v\", \"a\" ~ 1, \"b\" ~ none)",
        "Values.limits | toJson",
        "Values.hosts[1]",
        "Values.hosts[-1]",
        "Values.hosts | length",
        "Values.limits == {\"cpu\": 1, \"memory\": \"2Gi\"}",
        "Capabilities.KubeVersion",
        "Capabilities.KubeVersion.Minor",
        "Release.IsInstall",
    ];
    insta::assert_snapshot!(printed(&expressions), @r#"
    Values.memory → 1000000
    Values.memory + 1 → 1000001
    Values.ratio → 1.5
    Values.debug → true
    Values.note → 
    "a\"b<" → a"b<
    6 / 2 → 3
    7 // 2 → 3
    1e6 → 1000000
    1.0 → 1
    true and none → 
    Values.debug | string → true
    [Values.memory, true, none] | join(",") → 1000000,true
    print(true, none, Values.memory) → true <nil> 1000000
    printf("%s:%d", Values.image.tag, Values.memory) → v1:1000000
    "x" ~ true ~ none ~ Values.debug ~ 1.0 ~ Values.memory ~ (2 * 3 ~ 4) ~ '~' → xtruetrue1100000064~
    ("a" ~ 1) == "a1" → true
    ["a" ~ true] | toJson → ["atrue"]
    printf("%s %v", "a" ~ 1, "b" ~ none) → a1 b
    Values.limits | toJson → {"cpu":1,"memory":"2Gi"}
    Values.hosts[1] → b
    Values.hosts[-1] → b
    Values.hosts | length → 2
    Values.limits == {"cpu": 1, "memory": "2Gi"} → true
    Capabilities.KubeVersion → v1.20.0
    Capabilities.KubeVersion.Minor → 20
    Release.IsInstall → true
    "#);
}

/// Helm's functions are there as functions and as filters, which take the piped value last.
#[test]
fn functions_of_helm() {
    let expressions = [
        "trunc(2, \"abc\")",
        "\"abc\" | trunc(2)",
        "Values.limits | toYaml | nindent(2) | trim",
        "\"\" | default(\"x\")",
        "Values.nope | default(\"x\")",
        "coalesce(Values.nope, Values.note, 3)",
        "empty(Values.nope)",
        "80 in Values.ports",
        "has(80, Values.ports)",
        "Values.ports | has(81)",
        "without(Values.ports, 80) | toJson",
        "append(list(1, 2), 3) | toJson",
        "dict(\"a\", 1) | toJson",
        "set({\"a\": 1}, \"b\", 2) | toJson",
        "Values.limits | items | list | length",
        "Values.limits.items() | list | length",
        "Values.limits | keys | toJson",
        "Values.hosts | first",
        "Values.ports | max",
        "3.14159 | round(2)",
        "\"a,b\" | split(\",\") | last",
        "splitList(\",\", \"a,b\") | toJson",
        "Values.ports | map(\"add1\") | list | toJson",
        "semverCompare(\">=1.19\", Capabilities.KubeVersion.Version)",
        "Capabilities.APIVersions.Has(\"v1\")",
        "Files.Get(\"none\") | quote",
        "tpl(\"{{ .Values.port }}\")",
        "tpl(\"{{ .a }}\", {\"a\": 1})",
        "include(\"shop.labels\", context) | sha256sum | trunc(6)",
        "semver(\"1.2.3\").Minor",
        "fromYaml(\"a: [1, {b: 2}]\").a[1].b",
        "range(3) | list | toJson",
        "now() | date(\"2006\") | len",
    ];
    insta::assert_snapshot!(printed(&expressions), @r#"
    trunc(2, "abc") → ab
    "abc" | trunc(2) → ab
    Values.limits | toYaml | nindent(2) | trim → cpu: 1
      memory: 2Gi
    "" | default("x") → x
    Values.nope | default("x") → x
    coalesce(Values.nope, Values.note, 3) → 3
    empty(Values.nope) → true
    80 in Values.ports → true
    has(80, Values.ports) → true
    Values.ports | has(81) → false
    without(Values.ports, 80) | toJson → [443]
    append(list(1, 2), 3) | toJson → [1,2,3]
    dict("a", 1) | toJson → {"a":1}
    set({"a": 1}, "b", 2) | toJson → {"a":1,"b":2}
    Values.limits | items | list | length → 2
    Values.limits.items() | list | length → 2
    Values.limits | keys | toJson → ["cpu","memory"]
    Values.hosts | first → a
    Values.ports | max → 443
    3.14159 | round(2) → 3.14
    "a,b" | split(",") | last → b
    splitList(",", "a,b") | toJson → ["a","b"]
    Values.ports | map("add1") | list | toJson → [81,444]
    semverCompare(">=1.19", Capabilities.KubeVersion.Version) → true
    Capabilities.APIVersions.Has("v1") → true
    Files.Get("none") | quote → ""
    tpl("{{ .Values.port }}") → 8080
    tpl("{{ .a }}", {"a": 1}) → 1
    include("shop.labels", context) | sha256sum | trunc(6) → bcb3ce
    semver("1.2.3").Minor → 2
    fromYaml("a: [1, {b: 2}]").a[1].b → 2
    range(3) | list | toJson → [0,1,2]
    now() | date("2006") | len → 4
    "#);
}

#[test]
fn what_is_undefined_is_an_error_with_what_is_there() {
    insta::assert_snapshot!(rendered("image: {{ Values.image.tga | quote }}\n"), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: `Values.image.tga` is undefined
      ╭─[shop/templates/web.yaml.j2:1:11]
    1 │ image: {{ Values.image.tga | quote }}
      ·           ────────┬─────── in `Values.image.tga`
    help: did you mean `tag`? keys of `Values.image` are repository, tag (from shop/values.yaml:1)
    ");
    insta::assert_snapshot!(rendered("a: 1\nimage: {{ Values.img.tag }}\n"), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: `Values.img` is undefined
      ╭─[shop/templates/web.yaml.j2:2:11]
    2 │ image: {{ Values.img.tag }}
      ·           ─────┬──── in `Values.img`
    help: did you mean `image`? keys of `Values` are debug, hosts, image, limits, memory, note, port, ports, ratio
    ");
    insta::assert_snapshot!(rendered("{% if Values.nope %}a: 1{% endif %}\n"), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: `Values.nope` is undefined
      ╭─[shop/templates/web.yaml.j2:1:7]
    1 │ {% if Values.nope %}a: 1{% endif %}
      ·       ─────┬───── in `Values.nope`
    help: did you mean `note`? keys of `Values` are debug, hosts, image, limits, memory, note, port, ports, ratio
    ");
    insta::assert_snapshot!(rendered("{% set image = Values.image %}\na: {{ image.tga }}\n"), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: `image.tga` is undefined
      ╭─[shop/templates/web.yaml.j2:2:7]
    2 │ a: {{ image.tga }}
      ·       ────┬──── in `image.tga`
    help: did you mean `tag`? keys of `image` are repository, tag (from shop/values.yaml:1)
    ");
    insta::assert_snapshot!(rendered("a: {{ {\"tag\": [Values.image.tga]} | toJson }}\n"), @r#"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: `Values.image.tga` is undefined
      ╭─[shop/templates/web.yaml.j2:1:16]
    1 │ a: {{ {"tag": [Values.image.tga]} | toJson }}
      ·                ────────┬─────── in `Values.image.tga`
    help: did you mean `tag`? keys of `Values.image` are repository, tag (from shop/values.yaml:1)
    "#);
    insta::assert_snapshot!(rendered("a: {{ Values.note.text }}\n"), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: `Values.note.text` is undefined
      ╭─[shop/templates/web.yaml.j2:1:7]
    1 │ a: {{ Values.note.text }}
      ·       ────────┬─────── in `Values.note.text`
    help: `Values.note` is null (shop/values.yaml:6)
    ");
    insta::assert_snapshot!(rendered("a: {{ values.image }}\n"), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: `values.image` is undefined
      ╭─[shop/templates/web.yaml.j2:1:7]
    1 │ a: {{ values.image }}
      ·       ──────┬───── in `values.image`
    help: did you mean `Values`? keys at the top are Capabilities, Chart, Files, Release, Subcharts, Template, Values
    ");
}

#[test]
fn what_has_no_text_and_what_does_not_fit() {
    insta::assert_snapshot!(rendered("a: {{ Values.limits }}\n"), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: a map has no text: print it with `| toYaml` or `| toJson`
      ╭─[shop/templates/web.yaml.j2:1:7]
    1 │ a: {{ Values.limits }}
      ·       ──────┬────── in `Values.limits`
    help: `Values.limits` is a map; keys in it are cpu, memory (shop/values.yaml:9)
    ");
    insta::assert_snapshot!(rendered("a: {{ [1, 2] }}\n"), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: a list has no text: print it with `| toYaml` or `| toJson`
      ╭─[shop/templates/web.yaml.j2:1:7]
    1 │ a: {{ [1, 2] }}
      ·       ───┬── in `[1, 2]`
    ");
    insta::assert_snapshot!(rendered("a: {{ Values.port | trunc(2) }}\n"), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: wrong type for value; expected string; got int
      ╭─[shop/templates/web.yaml.j2:1:21]
    1 │ a: {{ Values.port | trunc(2) }}
      ·                     ────┬─── in `trunc(2)`
    help: `Values.port` is `8080` of type int (shop/values.yaml:2)
    ");
    insta::assert_snapshot!(rendered("a: {{ \"\" | default(\"x\", true) }}\n"), @r#"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: default takes one value: false, 0 and what is empty count as unset already
      ╭─[shop/templates/web.yaml.j2:1:12]
    1 │ a: {{ "" | default("x", true) }}
      ·            ─────────┬──────── in `default("x", true)`
    "#);
    insta::assert_snapshot!(rendered("a: {{ indent(width=2, s=\"x\") }}\n"), @r#"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: indent takes no named arguments
      ╭─[shop/templates/web.yaml.j2:1:7]
    1 │ a: {{ indent(width=2, s="x") }}
      ·       ───────────┬────────── in `indent(width=2, s="x")`
    "#);
    insta::assert_snapshot!(rendered("a: {{ \"x\" | uper }}\n"), @r#"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: there is no filter `uper`
      ╭─[shop/templates/web.yaml.j2:1:13]
    1 │ a: {{ "x" | uper }}
      ·             ──┬─ in `uper`
    help: did you mean `upper`?
    "#);
    insta::assert_snapshot!(rendered("a: {{ required(\"set a.b\", Values.note) }}\n"), @r#"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: set a.b
      ╭─[shop/templates/web.yaml.j2:1:7]
    1 │ a: {{ required("set a.b", Values.note) }}
      ·       ────────────────┬─────────────── refused here
    help: `Values.note` is null (shop/values.yaml:6)
    "#);
}

#[test]
fn what_does_not_parse() {
    insta::assert_snapshot!(rendered("a: 1\nb: {{ Values.port | }}\n"), @r"
    exit 1
    error: template: shop/templates/web.yaml.j2:2: unexpected end of variable block, expected identifier
      ╭─[shop/templates/web.yaml.j2:2:21]
    2 │ b: {{ Values.port | }}
      ·                     ─┬ here
    ");
    insta::assert_snapshot!(rendered("{% for host in Values.hosts %}\na: 1\n"), @r"
    exit 1
    error: template: shop/templates/web.yaml.j2:1: unexpected end of input, expected end of block
      ╭─[shop/templates/web.yaml.j2:1:31]
    1 │ {% for host in Values.hosts %}
      ·                               ┬ here
    ");
}

/// The chain of templates leads to the innermost, in both languages.
#[test]
fn failures_inside_of_other_templates() {
    let sandbox = chart(&[
        ("shop/templates/_part.j2", "x: {{ include(\"shop.bad\") }}\n"),
        ("shop/templates/_bad.tpl", "{{ define \"shop.bad\" }}{{ .Values.a.b }}{{ end }}\n"),
        ("shop/templates/web.yaml.j2", "a: 1\n{% include \"_part.j2\" %}\n"),
    ]);
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "prod", "shop"]), @r#"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: nil pointer evaluating interface {}.b
      ╭─[shop/templates/_bad.tpl:1:27]
    1 │ {{ define "shop.bad" }}{{ .Values.a.b }}{{ end }}
      ·                           ─────┬───── in `.Values.a.b`
    help: `.Values.a` is not set; keys of `.Values` are debug, hosts, image, limits, memory, note, port, ports, ratio
    included from shop/templates/_part.j2:1:7 by `include("shop.bad")`
    included from shop/templates/web.yaml.j2:2:4 by `include "_part.j2"`
    "#);
    insta::assert_snapshot!(rendered("{% include \"../Chart.yaml\" %}\n"), @r#"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: tried to include non-existing template '../Chart.yaml'
      ╭─[shop/templates/web.yaml.j2:1:4]
    1 │ {% include "../Chart.yaml" %}
      ·    ───────────┬─────────── in `include "../Chart.yaml"`
    help: the templates that can be named in shop/templates are web.yaml.j2
    "#);
}

#[test]
fn templates_end() {
    let loops = "{% for i in range(9999) %}".repeat(3) + "{{ i }}" + &"{% endfor %}".repeat(3);
    insta::assert_snapshot!(rendered(&loops), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: template runs without end: more than 20000000 steps
      ╭─[shop/templates/web.yaml.j2:1:1]
    1 │ {% for i in range(9999) %}{% for i in range(9999) %}{% for i in range(9999) %}{{ i }}{% endfor %}{% endfor %}{% endfor %}
      · ────────────────────────────────────────────────────────────┬──────────────────────────────────────────────────────────── in `{% for i in range(9999) %}{% for i in range(9999) %}{% fo…`
    help: a loop may be longer than meant; loops inside of one another make many steps
    ");
    let doubled = "{% set all = namespace(x=\"0123456789\") %}\n{% for i in range(60) %}{% set all.x = all.x ~ all.x %}{% endfor %}";
    insta::assert_snapshot!(rendered(doubled), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: template runs without end: more than 20000000 steps
      ╭─[shop/templates/web.yaml.j2:2:40]
    2 │ {% for i in range(60) %}{% set all.x = all.x ~ all.x %}{% endfor %}
      ·                                        ──┬── in `all.x`
    help: a loop may be longer than meant; loops inside of one another make many steps
    ");
    insta::assert_snapshot!(rendered("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}\n"), @r"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: recursion limit exceeded
      ╭─[shop/templates/web.yaml.j2:1:19]
    1 │ {% macro a() %}{{ a() }}{% endmacro %}{{ a() }}
      ·                   ─┬─ in `a()`
    ");
    let circle = rendered("a: {{ include(\"shop/templates/web.yaml.j2\") }}\n");
    insta::assert_snapshot!(circle.lines().take(5).collect::<Vec<_>>().join("\n"), @r#"
    exit 1
    error: cannot render shop/templates/web.yaml.j2: error calling include: Go templates and Jinja include one another more than 50 levels deep
      ╭─[shop/templates/web.yaml.j2:1:7]
    1 │ a: {{ include("shop/templates/web.yaml.j2") }}
      ·       ──────────────────┬────────────────── in `include("shop/templates/web.yaml.j2")`
    "#);
    let long = format!("{{% for i in range(9999) %}}{}{{% endfor %}}", "x".repeat(9000));
    insta::assert_snapshot!(rendered(&long), @r"
    exit 1
    error: cannot render template: template: shop/templates/web.yaml.j2: output exceeds 67108864 bytes
    ");
}

#[test]
fn text_that_is_no_yaml_is_shown_where_it_was_written() {
    insta::assert_snapshot!(rendered("kind: A\nlimits: {{ Values.limits | toYaml }}\n"), @r"
    exit 1
    error: YAML parse error on shop/templates/web.yaml.j2: error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context
      ╭─[shop/templates/web.yaml.j2:2:9]
    2 │ limits: {{ Values.limits | toYaml }}
      ·         ──────────────┬───────────── wrote this

    note: this is what it wrote
      ╭─[shop/templates/web.yaml.j2, as rendered:2:12]
    1 │ kind: A
    2 │ limits: cpu: 1
      ·            ┬ in the rendered text
    ");
    insta::assert_snapshot!(rendered("kind: A\n{% for host in Values.hosts %}\n {{ host }}: b\n{% endfor %}\n"), @r"
    exit 1
    error: YAML parse error on shop/templates/web.yaml.j2: error converting YAML to JSON: yaml: line 3: mapping values are not allowed in this context
      ╭─[shop/templates/web.yaml.j2:3:12]
    3 │  {{ host }}: b
      ·            ─┬─ wrote this

    note: this is what it wrote
      ╭─[shop/templates/web.yaml.j2, as rendered:3:3]
    1 │ kind: A
    2 │ 
    3 │  a: b
      ·   ┬ in the rendered text
    ");
}

#[test]
fn debug_prints_what_was_rendered_up_to_the_failure() {
    let sandbox = chart(&[("shop/templates/web.yaml.j2", "kind: A\nport: {{ Values.port }}\nx: {{ Values.x }}\n")]);
    insta::assert_snapshot!(told(&sandbox, &["helm", "template", "prod", "shop", "--debug"]), @r"
    exit 1
    ---
    # Source: shop/templates/web.yaml.j2
    kind: A
    port: 8080
    x: 
    error: cannot render shop/templates/web.yaml.j2: `Values.x` is undefined
      ╭─[shop/templates/web.yaml.j2:3:7]
    3 │ x: {{ Values.x }}
      ·       ────┬─── in `Values.x`
    help: keys of `Values` are debug, hosts, image, limits, memory, note, port, ports, ratio
    ");
}

#[test]
fn lint_looks_at_what_a_file_gives() {
    let sandbox = chart(&[
        ("shop/templates/web.yaml.j2", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: UPPER}\n"),
        ("shop/templates/page.html.j2", "x\n"),
    ]);
    insta::assert_snapshot!(told(&sandbox, &["helm", "lint", "shop"]), @r#"
    exit 1
    ==> Linting shop
    [INFO] Chart.yaml: icon is recommended
    [ERROR] templates/page.html.j2: file extension '.html' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt
    [WARNING] templates/web.yaml.j2: object name does not conform to Kubernetes naming requirements: "UPPER": metadata.name: Invalid value: "UPPER": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')

    error: 1 chart(s) linted, 1 chart(s) failed
    help: the lines above say what to change; `--strict` counts warnings as failures too
    "#);
}

/// Random values come from the same stream as those of Go templates: of the file, not of the clock.
#[test]
fn deterministic_values_are_the_same_each_time() {
    let sandbox = chart(&[(
        "shop/templates/web.yaml.j2",
        "kind: A\np: {{ randAlphaNum(8) }}\nq: {{ randAlphaNum(8) }}\nu: {{ uuidv4() }}\nt: {{ now() | date(\"2006-01-02\") }}\n",
    )]);
    let args = ["helm", "template", "prod", "shop", "--deterministic"];
    let first = told(&sandbox, &args);
    assert_eq!(first, told(&sandbox, &args));
    assert!(first.contains("t: 2000-01-01\n"), "{first}");
    let lines: Vec<&str> = first.lines().filter_map(|line| line.get(3..)).collect();
    assert!(lines.windows(2).all(|pair| pair[0] != pair[1]), "{first}");
}

/// A chart of a project: images and secret files of werf are there too.
#[test]
fn functions_of_werf() {
    let sandbox = Sandbox::commit(&[
        ("werf.yaml", "project: app\nconfigVersion: 1\n---\nimage: web\nfrom: scratch\n"),
        (".helm/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\nannotations: {werf.io/jinja: \"true\"}\n"),
        (".helm/templates/app.yaml.j2", "image: {{ werf_image(\"web\") == Values.werf.image.web }}\nwrong: {{ werf_image(\"wob\") }}\n"),
    ]);
    insta::assert_snapshot!(told(&sandbox, &["render"]), @r#"
    exit 1
    error: cannot render app/templates/app.yaml.j2: error calling werf_image: unknown image `wob`, did you mean `web`? Images of werf.yaml: `web`
      ╭─[.helm/templates/app.yaml.j2:2:11]
    2 │ wrong: {{ werf_image("wob") }}
      ·           ────────┬──────── in `werf_image("wob")`
    "#);
}

const MACROS: (&str, &str) =
    (".werf/images.j2", "{% macro image(name) %}\nimage: {{ name }}\nfrom: docker.io/library/busybox:{{ env(\"TAG\") }}\n{% endmacro %}\n");
const CONFIG: &str = "{% import \"images.j2\" as images %}\nproject: app\nconfigVersion: 1\n{% for name in [\"web\", \"worker\"] %}\n---\n\
                      {{ images.image(name) }}{% endfor %}\n# {{ Env }}, {{ include(\"go\") }}, {{ Files.Get(\"VERSION\") | trim }}\n";

#[test]
fn a_configuration_in_this_language() {
    let sandbox = Sandbox::commit(&[
        ("werf.yaml.j2", CONFIG),
        MACROS,
        (".werf/go.tmpl", "{{ define \"go\" }}{{ .Env }} of Go{{ end }}"),
        ("VERSION", "1.2\n"),
        ("werf-giterminism.yaml", "giterminismConfigVersion: 1\nconfig: {goTemplateRendering: {allowEnvVariables: [TAG]}}\n"),
    ]);
    insta::assert_snapshot!(told_with(&sandbox, &["config", "render", "--env", "prod"], &[("TAG", "1.37")]), @r"
    exit 0

    project: app
    configVersion: 1

    ---

    image: web
    from: docker.io/library/busybox:1.37

    ---

    image: worker
    from: docker.io/library/busybox:1.37

    # prod, prod of Go, 1.2
    ");
    insta::assert_snapshot!(told_with(&sandbox, &["config", "list"], &[("TAG", "1.37")]), @r"
    exit 0
    web
    worker
    ");
}

#[test]
fn a_configuration_that_is_wrong() {
    let sandbox = Sandbox::commit(&[("werf.yaml.j2", CONFIG), MACROS]);
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r#"
    exit 1
    error: cannot render .werf/images.j2: error calling env: giterminism does not allow the environment variable `TAG`: if the result may depend on it, commit `config.goTemplateRendering.allowEnvVariables: [TAG]` in werf-giterminism.yaml
      ╭─[.werf/images.j2:3:36]
    3 │ from: docker.io/library/busybox:{{ env("TAG") }}
      ·                                    ─────┬──── in `env("TAG")`
    "#);
    let sandbox = Sandbox::commit(&[
        ("werf.yaml.j2", "project: app\nconfigVersion: 1\n{% include \"web.j2\" %}"),
        (".werf/web.j2", "---\nimage: web\nfrmo: scratch\n"),
    ]);
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 1
    error: werf.yaml.j2 has 2 problems

    error: image `web` has no `from`
      ╭─[werf.yaml.j2 (rendered):4:1]
    4 │ image: web
      · ──┬── `from` is missing here
    help: add `from: alpine:3.22`
    line 2 of .werf/web.j2 wrote this

    error: image `web` has an unknown key `frmo`
      ╭─[werf.yaml.j2 (rendered):5:1]
    5 │ frmo: scratch
      · ──┬─ unknown key
    help: did you mean `from`?
    line 3 of .werf/web.j2 wrote this
    ");
    let sandbox =
        Sandbox::commit(&[("werf.yaml", "project: app\nconfigVersion: 1\n"), ("werf.yaml.j2", "project: app\nconfigVersion: 1\n")]);
    insta::assert_snapshot!(told(&sandbox, &["config", "list"]), @r"
    exit 1
    error: there are both `werf.yaml` and `werf.yaml.j2`
    help: one of them is the configuration: remove the other, or name one with `--config`
    ");
    insta::assert_snapshot!(told(&sandbox, &["config", "render", "--config", "werf.yaml.j2"]), @r"
    exit 0
    project: app
    configVersion: 1
    ");
    sandbox.write(&[("werf.yaml.j2", "project: other\n")]);
    insta::assert_snapshot!(told(&sandbox, &["config", "render", "--config", "werf.yaml.j2"]), @r"
    exit 1
    error: the work tree differs from commit COMMIT in 1 file that this run reads:
      werf.yaml.j2: changed, but not committed
    help: commit the changes, or run with `--dev` to use the work tree as it is (`--loose-giterminism` switches the check off)
    ");
}
