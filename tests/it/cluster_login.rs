//! Who asks the API server: what a kubeconfig's credential program gives, and whom to act as.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use serde_json::{Value, json};
use werf::deploy::cluster::{Client, ClusterError, ConnectOptions, Identity, connect, load_history};
use werf::event::{Event, Events};
use werf::ui::{report, style::Style};

/// An API server without objects that takes one token alone, and remembers the headers of each request.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Server {
    async fn start(takes: &'static str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let answer = move |request: Request<Incoming>| {
            let is_known = request.headers().get(AUTHORIZATION).is_some_and(|header| header == takes);
            log.lock().unwrap().push(request.headers().clone());
            let (status, body) = match is_known {
                true => (200, json!({"kind": "List", "metadata": {}, "items": []})),
                false => (401, json!({"kind": "Status", "message": "Unauthorized", "reason": "Unauthorized", "code": 401})),
            };
            Response::builder().status(status).body(Full::new(Bytes::from(body.to_string()))).unwrap()
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answer.clone();
                let service = hyper::service::service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(request))));
                let io = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
            }
        });
        Server { url, asked }
    }

    /// The values of a header, request by request.
    fn header(&self, name: &str) -> Vec<String> {
        let values = |headers: &HeaderMap| headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(" ");
        self.asked.lock().unwrap().iter().map(values).collect()
    }
}

/// A kubeconfig whose user is this, as options.
fn kubeconfig(folder: &Path, server: &str, user: &Value) -> ConnectOptions {
    let path = folder.join("config");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "users": [{"name": "it", "user": user}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    });
    fs::write(&path, config.to_string()).unwrap();
    ConnectOptions { kubeconfigs: vec![path], ..Default::default() }
}

/// A program that gives the tokens `t1`, `t2`, …, one each time, with what the status has besides.
fn counting(folder: &Path, status: &str) -> Value {
    let count = folder.join("count");
    let script = format!(
        r#"echo x >>"$COUNT"; n=$(wc -l <"$COUNT" | tr -d ' ')
        echo "{{apiVersion: client.authentication.k8s.io/v1, kind: ExecCredential, status: {{token: t$n{status}}}}}""#
    );
    let env = [json!({"name": "COUNT", "value": count})];
    json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "sh", "args": ["-c", script], "env": env}})
}

async fn ask(client: &Client) -> Result<(), ClusterError> {
    load_history(client, "ns", "app").await.map(drop)
}

fn whole(error: &ClusterError) -> String {
    report::render(error, Style::new(false))
}

#[tokio::test]
async fn a_token_of_a_program_counts_for_all_requests() {
    let (server, folder) = (Server::start("Bearer t1").await, tempfile::tempdir().unwrap());
    let client = connect(&kubeconfig(folder.path(), &server.url, &counting(folder.path(), "")), &Events::none()).await.unwrap();
    for _ in 0..2 {
        ask(&client).await.unwrap();
    }
    assert_eq!(server.header("authorization"), ["Bearer t1", "Bearer t1"]);
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_asked_for_once_more() {
    let (server, folder) = (Server::start("Bearer t2").await, tempfile::tempdir().unwrap());
    let client = connect(&kubeconfig(folder.path(), &server.url, &counting(folder.path(), "")), &Events::none()).await.unwrap();
    ask(&client).await.unwrap();
    ask(&client).await.unwrap();
    assert_eq!(server.header("authorization"), ["Bearer t1", "Bearer t2", "Bearer t2"]);
}

#[tokio::test]
async fn many_that_are_refused_at_once_ask_the_program_once() {
    let (server, folder) = (Server::start("Bearer t2").await, tempfile::tempdir().unwrap());
    let client = connect(&kubeconfig(folder.path(), &server.url, &counting(folder.path(), "")), &Events::none()).await.unwrap();
    let all = futures::future::join_all((0..8).map(|_| ask(&client))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(fs::read_to_string(folder.path().join("count")).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn a_program_whose_tokens_are_never_taken_is_asked_once_more_only() {
    let (server, folder) = (Server::start("Bearer other").await, tempfile::tempdir().unwrap());
    let client = connect(&kubeconfig(folder.path(), &server.url, &counting(folder.path(), "")), &Events::none()).await.unwrap();
    let error = ask(&client).await.unwrap_err();
    assert!(matches!(error, ClusterError::Unauthorized { .. }), "{error}");
    assert_eq!(server.header("authorization"), ["Bearer t1", "Bearer t2"]);
}

#[tokio::test]
async fn a_token_that_expires_is_renewed_before() {
    let (server, folder) = (Server::start("Bearer t2").await, tempfile::tempdir().unwrap());
    let user = counting(folder.path(), ", expirationTimestamp: '2020-01-01T00:00:00Z'");
    let client = connect(&kubeconfig(folder.path(), &server.url, &user), &Events::none()).await.unwrap();
    ask(&client).await.unwrap();
    assert_eq!(server.header("authorization"), ["Bearer t2"]);
}

#[tokio::test]
async fn a_program_knows_the_cluster_and_what_it_is_asked() {
    let (server, folder) = (Server::start("Bearer t").await, tempfile::tempdir().unwrap());
    let asked = folder.path().join("asked");
    let script = format!(
        r#"printf %s "$KUBERNETES_EXEC_INFO" >{}
        echo '{{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "status": {{"token": "t"}}}}'"#,
        asked.display()
    );
    let user = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "sh", "args": ["-c", script],
        "interactiveMode": "Never", "provideClusterInfo": true}});
    let client = connect(&kubeconfig(folder.path(), &server.url, &user), &Events::none()).await.unwrap();
    ask(&client).await.unwrap();
    let info: Value = serde_json::from_str(&fs::read_to_string(asked).unwrap()).unwrap();
    let spec = json!({"interactive": false, "cluster": {"server": server.url}});
    assert_eq!(info, json!({"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "spec": spec}));
}

#[tokio::test]
async fn a_token_by_flag_wins_over_a_program() {
    let (server, folder) = (Server::start("Bearer mine").await, tempfile::tempdir().unwrap());
    let mut options = kubeconfig(folder.path(), &server.url, &counting(folder.path(), ""));
    options.identity = Identity { token: Some("mine".into()), ..Default::default() };
    ask(&connect(&options, &Events::none()).await.unwrap()).await.unwrap();
    assert!(!folder.path().join("count").exists());
}

#[tokio::test]
async fn programs_that_give_nothing_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut texts = String::new();
    let mut check = async |exec: Value| {
        let mut full = json!({"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "sh"});
        full.as_object_mut().unwrap().extend(exec.as_object().unwrap().clone());
        let options = kubeconfig(folder.path(), "http://127.0.0.1:1", &json!({"exec": full}));
        let error = connect(&options, &Events::none()).await.err().unwrap();
        texts += &whole(&error);
    };
    let says = |text: &str| json!({"args": ["-c", format!("echo '{text}'")]});
    let answer = |status: &str| says(&format!("{{apiVersion: client.authentication.k8s.io/v1, kind: ExecCredential, status: {status}}}"));
    check(json!({"command": "no-such-program", "installHint": "\nget it from https://example.org\n"})).await;
    check(json!({"command": "no-such-program"})).await;
    check(json!({"args": ["-c", "echo 'the session has expired: log in again' >&2; exit 3"]})).await;
    check(json!({"args": ["-c", "exit 4"]})).await;
    check(json!({"apiVersion": "client.authentication.k8s.io/v1alpha1"})).await;
    check(says("hello s3cret")).await;
    check(says("{apiVersion: client.authentication.k8s.io/v1beta1, kind: ExecCredential, status: {token: s3cret}}")).await;
    check(answer("{}")).await;
    check(answer("{clientKeyData: s3cret}")).await;
    check(answer("{token: s3cret, expirationTimestamp: soon}")).await;
    assert!(!texts.contains("s3cret"), "{texts}");
    insta::assert_snapshot!(texts, @r"
    error: cannot get credentials for http://127.0.0.1:1 from `no-such-program`: it cannot be started: No such file or directory (os error 2)
    help: get it from https://example.org
    error: cannot get credentials for http://127.0.0.1:1 from `no-such-program`: it cannot be started: No such file or directory (os error 2)
    help: install it, or put its directory into PATH
    error: cannot get credentials for http://127.0.0.1:1 from `sh`: exit status: 3: the session has expired: log in again
    help: the kubeconfig's user names this program: run it by hand as `kubectl config view --minify` shows it
    error: cannot get credentials for http://127.0.0.1:1 from `sh`: exit status: 4
    help: the kubeconfig's user names this program: run it by hand as `kubectl config view --minify` shows it
    error: cannot get credentials for http://127.0.0.1:1 from `sh`: its apiVersion is `client.authentication.k8s.io/v1alpha1`, and only client.authentication.k8s.io/v1 and /v1beta1 are known
    help: newer versions of such programs speak v1: update it, and the kubeconfig by its own command
    error: cannot get credentials for http://127.0.0.1:1 from `sh`: its answer is no ExecCredential
    help: the kubeconfig's user names this program: run it by hand as `kubectl config view --minify` shows it
    error: cannot get credentials for http://127.0.0.1:1 from `sh`: its answer is in `client.authentication.k8s.io/v1beta1`, and the kubeconfig says `client.authentication.k8s.io/v1`
    help: the kubeconfig's user names this program: run it by hand as `kubectl config view --minify` shows it
    error: cannot get credentials for http://127.0.0.1:1 from `sh`: its answer has neither a token nor a client certificate
    help: the kubeconfig's user names this program: run it by hand as `kubectl config view --minify` shows it
    error: cannot get credentials for http://127.0.0.1:1 from `sh`: its answer has one of clientCertificateData and clientKeyData, and not the other
    help: the kubeconfig's user names this program: run it by hand as `kubectl config view --minify` shows it
    error: cannot get credentials for http://127.0.0.1:1 from `sh`: the expirationTimestamp of its answer is no time of RFC 3339
    help: the kubeconfig's user names this program: run it by hand as `kubectl config view --minify` shows it
    ");
}

#[tokio::test]
async fn a_program_that_is_slow_is_told_and_ends_with_us() {
    let folder = tempfile::tempdir().unwrap();
    let exec = json!({"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "sleep", "args": ["60"]});
    let options = kubeconfig(folder.path(), "http://127.0.0.1:1", &json!({"exec": exec}));
    let (events, mut facts) = Events::channel();
    let told = async {
        loop {
            if let Some(Event::Slow { whom, doing, .. }) = facts.recv().await {
                return (whom, doing);
            }
        }
    };
    tokio::select! {
        _ = connect(&options, &events) => panic!("the program sleeps for a minute"),
        told = told => assert_eq!(told, ("sleep".into(), "get credentials for http://127.0.0.1:1".into())),
    }
}

#[tokio::test]
async fn whom_to_act_as_is_said_with_each_request() {
    let (server, folder) = (Server::start("Bearer t").await, tempfile::tempdir().unwrap());
    let user =
        json!({"token": "t", "as": "jane", "as-uid": "7", "as-groups": ["dev", "ops"], "as-user-extra": {"example.org/reason": ["tests"]}});
    ask(&connect(&kubeconfig(folder.path(), &server.url, &user), &Events::none()).await.unwrap()).await.unwrap();
    let mut options = kubeconfig(folder.path(), &server.url, &json!({"token": "t", "as": "jane"}));
    options.identity = Identity { impersonate: Some("joe".into()), impersonate_groups: vec!["qa".into()], ..Default::default() };
    ask(&connect(&options, &Events::none()).await.unwrap()).await.unwrap();
    assert_eq!(server.header("impersonate-user"), ["jane", "joe"]);
    assert_eq!(server.header("impersonate-group"), ["dev ops", "qa"]);
    assert_eq!(server.header("impersonate-uid"), ["7", ""]);
    assert_eq!(server.header("impersonate-extra-example.org%2freason"), ["tests", ""]);
}
