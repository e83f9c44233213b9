//! A release that is looked at and listened to: `werf status` and `werf logs`.

use serde_json::{Value, json};

use super::super::deploy::fake::Fake;
use super::super::sandbox::Sandbox;
use super::told_beside;

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: nginx, image: 'r.io/front:1'}, {name: side, image: 'r.io/side:1'}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: import}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: load, image: 'r.io/load:1'}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
";

fn owned(kind: &str, name: &str, uid: &str, owner: (&str, &str), labels: Value, annotations: Value) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "namespace": "app", "uid": uid, "labels": labels, "annotations": annotations,
        "ownerReferences": [{"kind": owner.0, "uid": owner.1}]}})
}

fn pod(name: &str, owner: (&str, &str), containers: &[&str], state: &Value) -> Value {
    let mut pod = owned("Pod", name, &format!("uid-{name}"), owner, json!({}), json!({}));
    let statuses: Vec<Value> =
        containers.iter().map(|container| json!({"name": container, "restartCount": 0, "ready": true, "state": state})).collect();
    pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": statuses});
    pod
}

/// A release whose Deployment has one pod of two, and whose Job is done.
async fn deployed() -> (Fake, Sandbox) {
    let cluster = Fake::start().await;
    cluster.put("/api/v1/namespaces/app", json!({"metadata": {"name": "app"}}));
    cluster.on_write(|object| match object["kind"].as_str() {
        Some("Deployment") => {
            object["metadata"]["uid"] = "uid-web".into();
            object["metadata"]["generation"] = 1.into();
            object["status"] =
                json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2});
        }
        Some("Job") => {
            object["metadata"]["uid"] = "uid-import".into();
            object["status"] = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]});
        }
        _ => {}
    });
    let sandbox = Sandbox::commit(&[("werf.yaml", "project: app\nconfigVersion: 1\n"), (".helm/templates/web.yaml", WEB)]);
    let server = format!("http://{}", cluster.address);
    let told = told_beside(&sandbox, &["converge", "--kube-api-server", &server]);
    assert!(told.starts_with("exit 0\n"), "{told}");
    let path = "/apis/apps/v1/namespaces/app/deployments/web";
    let mut web = cluster.get(path).expect("the Deployment");
    web["status"] = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1});
    cluster.put(path, web);
    let revision = json!({"deployment.kubernetes.io/revision": "1"});
    let replica_set = owned("ReplicaSet", "web-1", "uid-rs", ("Deployment", "uid-web"), json!({}), revision);
    cluster.put("/apis/apps/v1/namespaces/app/replicasets/web-1", replica_set);
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    cluster.put("/api/v1/namespaces/app/pods/web-1-a", pod("web-1-a", ("ReplicaSet", "uid-rs"), &["nginx", "side"], &running));
    let done = json!({"terminated": {"exitCode": 0, "finishedAt": "2026-01-01T00:00:00Z"}});
    cluster.put("/api/v1/namespaces/app/pods/import-a", pod("import-a", ("Job", "uid-import"), &["load"], &done));
    cluster.log("web-1-a/nginx", "one\ntwo\nthree\n");
    cluster.log("web-1-a/side", "beside\n");
    cluster.log("import-a/load", "loaded\n");
    (cluster, sandbox)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_seen_as_its_resources_are_now() {
    let (cluster, sandbox) = deployed().await;
    let server = format!("http://{}", cluster.address);
    let told = told_beside(&sandbox, &["status", "--kube-api-server", &server]);
    let masked = regex::Regex::new(r"(Deployed +|Commit +).*").expect("a pattern").replace_all(&told, "${1}…").into_owned();
    insta::assert_snapshot!(masked, @r"
    exit 0
    Release    app
    Namespace  app
    Revision   1, deployed
               Install complete
    Deployed   …
    Chart      app 1.0.0
    Commit     …
    Reachable  kubectl -n app port-forward service/web 8080:80

    ready        Service/web     created
    progressing  Deployment/web  1 of 2 replicas ready
    ready        Job/import      complete
    ");
    let printed = sandbox.werf(&["status", "--json", "--kube-api-server", &server]);
    let json: Value = serde_json::from_str(&printed.stdout).expect("JSON");
    assert_eq!((&json["release"], &json["revision"], &json["status"]), (&json!("app"), &json!(1), &json!("deployed")));
    assert_eq!(json["commit"].as_str().map(str::len), Some(40), "{json}");
    assert_eq!(json["reachable"], json!(["kubectl -n app port-forward service/web 8080:80"]));
    let states: Vec<(&Value, &Value)> =
        json["resources"].as_array().expect("a list").iter().map(|row| (&row["kind"], &row["state"])).collect();
    assert!(
        states.contains(&(&json!("Deployment"), &json!("progressing"))) && states.contains(&(&json!("Job"), &json!("ready"))),
        "{json}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_seen_is_told() {
    let (cluster, sandbox) = deployed().await;
    let message = "pods is forbidden: User \"dev\" cannot list resource \"pods\" in API group \"\" in the namespace \"app\"";
    cluster.fail("GET /api/v1/namespaces/app/pods", 403, message, 9);
    let told = told_beside(&sandbox, &["status", "--kube-api-server", &format!("http://{}", cluster.address)]);
    assert!(told.starts_with("exit 0\n") && told.contains("progressing  Deployment/web  1 of 2 replicas ready\n"), "{told}");
    let warning = "     Warning not all is seen: the Kubernetes API server http://HOST forbids to list pods (403): ";
    assert!(told.contains(warning) && told.contains("help: a Role with verb `list` on `pods` is needed"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_heard() {
    let (cluster, sandbox) = deployed().await;
    let server = format!("http://{}", cluster.address);
    let logs = |args: &[&str]| told_beside(&sandbox, &[&["logs"], args, &["--kube-api-server", &server]].concat());
    insta::assert_snapshot!(logs(&["--tail", "2"]), @r"
    exit 0
    web-1-a/nginx │ two
    web-1-a/nginx │ three
    web-1-a/side │ beside
    import-a/load │ loaded
    ");
    for name in ["Deployment/web", "deployments/web"] {
        assert_eq!(logs(&[name, "--tail", "1"]), "exit 0\nweb-1-a/nginx │ three\nweb-1-a/side │ beside\n", "{name}");
    }
    assert_eq!(logs(&["nginx"]), "exit 0\nweb-1-a/nginx │ one\nweb-1-a/nginx │ two\nweb-1-a/nginx │ three\n");
    // a Job that is done says no more
    assert_eq!(logs(&["-f", "Job/import"]), "exit 0\nimport-a/load │ loaded\n");
    insta::assert_snapshot!(logs(&["back"]), @r"
    exit 1
    error: release `app` has no containers of `back`
    help: resources: `Deployment/web`, `Job/import`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_to_see_or_hear() {
    let cluster = Fake::start().await;
    let sandbox = super::app();
    for command in ["status", "logs"] {
        let told = told_beside(&sandbox, &[command, "--kube-api-server", &format!("http://{}", cluster.address)]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @r"
            exit 1
            error: there is no release `app` in namespace `app`
            help: `werf converge` deploys it; if it has another name, say which with `--env`, or with `--release` and `--namespace`
            ");
        }
    }
}
