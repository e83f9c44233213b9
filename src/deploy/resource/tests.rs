use serde_json::json;

use super::*;

#[test]
fn lists_become_their_items() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "ConfigMapList", "items": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}]},
    ]});
    let names: Vec<_> = parse(list, "x.yaml", "ns").unwrap().into_iter().map(|resource| resource.id.to_string()).collect();
    assert_eq!(names, ["ConfigMap/a", "ConfigMap/b"]);
}

#[test]
fn namespaces_follow_the_scope() {
    for (object, namespace) in [
        (json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}), Some("ns")),
        (json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "other"}}), Some("other")),
        (json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "namespace": "other"}}), None),
        (json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}}), None),
    ] {
        let resource = parse(object.clone(), "x.yaml", "ns").unwrap().remove(0);
        assert_eq!(resource.id.namespace.as_deref(), namespace, "{object}");
        assert_eq!(resource.object["metadata"]["namespace"].as_str(), namespace, "{object}");
    }
}

#[test]
fn errors_name_the_template() {
    let check = |object, expect: &[&str]| {
        let errors = parse(object, "app/templates/web.yaml", "ns").unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expect);
    };
    check(
        json!({"kind": "ConfigMap", "metadata": {}}),
        &[
            "app/templates/web.yaml: a manifest has no `apiVersion` (in a ConfigMap)",
            "app/templates/web.yaml: a manifest has no `metadata.name` (in a ConfigMap)",
        ],
    );
    check(
        json!({"apiVersion": 1, "kind": "ConfigMap", "metadata": {"name": "a"}}),
        &["app/templates/web.yaml: `apiVersion` of ConfigMap/a must be a string, it is the number 1"],
    );
    check(json!("text"), &["app/templates/web.yaml: `the document` of a manifest must be a mapping, it is the string \"text\""]);
    check(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web-"}}),
        &["app/templates/web.yaml: `web-` is no valid name for a Service: it must begin and end with a letter or a digit"],
    );
    check(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"version": 1.5}}}),
        &["app/templates/web.yaml: `metadata.labels.version` of ConfigMap/a must be a string, it is the number 1.5"],
    );
    check(
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "annotations": {
            "helm.sh/hook": "pre-install,install", "helm.sh/hook-weight": "x", "helm.sh/hook-delete-policy": "never",
            "werf.io/deploy-dependency-db": "state=gone,kind=Pod", "werf.io/no-activity-timeout": "4",
        }}}),
        &[
            "app/templates/web.yaml: annotation `helm.sh/hook: pre-install,install` of Job/a: `install` is no moment of a deployment",
            "app/templates/web.yaml: annotation `helm.sh/hook-weight: x` of Job/a: it is no number in the range",
            "app/templates/web.yaml: annotation `werf.io/deploy-dependency-db: state=gone,kind=Pod` of Job/a: state `gone` is none of ready, present",
            "app/templates/web.yaml: annotation `helm.sh/hook-delete-policy: never` of Job/a: there is no `never`",
            "app/templates/web.yaml: annotation `werf.io/no-activity-timeout: 4` of Job/a: it is no duration",
        ],
    );
}

#[test]
fn annotations_steer() {
    let object = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate", "annotations": {
        "helm.sh/hook": "pre-install, pre-upgrade", "helm.sh/hook-weight": "-5", "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
        "db.external-dependency.werf.io/resource": "statefulsets.v1.apps/postgres", "db.external-dependency.werf.io/namespace": "data",
        "werf.io/log-regex-for-main": "^E", "werf.io/no-activity-timeout": "1m30s",
    }}});
    let job = parse(object, "x.yaml", "ns").unwrap().remove(0);
    let steering = &job.steering;
    assert!(job.is_hook());
    assert_eq!(job.moments(Action::Upgrade).collect::<Vec<_>>(), [Moment::Pre]);
    assert_eq!(job.moments(Action::Rollback).count(), 0);
    assert_eq!(steering.weight, -5);
    assert_eq!(steering.ownership, Ownership::Anyone);
    assert_eq!(steering.delete_policies.iter().collect::<Vec<_>>(), [&DeletePolicy::BeforeCreation, &DeletePolicy::Succeeded]);
    assert_eq!(
        steering.external,
        [ExternalDependency {
            id: "db".into(),
            kind: "statefulsets".into(),
            version: Some("v1".into()),
            group: Some("apps".into()),
            name: "postgres".into(),
            namespace: Some("data".into()),
        }]
    );
    assert_eq!(steering.tracking.no_activity_timeout.as_secs(), 90);
    assert_eq!(steering.tracking.failures_allowed_per_replica, None);
    assert!(steering.logs.shows_line("main", "E1") && !steering.logs.shows_line("main", "I1") && steering.logs.shows_line("side", "I1"));

    let test = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "t", "annotations": {"helm.sh/hook": "test"}}});
    let test = parse(test, "x.yaml", "ns").unwrap().remove(0);
    assert!(test.is_hook() && test.moments(Action::Install).count() == 0);

    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": {"helm.sh/resource-policy": "keep"}}});
    let web = parse(web, "x.yaml", "ns").unwrap().remove(0);
    assert!(!web.is_hook());
    assert_eq!(web.steering.tracking.failures_allowed_per_replica, None);
    assert!(web.steering.resource_policies.contains(&ResourcePolicy::SkipDelete));
    assert_eq!(web.steering.ownership, Ownership::Release);
}

#[test]
fn secrets_keep_one_form() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "creationTimestamp": null}, "data": {"a": "MQ=="}, "stringData": {"b": "2"}});
    let secret = parse(secret, "x.yaml", "ns").unwrap().remove(0);
    assert_eq!(secret.object["data"], json!({"a": "MQ==", "b": "Mg=="}));
    assert!(secret.object.get("stringData").is_none() && secret.object["metadata"].get("creationTimestamp").is_none());
    assert_eq!(secret.steering.sensitive, Sensitive::Whole);
}

#[test]
fn marks_say_whose_an_object_is() {
    let owner = Owner { release: "app".into(), namespace: "ns".into() };
    let mut object = json!({"kind": "ConfigMap", "metadata": {"name": "a"}});
    assert_eq!(owner_of(&object), None);
    adopt(&mut object, &owner);
    assert!(is_owned_by(&object, &owner));
    assert!(!is_owned_by(&object, &Owner { release: "other".into(), ..owner }));
    assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm");
}

#[test]
fn nothing_of_a_secret_is_dropped_without_a_word() {
    let secret = |fields: serde_json::Value| {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
        secret.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        parse(secret, "templates/db.yaml", "ns")
    };
    let wrong = |fields: serde_json::Value| secret(fields).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        wrong(json!({"stringData": {"port": 5432, "on": true, "user": "x"}})),
        [
            "templates/db.yaml: `stringData.on` of Secret/db must be a string, it is a boolean",
            "templates/db.yaml: `stringData.port` of Secret/db must be a string, it is a number",
        ]
    );
    assert_eq!(wrong(json!({"stringData": ["a"]})), ["templates/db.yaml: `stringData` of Secret/db must be a mapping, it is a list"]);
    assert_eq!(
        wrong(json!({"stringData": {"a": "b"}, "data": "x"})),
        ["templates/db.yaml: `data` of Secret/db must be a mapping, it is a string"]
    );
    let read = secret(json!({"stringData": {"a": null, "b": "1"}, "data": {"c": "Mg=="}})).unwrap().remove(0);
    assert_eq!(read.object["data"], json!({"a": "", "b": "MQ==", "c": "Mg=="}));
    assert_eq!(secret(json!({"stringData": null})).unwrap().remove(0).object.get("data"), None);
}

#[test]
fn paths_that_cannot_be_read_are_refused() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "annotations": {"werf.io/sensitive-paths": "$.data.a,$.data["}}});
    let errors = parse(object, "templates/a.yaml", "ns").unwrap_err();
    let [ResourceError::BadAnnotation { annotation, value, reason, .. }] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!((annotation.as_str(), value.as_str()), ("werf.io/sensitive-paths", "$.data.a,$.data["));
    assert!(reason.starts_with("`$.data[` is no JSONPath: "), "{reason}");
}
