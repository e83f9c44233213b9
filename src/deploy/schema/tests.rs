use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::deploy::resource::GroupVersionKind;

/// A document as an API server has it: a type of Kubernetes itself and one of a custom resource.
fn document() -> Value {
    let reference = |name: &str| json!({ "default": {}, "allOf": [{ "$ref": format!("#/components/schemas/io.k8s.api.{name}") }] });
    json!({ "components": { "schemas": {
        "io.k8s.api.Web": {
            "type": "object",
            "required": ["spec"],
            "properties": {
                "apiVersion": { "type": "string" }, "kind": { "type": "string" },
                "metadata": reference("Meta"), "spec": reference("Spec"),
                "data": { "type": "object", "additionalProperties": { "type": "string", "format": "byte" } },
            },
            "x-kubernetes-group-version-kind": [{ "group": "apps", "version": "v1", "kind": "Web" }],
        },
        "io.k8s.api.Meta": { "type": "object", "properties": {
            "name": { "type": "string" }, "labels": { "type": "object", "additionalProperties": { "type": "string", "default": "" } },
        } },
        "io.k8s.api.Spec": { "type": "object", "required": ["ports"], "properties": {
            "replicas": { "type": "integer", "format": "int32" },
            "paused": { "type": "boolean" },
            "raw": { "allOf": [{ "$ref": "#/components/schemas/io.k8s.api.Raw" }] },
            "size": { "allOf": [{ "$ref": "#/components/schemas/io.k8s.api.Quantity" }] },
            "target": { "allOf": [{ "$ref": "#/components/schemas/io.k8s.api.IntOrString" }] },
            "ports": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
                "items": { "allOf": [{ "$ref": "#/components/schemas/io.k8s.api.Port" }] } },
        } },
        "io.k8s.api.Port": { "type": "object", "required": ["port"], "properties": {
            "port": { "type": "integer", "default": 0 },
            "protocol": { "type": "string", "default": "TCP", "enum": ["SCTP", "TCP", "UDP"] },
        } },
        "io.k8s.api.Raw": { "type": "object" },
        "io.k8s.api.Quantity": { "oneOf": [{ "type": "string" }, { "type": "number" }] },
        "io.k8s.api.IntOrString": { "format": "int-or-string", "oneOf": [{ "type": "integer" }, { "type": "string" }] },
        "io.k8s.api.Old": { "x-kubernetes-group-version-kind": [{ "group": "networking.k8s.io", "version": "v1", "kind": "Ingress" }] },
    } } })
}

fn definition() -> Value {
    let text = json!({ "type": "string" });
    json!({ "kind": "CustomResourceDefinition", "spec": {
        "group": "example.org", "names": { "kind": "Thing" },
        "versions": [
            { "name": "v1", "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": {
                "type": "object",
                "required": ["color", "tone"],
                "properties": {
                    "color": { "type": "string", "enum": ["red", "green"] },
                    "tone": { "type": "string", "default": "low" },
                    "level": { "type": "integer", "minimum": 1, "maximum": 5, "exclusiveMaximum": true, "multipleOf": 2 },
                    "name": { "type": "string", "pattern": "^[a-z]+$", "maxLength": 4 },
                    "bare": { "type": "object" },
                    "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": { "a": text } },
                    "port": { "anyOf": [{ "type": "integer" }, { "type": "string" }], "x-kubernetes-int-or-string": true },
                    "object": { "type": "object", "x-kubernetes-embedded-resource": true, "properties": { "spec": text } },
                    "tags": { "type": "array", "x-kubernetes-list-type": "set", "minItems": 1, "items": text },
                    "one": {
                        "type": "object", "properties": { "a": text, "b": text }, "not": { "required": ["c"] },
                        "oneOf": [{ "required": ["a"] }, { "required": ["b"] }],
                    },
                },
            } } } } },
            { "name": "v1alpha1" },
        ],
    } })
}

/// The problems of a manifest with their help, a line each.
fn problems(text: &str) -> String {
    let mut schemas = Schemas::default();
    assert!(schemas.add_document(document()));
    schemas.add_definition(&definition());
    let served = BTreeSet::from([GroupVersionKind::new("metrics.k8s.io/v1", "Metric")]);
    let line = |error: &SchemaError| match &error.help {
        Some(help) => format!("{}: {error} ({help})", error.line),
        None => format!("{}: {error}", error.line),
    };
    check(Text { path: "a.yaml", text }, &schemas, &served).iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn objects_of_kubernetes_itself() {
    let web = |spec: &str| problems(&format!("apiVersion: apps/v1\nkind: Web\nmetadata: {{name: a}}\nspec: {{{spec}}}\n"));
    let cases = [
        ("ports: [{port: 1}]", ""),
        ("ports: [{port: 1, protocol: ''}], replicas: null, raw: {any: [thing]}, size: 1.5, target: http", ""),
        ("ports: [{port: 1}], size: 5Gi, target: 80, replicas: 3.0", ""),
        (
            "ports: [{prt: 1}]",
            "4: Web/a: `spec.ports[0].port` is missing\n4: Web/a: `spec.ports[0].prt` is no field here (did you mean `port`?)",
        ),
        (
            "ports: [{port: 1}], colour: red",
            "4: Web/a: `spec.colour` is no field here (fields here: `paused`, `ports`, `raw`, `replicas`, `size`, `target`)",
        ),
        (
            "ports: [{port: 1}], replicas: '3'",
            "4: Web/a: `spec.replicas` must be a whole number, it is the string \"3\" (leave the quotes out: `{{ value | int }}` writes a number)",
        ),
        ("ports: [{port: 1}], replicas: 2.5", "4: Web/a: `spec.replicas` must be a whole number, it is the number 2.5"),
        ("ports: [{port: 1}], replicas: 3000000000", "4: Web/a: `spec.replicas` must fit in 32 bits, it is the number 3000000000"),
        (
            "ports: [{port: 1}], paused: 'true'",
            "4: Web/a: `spec.paused` must be a boolean, it is the string \"true\" (leave the quotes out)",
        ),
        ("ports: [{port: 1}], size: true", "4: Web/a: `spec.size` must be a string or a number, it is the boolean true"),
        ("ports: [{port: 1}], target: 1.5", "4: Web/a: `spec.target` must be a whole number or a string, it is the number 1.5"),
        ("ports: [{port: 1}, null]", "4: Web/a: `spec.ports[1]` must be a mapping, it is null"),
        ("ports: {port: 1}", "4: Web/a: `spec.ports` must be a list, it is a mapping"),
        (
            "ports: [{port: 1, protocol: tcp}]",
            "4: Web/a: `spec.ports[0].protocol` must be one of `SCTP`, `TCP`, `UDP`, it is the string \"tcp\" (did you mean `TCP`?)",
        ),
        (
            "ports: [{port: 1}, {port: 1, protocol: UDP}, {port: 1, protocol: TCP}]",
            "4: Web/a: `spec.ports[2]` has the same keys as `spec.ports[0]` (items of this list differ in `port`, `protocol`)",
        ),
        ("", "4: Web/a: `spec.ports` is missing"),
    ];
    for (spec, expected) in cases {
        assert_eq!(web(spec), expected, "{spec}");
    }
    let rest = "apiVersion: apps/v1\nkind: Web\nmetadata:\n  name: a\n  labels: {on: 1}\ndata:\n  a.b/c: '%'\n  ok: aGk=\n";
    assert_eq!(
        problems(rest),
        "1: Web/a: `spec` is missing\n\
         5: Web/a: `metadata.labels.on` must be a string, it is the number 1 (quote the value in the template: `{{ value | quote }}` makes a string of a number or a boolean)\n\
         7: Web/a: `data[\"a.b/c\"]` must be base64 (`{{ value | b64enc }}` makes it; a Secret's `stringData` takes plain text)"
            .replace("on`", "true`")
    );
}

#[test]
fn custom_resources_by_their_definition() {
    let thing =
        |spec: &str| problems(&format!("apiVersion: example.org/v1\nkind: Thing\nmetadata: {{name: a}}\nspec: {{color: red, {spec}}}\n"));
    let cases = [
        ("level: 2, name: abc, free: {b: 1}, port: x, tags: [a, b], one: {a: x}", ""),
        ("object: {apiVersion: v1, kind: A, metadata: {name: b}, spec: c}", ""),
        ("object: {kinds: A}", "4: Thing/a: `spec.object.kinds` is no field here (fields here: `spec`)"),
        ("level: 0", "4: Thing/a: `spec.level` must be at least 1, it is the number 0"),
        (
            "level: 5",
            "4: Thing/a: `spec.level` must be less than 5, it is the number 5\n4: Thing/a: `spec.level` must be a multiple of 2, it is the number 5",
        ),
        (
            "name: Abcde",
            "4: Thing/a: `spec.name` must have at most 4 characters, it has 5\n4: Thing/a: `spec.name` must match `^[a-z]+$`, it is the string \"Abcde\"",
        ),
        ("bare: {a: 1}", "4: Thing/a: `spec.bare.a` is no field here"),
        (
            "free: {a: 1}",
            "4: Thing/a: `spec.free.a` must be a string, it is the number 1 (quote the value in the template: `{{ value | quote }}` makes a string of a number or a boolean)",
        ),
        ("port: [1]", "4: Thing/a: `spec.port` must be a whole number or a string, it is a list"),
        ("tags: []", "4: Thing/a: `spec.tags` must have at least 1 items, it has 0"),
        ("tags: [a, a]", "4: Thing/a: `spec.tags[1]` repeats `spec.tags[0]`"),
        ("one: {}", "4: Thing/a: `spec.one.a` is missing"),
        ("one: {a: x, b: z}", "4: Thing/a: `spec.one` fits several of the forms of which one is allowed"),
        (
            "one: {a: x, c: y}",
            "4: Thing/a: `spec.one` has a form that is not allowed\n4: Thing/a: `spec.one.c` is no field here (fields here: `a`, `b`)",
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(thing(spec), expected, "{spec}");
    }
    assert_eq!(
        problems("apiVersion: example.org/v1\nkind: Thing\nmetadata: {nam: a}\nspecs: {}\n"),
        "1: a Thing: `metadata.name` is missing\n3: a Thing: `metadata.nam` is no field here (did you mean `name`?)\n\
         4: a Thing: `specs` is no field here (did you mean `spec`?)"
    );
    assert_eq!(problems("apiVersion: example.org/v1alpha1\nkind: Thing\nmetadata: {name: a}\nany: {thing: 1}\n"), "");
}

#[test]
fn kinds_that_nobody_serves() {
    let of = |api_version: &str, kind: &str| problems(&format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n"));
    assert_eq!(of("extensions/v1beta1", "Ingress"), "1: Ingress/a: extensions/v1beta1 Ingress is not served (networking.k8s.io/v1 is)");
    assert_eq!(of("example.org/v2", "Thing"), "1: Thing/a: example.org/v2 Thing is not served (example.org/v1, example.org/v1alpha1 are)");
    assert_eq!(
        of("networking.k8s.io/v1", "Ingres"),
        "1: Ingres/a: networking.k8s.io/v1 Ingres is not served (did you mean `Ingress` in networking.k8s.io/v1?)"
    );
    assert_eq!(
        of("a/v1", "Zebra"),
        "1: Zebra/a: a/v1 Zebra is not served (put its CustomResourceDefinition into the cluster or into the chart's `crds/`, or a schema of it into a directory of `--validate-schemas`)"
    );
    assert_eq!(of("metrics.k8s.io/v1", "Metric"), "");
    let help = "every Kubernetes object needs `apiVersion`, `kind` and `metadata.name`";
    assert_eq!(problems("a: 1\n"), format!("1: a manifest: `apiVersion` is missing ({help})\n1: a manifest: `kind` is missing ({help})"));
    assert_eq!(problems("# nothing\n"), "");
}

#[test]
fn items_of_lists_are_objects_of_their_own() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Web\n  metadata: {name: a}\n  spec: {ports: [{}]}\n- kind: Web\n";
    assert_eq!(
        problems(list),
        "7: Web/a: `items[0].spec.ports[0].port` is missing\n8: a Web: `items[1].apiVersion` is missing (every Kubernetes object needs `apiVersion`, `kind` and `metadata.name`)"
    );
}

#[test]
fn what_a_secret_holds_is_not_shown() {
    let mut schemas = Schemas::default();
    let data = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let secret = json!({ "type": "object", "properties": { "apiVersion": {}, "kind": {}, "metadata": {}, "stringData": data, "type": { "type": "string" } } });
    schemas.add_schema(GroupVersionKind::new("v1", "Secret"), secret);
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {pin: 1234}\ntype: 5\n";
    let errors = check(Text { path: "a.yaml", text }, &schemas, &BTreeSet::new());
    let told: Vec<String> = errors.iter().map(whole).collect();
    assert_eq!(told.len(), 2);
    assert!(!told[0].contains("1234") && told[0].contains("stringData.pin"), "{}", told[0]);
    assert!(told[1].contains("the number 5"), "{}", told[1]);
}

/// Everything that an error may show.
fn whole(error: &SchemaError) -> String {
    use miette::Diagnostic;
    let shown = error.labels().map(|labels| labels.map(|label| format!("{label:?}")).collect::<String>());
    format!("{error} {:?} {shown:?}", error.help)
}
