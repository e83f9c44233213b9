//! Clusters that are not named, not there, or do not let us.

use serde_json::json;

use super::super::deploy::fake::Fake;
use super::super::fake_registry::tunnel_proxy;
use super::super::sandbox::Sandbox;
use super::{app, told, told_beside};

const PLAN: [&str; 3] = ["plan", "--repo", "example.org/app"];

fn plan(sandbox: &Sandbox, args: &[&str]) -> String {
    told(sandbox, &[&PLAN, args].concat())
}

#[test]
fn no_kubeconfig() {
    insta::assert_snapshot!(plan(&app(), &[]), @r"
    exit 1
    error: no Kubernetes configuration found (looked for [SANDBOX]/home/.kube/config)
    help: name a kubeconfig with `--kube-config PATH` or `WERF_KUBE_CONFIG`, give its content in `--kube-config-base64`, or run inside a pod with a service account
    ");
    insta::assert_snapshot!(plan(&app(), &["--kube-config", "/nowhere/config"]), @r"
    exit 1
    error: no Kubernetes configuration found (looked for /nowhere/config)
    help: name a kubeconfig with `--kube-config PATH` or `WERF_KUBE_CONFIG`, give its content in `--kube-config-base64`, or run inside a pod with a service account
    ");
}

#[test]
fn a_kubeconfig_that_cannot_be_used() {
    let sandbox = app();
    let file = sandbox.root().join("config");
    let path = file.to_string_lossy().into_owned();
    let with = |text: &str, args: &[&str]| {
        std::fs::write(&file, text).expect("a file");
        plan(&sandbox, &[&["--kube-config", &path], args].concat())
    };
    let good = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "prod",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}, {"name": "stage", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    });
    insta::assert_snapshot!(with("clusters: [\n", &[]), @r"
    exit 1
    error: cannot use the kubeconfig [SANDBOX]/config: line 1 column 11: unclosed bracket '['
    help: check it with `kubectl config view --kubeconfig [SANDBOX]/config`
    ");
    insta::assert_snapshot!(with(&good.to_string(), &["--kube-context", "stag"]), @r"
    exit 1
    error: the kubeconfig [SANDBOX]/config has no context `stag`
    help: did you mean `stage`? Contexts: `prod`, `stage`
    ");
    insta::assert_snapshot!(with(&good.to_string().replace("\"prod\",\"kind\"", "\"\",\"kind\""), &[]), @r"
    exit 1
    error: the kubeconfig [SANDBOX]/config has no current context
    help: choose one with `--kube-context`: `prod`, `stage`
    ");
    insta::assert_snapshot!(with(&good.to_string(), &[]).replace("127.0.0.1:9:", "HOST:"), @r"
    exit 1
    error: cannot reach the Kubernetes API server https://HOST: Connection refused (os error 111)
    help: the address comes from the kubeconfig [SANDBOX]/config; `kubectl version` asks the same server
    ");
    insta::assert_snapshot!(plan(&sandbox, &["--kube-config-base64", "!!"]), @r"
    exit 1
    error: cannot use the kubeconfig given in base64: it is not base64
    help: `--kube-config-base64` takes what `base64 -w0 FILE` prints for a kubeconfig
    ");
    insta::assert_snapshot!(plan(&sandbox, &["--kube-api-server", "prod"]), @r"
    exit 1
    error: `prod` is no address of an API server: it has no scheme or no host
    help: an address looks like https://10.0.0.1:6443
    ");
    insta::assert_snapshot!(plan(&sandbox, &["--kube-api-server", "https://127.0.0.1:9", "--kube-ca-path", "/nowhere/ca.pem"]), @r"
    exit 1
    error: cannot use /nowhere/ca.pem as the CA of the Kubernetes API server: No such file or directory (os error 2)
    help: `--kube-ca-path` (WERF_KUBE_CA_PATH) names a file with PEM certificates, `--kube-ca-data` has them, in base64 or as they are
    ");
    insta::assert_snapshot!(plan(&sandbox, &["--kube-api-server", "https://127.0.0.1:9", "--kube-ca-data", "!"]), @r"
    exit 1
    error: cannot use given as data as the CA of the Kubernetes API server: it is neither PEM nor base64
    help: `--kube-ca-path` (WERF_KUBE_CA_PATH) names a file with PEM certificates, `--kube-ca-data` has them, in base64 or as they are
    ");
    insta::assert_snapshot!(plan(&sandbox, &["--kube-api-server", "https://127.0.0.1:9", "--kube-proxy-url", "a b"]), @r"
    exit 1
    error: `a b` is no address of a proxy: invalid uri character
    help: `--kube-proxy-url` (WERF_KUBE_PROXY_URL) takes an address such as http://proxy.example.org:3128
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rights() {
    let cluster = Fake::start().await;
    let server = format!("http://{}", cluster.address);
    let message = "secrets is forbidden: User \"dev\" cannot list resource \"secrets\" in API group \"\" in the namespace \"app\"";
    cluster.fail("GET /api/v1/namespaces/app/secrets", 403, message, 9);
    insta::assert_snapshot!(told_beside(&app(), &[&PLAN[..], &["--kube-api-server", &server]].concat()), @r#"
    exit 1
    error: the Kubernetes API server http://HOST forbids to list secrets (403): secrets is forbidden: User "dev" cannot list resource "secrets" in API group "" in the namespace "app"
    help: a Role with verb `list` on `secrets` is needed; `kubectl auth can-i list secrets -n app` asks the same question
    "#);
    insta::assert_snapshot!(told_beside(&app(), &["dismiss", "--kube-api-server", &server]), @r#"
    exit 1
    error: the Kubernetes API server http://HOST forbids to list secrets (403): secrets is forbidden: User "dev" cannot list resource "secrets" in API group "" in the namespace "app"
    help: a Role with verb `list` on `secrets` is needed; `kubectl auth can-i list secrets -n app` asks the same question
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_fails_or_does_not_know_us() {
    for (status, message) in [(401, "Unauthorized"), (501, "this server has no such thing")] {
        let cluster = Fake::start().await;
        cluster.fail("GET /api/v1/namespaces/app/secrets", status, message, 99);
        let told = told_beside(&app(), &[&PLAN[..], &["--kube-api-server", &format!("http://{}", cluster.address)]].concat());
        match status {
            401 => insta::assert_snapshot!(told, @r"
            exit 1
            error: the Kubernetes API server http://HOST does not accept the credentials (401): Unauthorized
            help: the token or client certificate of the kubeconfig's user may have expired; `kubectl auth whoami` asks the same question
            "),
            _ => insta::assert_snapshot!(told, @r"
            exit 1
            error: GET /api/v1/namespaces/app/secrets was refused by the Kubernetes API server http://HOST (501): this server has no such thing
            help: the fault is the cluster's: see its API server, then run the same command again
            "),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_not_there() {
    let cluster = Fake::start().await;
    insta::assert_snapshot!(told_beside(&app(), &["dismiss", "--kube-api-server", &format!("http://{}", cluster.address)]), @r"
    exit 0
         Warning there is no release `app` in namespace `app`: nothing to dismiss
                 help: `helm list -A` shows all releases; `--release` and `--namespace` name another one
    ");
}

#[test]
fn marks_that_are_no_pairs() {
    insta::assert_snapshot!(plan(&app(), &["--kube-api-server", "http://127.0.0.1:9", "--add-annotation", "x"]), @r"
    exit 1
    error: --add-annotation: `x` is not of the form name=value
    help: write `--add-annotation name=value`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_from_its_first_revision_to_its_end() {
    let cluster = Fake::start().await;
    cluster.put("/api/v1/namespaces/app", json!({"metadata": {"name": "app"}}));
    let server = format!("http://{}", cluster.address);
    let sandbox = Sandbox::commit(&[
        ("werf.yaml", "project: app\nconfigVersion: 1\n"),
        (".helm/templates/app.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {color: {{ .Values.color }}}\n"),
        (".helm/templates/NOTES.txt", "The color is {{ .Values.color }}.\n"),
        (".helm/values.yaml", "color: red\n"),
    ]);
    let werf = |args: &[&str]| told_beside(&sandbox, &[args, &["--kube-api-server", &server]].concat());
    insta::assert_snapshot!(werf(&["plan", "--exit-code"]), @r"
    exit 2
    + create ConfigMap/app: it does not exist
        @@ -0,0 +1,12 @@
        +apiVersion: v1
        +data:
        +  color: red
        +kind: ConfigMap
        +metadata:
        +  annotations:
        +    meta.helm.sh/release-name: app
        +    meta.helm.sh/release-namespace: app
        +  labels:
        +    app.kubernetes.io/managed-by: Helm
        +  name: app
        +  namespace: app
    ~ release app: it is the first revision
    Plan: 1 to create, 0 to update, 0 to recreate, 0 to delete, 0 unchanged.
    ");
    insta::assert_snapshot!(werf(&["converge", "--release-label", "team=web", "--add-label", "a=b"]), @r"
    exit 0
    The color is red.
         Planned 1 to create
         Created ConfigMap/app
           Ready ConfigMap/app after TIME
        Deployed app in namespace app, revision 1: 1 created, TIME
            Next `werf status`, `werf logs`
    ");
    let record = cluster.get("/api/v1/namespaces/app/secrets/sh.helm.release.v1.app.v1").expect("a record");
    assert_eq!((&record["metadata"]["labels"]["team"], &record["metadata"]["labels"]["status"]), (&json!("web"), &json!("deployed")));
    let object = cluster.get("/api/v1/namespaces/app/configmaps/app").expect("an object");
    assert_eq!((&object["data"]["color"], &object["metadata"]["labels"]["a"]), (&json!("red"), &json!("b")));

    insta::assert_snapshot!(werf(&["converge", "--release-label", "team=web", "--add-label", "a=b"]), @r"
    exit 0
       Unchanged release app, revision 1: nothing to do
    ");
    insta::assert_snapshot!(werf(&["converge", "--set", "color=blue", "--no-notes", "--log-quiet"]), @r"
    exit 0
        Deployed app in namespace app, revision 2: 1 updated, TIME
    ");
    insta::assert_snapshot!(werf(&["dismiss"]), @r"
    exit 0
         Deleted ConfigMap/app
       Dismissed release app
    ");
    assert!(cluster.get("/api/v1/namespaces/app/configmaps/app").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_before_a_cluster() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let (proxy, heads) = tunnel_proxy(closed).await;
    let cluster = |server: &str| {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": server, "proxy-url": format!("http://{proxy}")}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "users": [{"name": "u", "user": {}}],
        })
    };
    let sandbox = app();
    let asked = |config: &serde_json::Value, args: &[&str]| {
        std::fs::write(sandbox.root().join("config"), config.to_string()).expect("a kubeconfig");
        let file = sandbox.root().join("config");
        let told = told_beside(&sandbox, &[&PLAN[..], &["--kube-config", file.to_str().expect("text")], args].concat());
        (std::mem::take(&mut *heads.lock().unwrap()), told)
    };
    let (heads, _) = asked(&cluster("https://one.invalid:6443"), &[]);
    assert!(heads.iter().all(|head| head.starts_with("CONNECT one.invalid:6443 ")) && !heads.is_empty(), "{heads:?}");
    let mut none = cluster("https://two.invalid");
    none["clusters"][0]["cluster"]["proxy-url"] = json!("");
    let (heads, _) = asked(&none, &["--kube-proxy-url", &format!("http://me:s3cret@{proxy}")]);
    assert!(heads.iter().all(|head| head.starts_with("CONNECT two.invalid:443 ")) && !heads.is_empty(), "{heads:?}");
    assert!(heads[0].contains("Proxy-Authorization: Basic bWU6czNjcmV0\r\n"), "{heads:?}");
    let (_, told) = asked(&cluster("https://refused.invalid"), &["--kube-proxy-url", &format!("http://me:s3cret@{proxy}")]);
    insta::assert_snapshot!(told.replace(&proxy.to_string(), "HOST"), @r"
    exit 1
    error: cannot reach the Kubernetes API server https://refused.invalid: the proxy http://HOST refused a tunnel to refused.invalid:443: HTTP/1.1 403 Forbidden
    help: the address comes from the kubeconfig [SANDBOX]/config; `kubectl version` asks the same server
    ");
}
