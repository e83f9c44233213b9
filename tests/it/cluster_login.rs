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

/// A provider of OpenID Connect: what it was sent as forms, and what it answers to them.
struct Provider {
    issuer: String,
    forms: Arc<Mutex<Vec<String>>>,
}

/// How a provider wants to know the client.
#[derive(Clone, Copy, PartialEq)]
enum Wants {
    Header,
    Form,
    Nothing,
}

impl Provider {
    /// `answer` is the status and the body for a client that it knows.
    async fn start(wants: Wants, answer: fn() -> (u16, Value)) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/realm", listener.local_addr().unwrap());
        let forms = Arc::new(Mutex::new(Vec::new()));
        let (log, endpoint) = (forms.clone(), format!("{issuer}/token"));
        let serve = move |request: Request<Incoming>| {
            let (log, endpoint) = (log.clone(), endpoint.clone());
            async move {
                let (head, body) = request.into_parts();
                let form = String::from_utf8(http_body_util::BodyExt::collect(body).await.unwrap().to_bytes().to_vec()).unwrap();
                let login = head.headers.get(AUTHORIZATION).map_or("", |value| value.to_str().unwrap()).to_owned();
                let (status, body) = match head.uri.path() {
                    "/realm/.well-known/openid-configuration" => (200, json!({"token_endpoint": endpoint})),
                    "/realm/token" => {
                        // me:s3 cret
                        let is_known = match wants {
                            Wants::Header => login == "Basic bWU6czMlMjBjcmV0" && !form.contains("client_secret"),
                            Wants::Form => login.is_empty() && form.ends_with("&client_id=me&client_secret=s3%20cret"),
                            Wants::Nothing => login.is_empty() && form.ends_with("&client_id=me"),
                        };
                        let mut log = log.lock().unwrap();
                        log.push(form);
                        if is_known { answer() } else { (401, json!({"error": "invalid_client"})) }
                    }
                    _ => (404, json!({})),
                };
                Ok::<_, Infallible>(Response::builder().status(status).body(Full::new(Bytes::from(body.to_string()))).unwrap())
            }
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = hyper::service::service_fn(serve.clone());
                let io = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
            }
        });
        Provider { issuer, forms }
    }

    fn user(&self, id_token: &str, more: &Value) -> Value {
        let mut config = json!({"idp-issuer-url": self.issuer, "client-id": "me", "id-token": id_token, "refresh-token": "old"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"auth-provider": {"name": "oidc", "config": config}})
    }
}

/// A token that says when it expires: `{"exp": 1}` and `{"exp": 99999999999}`.
const EXPIRED: &str = "e30.eyJleHAiOiAxfQ.x";
const FRESH: &str = "e30.eyJleHAiOiA5OTk5OTk5OTk5OX0.x";
const TAKES_FRESH: &str = "Bearer e30.eyJleHAiOiA5OTk5OTk5OTk5OX0.x";

#[tokio::test]
async fn a_token_of_a_provider_is_renewed_when_it_has_expired_and_kept_in_the_kubeconfig() {
    for wants in [Wants::Header, Wants::Form, Wants::Nothing] {
        let (server, folder) = (Server::start(TAKES_FRESH).await, tempfile::tempdir().unwrap());
        let provider = Provider::start(wants, || (200, json!({"id_token": FRESH, "refresh_token": "new"}))).await;
        let secret = if wants == Wants::Nothing { json!({}) } else { json!({"client-secret": "s3 cret", "extra": 1}) };
        let options = kubeconfig(folder.path(), &server.url, &provider.user(EXPIRED, &secret));
        let client = connect(&options, &Events::none()).await.unwrap();
        for _ in 0..2 {
            ask(&client).await.unwrap();
        }
        let forms = provider.forms.lock().unwrap().clone();
        assert!(forms.iter().all(|form| form.starts_with("grant_type=refresh_token&refresh_token=old")), "{forms:?}");
        assert_eq!(forms.len(), if wants == Wants::Form { 2 } else { 1 });

        let path = folder.path().join("config");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("id-token: {FRESH}\n")) && text.contains("refresh-token: new\n"), "{text}");
        assert!(text.contains("current-context: it\n") && text.contains(&server.url), "{text}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no lock is left");
        // whoever comes next has the new tokens, and asks nobody
        ask(&connect(&options, &Events::none()).await.unwrap()).await.unwrap();
        assert_eq!(provider.forms.lock().unwrap().len(), forms.len());
    }
}

#[tokio::test]
async fn a_kubeconfig_that_somebody_else_changes_is_left_alone() {
    let (server, folder) = (Server::start(TAKES_FRESH).await, tempfile::tempdir().unwrap());
    let provider = Provider::start(Wants::Nothing, || (200, json!({"id_token": FRESH}))).await;
    let options = kubeconfig(folder.path(), &server.url, &provider.user(EXPIRED, &json!({})));
    fs::write(folder.path().join("config.lock"), "").unwrap();
    let before = fs::read_to_string(folder.path().join("config")).unwrap();
    let (events, mut facts) = Events::channel();
    ask(&connect(&options, &events).await.unwrap()).await.unwrap();
    drop(events);
    let mut warnings = Vec::new();
    while let Some(fact) = facts.recv().await {
        if let Event::Warned { message, help } = fact {
            warnings.push((message.replace(&folder.path().display().to_string(), "DIR"), help.unwrap_or_default()));
        }
    }
    let message = "the renewed login could not be written into DIR/config: DIR/config.lock: File exists (os error 17)";
    let help = "the provider may take the old refresh-token no more: log in again before the file is used next";
    assert_eq!(warnings, [(message.to_owned(), help.to_owned())]);
    assert_eq!(fs::read_to_string(folder.path().join("config")).unwrap(), before);
}

#[tokio::test]
async fn providers_that_give_no_token_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut texts = String::new();
    let mut check = async |provider: &Provider, more: Value| {
        let options = kubeconfig(folder.path(), "http://127.0.0.1:1", &provider.user(EXPIRED, &more));
        let error = ask(&connect(&options, &Events::none()).await.unwrap()).await.unwrap_err();
        texts += &whole(&error).replace(&provider.issuer, "ISSUER");
    };
    let refuses =
        Provider::start(Wants::Nothing, || (400, json!({"error": "invalid_grant", "error_description": "Token is not active"}))).await;
    check(&refuses, json!({})).await;
    check(&refuses, json!({"refresh-token": ""})).await;
    check(&refuses, json!({"client-secret": "wr0ng"})).await;
    check(&Provider::start(Wants::Nothing, || (200, json!({"access_token": "s3cret"}))).await, json!({})).await;
    let mut nowhere = Provider::start(Wants::Nothing, || (200, json!({}))).await;
    nowhere.issuer = nowhere.issuer.replace("/realm", "/other");
    check(&nowhere, json!({})).await;
    assert!(!texts.contains("s3cret") && !texts.contains("wr0ng"), "{texts}");
    insta::assert_snapshot!(texts, @r"
    error: no token from ISSUER for the Kubernetes API server: the provider refuses to renew the token (400): Token is not active
    help: the kubeconfig's user logs in there: do it once more as you did the first time
    error: no token from ISSUER for the Kubernetes API server: the token has expired, and the kubeconfig has no refresh-token
    help: the kubeconfig's user logs in there: do it once more as you did the first time
    error: no token from ISSUER for the Kubernetes API server: the provider refuses to renew the token (401): invalid_client
    help: the kubeconfig's user logs in there: do it once more as you did the first time
    error: no token from ISSUER for the Kubernetes API server: the provider's answer has no id_token
    help: the kubeconfig's user logs in there: do it once more as you did the first time
    error: no token from ISSUER for the Kubernetes API server: ISSUER/.well-known/openid-configuration answers 404 Not Found
    help: the kubeconfig's user logs in there: do it once more as you did the first time
    ");
}
