//! Deployments against an API server in process that fails on demand: which requests are sent, what stays behind, what is said.

pub mod fake;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fake::Fake;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use werf::deploy::cluster::{
    Acquired, Client, ConnectOptions, DeployError, DeployOptions, Desired, Lock, Outcome, Record, RecordStatus, Revision, connect,
    create_record, deploy, dismiss, load_history, prepare,
};
use werf::deploy::resource::{Owner, parse};
use werf::event::{Event, Events, Facts};

fn owner() -> Owner {
    Owner { release: "app".into(), namespace: "ns".into() }
}

fn config_map(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cfg"}, "data": {"key": value}})
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
    }})
}

fn desired(objects: &[Value]) -> Desired {
    let manifest = objects.iter().map(|object| format!("---\n{}", werf::yaml::emit(object))).collect();
    Desired {
        owner: owner(),
        resources: objects.iter().flat_map(|object| parse(object.clone(), "app/templates/x.yaml", "ns").unwrap()).collect(),
        revision: Revision { chart: json!({"metadata": {"name": "app", "version": "1.0.0"}}), manifest, ..Default::default() },
        force_adoption: false,
    }
}

async fn converge(client: &Client, objects: &[Value], options: &DeployOptions) -> Result<Outcome, DeployError> {
    let prepared = prepare(client, desired(objects), load_history(client, "ns", "app").await?).await?;
    deploy(client, prepared, options, &Events::none(), &CancellationToken::new()).await
}

fn whole(error: &dyn miette::Diagnostic, fake: &Fake) -> String {
    let text = werf::ui::report::render(error, werf::ui::style::Style::new(false));
    text.replace(&fake.address.to_string(), "HOST")
}

async fn statuses(client: &Client) -> Vec<(u32, RecordStatus)> {
    load_history(client, "ns", "app").await.unwrap().revisions
}

fn is_write(line: &&String) -> bool {
    !line.starts_with("GET") && !line.starts_with("DRYRUN")
}

/// A server with the release's namespace.
async fn start() -> (Fake, Client) {
    let fake = Fake::start().await;
    fake.put("/api/v1/namespaces/ns", json!({"metadata": {"name": "ns"}}));
    let client = fake.client().await;
    (fake, client)
}

#[tokio::test]
async fn a_deployment_without_changes_reads_little_and_writes_nothing() {
    let (fake, client) = start().await;
    let objects = [config_map("1"), json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sec"}, "stringData": {"a": "b"}})];
    assert_eq!(converge(&client, &objects, &DeployOptions::default()).await.unwrap(), Outcome::Deployed { revision: 1 });
    let (first, applied) =
        (fake.requests(), |name: &str| fake.requests().iter().position(|line| line.contains(name) && line.starts_with("PATCH")));
    assert!(applied("configmaps/cfg").is_some() && applied("secrets/sec").is_some(), "{first:#?}");
    assert_eq!(statuses(&client).await, [(1, RecordStatus::Deployed)]);
    assert_eq!(
        fake.get("/api/v1/namespaces/ns/configmaps/werf-synchronization").unwrap()["metadata"]["annotations"],
        json!({}),
        "the lock is given back"
    );

    fake.forget_requests();
    assert_eq!(converge(&client, &objects, &DeployOptions::default()).await.unwrap(), Outcome::Unchanged { revision: 1 });
    let mut requests = fake.requests();
    requests.sort();
    assert_eq!(
        requests,
        [
            "GET /api/v1/namespaces/ns/configmaps/cfg",
            "GET /api/v1/namespaces/ns/secrets",
            "GET /api/v1/namespaces/ns/secrets/sec",
            "GET /api/v1/namespaces/ns/secrets/sh.helm.release.v1.app.v1",
        ]
    );
}

#[tokio::test]
async fn a_namespace_that_is_not_there_yet_is_asked_for_once() {
    let fake = Fake::start().await;
    let client = fake.client().await;
    fake.fail("DRYRUN /api/v1/namespaces/ns/", 404, "namespaces \"ns\" not found", 1);
    let object = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    let objects = ["a", "b", "c", "d"].map(object);
    assert_eq!(converge(&client, &objects, &DeployOptions::default()).await.unwrap(), Outcome::Deployed { revision: 1 });
    let dry_runs = fake.requests().iter().filter(|line| line.starts_with("DRYRUN")).count();
    assert_eq!(dry_runs, 1 + objects.len(), "one that finds out, and one for each object in the namespace that was made");
}

#[tokio::test]
async fn revisions_follow_one_another_and_dropped_objects_go() {
    let (fake, client) = start().await;
    let options = DeployOptions { history_limit: 2, ..Default::default() };
    for value in ["1", "2", "3"] {
        converge(&client, &[config_map(value), deployment_that_is_ready(&fake)], &options).await.unwrap();
    }
    assert_eq!(statuses(&client).await, [(2, RecordStatus::Superseded), (3, RecordStatus::Deployed)]);
    converge(&client, &[config_map("3")], &options).await.unwrap();
    assert!(fake.get("/apis/apps/v1/namespaces/ns/deployments/web").is_none());
    assert!(fake.get("/api/v1/namespaces/ns/configmaps/cfg").is_some());

    dismiss(&client, &owner(), true, &options, &Events::none(), &CancellationToken::new()).await.unwrap();
    assert!(fake.get("/api/v1/namespaces/ns/configmaps/cfg").is_none());
    assert_eq!(statuses(&client).await, []);
    let error = dismiss(&client, &owner(), true, &options, &Events::none(), &CancellationToken::new()).await.unwrap_err();
    insta::assert_snapshot!(whole(&error, &fake), @r"
    error: there is no release `app` in namespace `ns`
    help: `helm list -A` shows all releases; `--release` and `--namespace` name another one
    ");
}

fn deployment_that_is_ready(fake: &Fake) -> Value {
    fake.on_write(|object| {
        if object["kind"] == "Deployment" {
            object["metadata"]["generation"] = 1.into();
            object["status"] = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
                "conditions": [{"type": "Available", "status": "True"}]});
        }
    });
    deployment()
}

#[tokio::test]
async fn a_manifest_that_the_server_rejects_changes_nothing() {
    let (fake, client) = start().await;
    fake.fail(
        "DRYRUN /apis/apps/v1/namespaces/ns/deployments/web",
        422,
        "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        1,
    );
    let error = converge(&client, &[config_map("1"), deployment()], &DeployOptions::default()).await.unwrap_err();
    insta::assert_snapshot!(whole(&error, &fake), @r#"
    error: 1 object cannot be deployed; nothing was changed

    error: the cluster rejects Deployment/web (app/templates/x.yaml): Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0
    help: the API server's words; `kubectl explain deployment` describes the fields
    "#);
    assert_eq!(fake.requests().iter().filter(is_write).count(), 0);
}

#[tokio::test]
async fn an_object_refused_while_applied_fails_the_revision() {
    let (fake, client) = start().await;
    fake.fail("PATCH /api/v1/namespaces/ns/configmaps/cfg", 403, "admission webhook \"policy\" denied the request: no", 1);
    let error = converge(&client, &[config_map("1")], &DeployOptions::default()).await.unwrap_err();
    insta::assert_snapshot!(whole(&error, &fake), @r#"
    error: cannot apply ConfigMap/cfg (app/templates/x.yaml): admission webhook "policy" denied the request: no
    help: the API server's words; `werf plan` shows what would be applied
    no change was made, and revision 1 of release `app` is marked as failed: the next `werf converge` goes on from there
    "#);
    assert_eq!(statuses(&client).await, [(1, RecordStatus::Failed)]);
    // The next deployment finishes the job.
    converge(&client, &[config_map("1")], &DeployOptions::default()).await.unwrap();
    assert_eq!(statuses(&client).await, [(1, RecordStatus::Failed), (2, RecordStatus::Deployed)]);
}

/// A Deployment whose only pod crashed twice.
fn crash(fake: &Fake) {
    fake.on_write(|object| {
        if object["kind"] == "Deployment" {
            object["metadata"]["generation"] = 1.into();
            object["metadata"]["uid"] = "web-uid".into();
            object["status"] = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "unavailableReplicas": 1});
        }
    });
    let set = json!({"metadata": {"name": "web-1", "uid": "set-uid", "ownerReferences": [{"uid": "web-uid", "controller": true}]}});
    fake.put("/apis/apps/v1/namespaces/ns/replicasets/web-1", set);
    let ended = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
    let pod = move |restarts: i64| {
        json!({"metadata": {"name": "web-1-x", "namespace": "ns", "uid": "pod-uid", "creationTimestamp": "2026-01-01T00:00:00Z", "ownerReferences": [{"uid": "set-uid"}]},
            "spec": {"containers": [{"name": "web"}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "web", "restartCount": restarts, "ready": false,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}, "lastState": ended}]}})
    };
    fake.put("/api/v1/namespaces/ns/pods/web-1-x", pod(1));
    fake.log("web-1-x/web", "starting\ncannot open database\n");
    let fake = fake.clone();
    tokio::spawn(async move {
        // The second crash comes once somebody watches pods.
        loop {
            let watched = fake.requests().iter().any(|line| line.contains("/pods?watch"));
            if watched {
                fake.put("/api/v1/namespaces/ns/pods/web-1-x", pod(2));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[tokio::test]
async fn a_crashing_container_shows_its_last_words() {
    let (fake, client) = start().await;
    crash(&fake);
    let error = converge(&client, &[deployment()], &DeployOptions::default()).await.unwrap_err();
    insta::assert_snapshot!(whole(&error, &fake), @r#"
    error: Deployment/web (app/templates/x.yaml) failed: 0 of 1 replica ready: pod web-1-x container web: CrashLoopBackOff, exit code 3 (Error), restarted 2 times (2 failures, 1 tolerated)
    last lines of container web of pod web-1-x:
      starting
      cannot open database
    help: one that waits for what comes later may fail more often: the annotation `werf.io/failures-allowed-per-replica: "5"` tolerates more failures
    the one change was made and stays, and revision 1 of release `app` is marked as failed: the next `werf converge` goes on from there
    "#);
    assert_eq!(statuses(&client).await, [(1, RecordStatus::Failed)]);
}

#[tokio::test]
async fn auto_rollback_brings_the_last_good_revision_back() {
    let (fake, client) = start().await;
    let options = DeployOptions { auto_rollback: true, ..Default::default() };
    converge(&client, &[config_map("good")], &options).await.unwrap();
    crash(&fake);
    let error = converge(&client, &[config_map("bad"), deployment()], &options).await.unwrap_err();
    assert!(matches!(error, DeployError::RolledBack { to: 1, revision: 3, .. }), "{error:?}");
    assert_eq!(fake.get("/api/v1/namespaces/ns/configmaps/cfg").unwrap()["data"]["key"], "good");
    assert!(fake.get("/apis/apps/v1/namespaces/ns/deployments/web").is_none(), "what the failed revision made is gone");
    assert_eq!(statuses(&client).await, [(1, RecordStatus::Superseded), (2, RecordStatus::Failed), (3, RecordStatus::Deployed)]);
}

#[tokio::test]
async fn a_limit_names_what_was_pending() {
    let (fake, client) = start().await;
    fake.on_write(|object| {
        if object["kind"] == "Deployment" {
            object["metadata"]["generation"] = 1.into();
            object["status"] = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "unavailableReplicas": 1});
        }
    });
    let options = DeployOptions { timeout: Some(Duration::from_millis(500)), ..Default::default() };
    let error = converge(&client, &[deployment()], &options).await.unwrap_err();
    insta::assert_snapshot!(whole(&error, &fake), @r"
    error: not done after 500 ms; still waiting for:
      Deployment/web: 0 of 1 replica ready
    help: `--timeout` says how long to wait
    the one change was made and stays, and revision 1 of release `app` is marked as failed: the next `werf converge` goes on from there
    ");
}

#[tokio::test]
async fn an_interruption_marks_the_revision_and_gives_the_lock_back() {
    let (fake, client) = start().await;
    fake.on_write(|object| object["status"] = json!({"observedGeneration": 1}));
    let history = load_history(&client, "ns", "app").await.unwrap();
    let prepared = prepare(&client, desired(&[deployment()]), history).await.unwrap();
    let cancel = CancellationToken::new();
    let (events, mut facts) = Events::channel();
    let stopper = cancel.clone();
    tokio::spawn(async move {
        while let Some(fact) = facts.recv().await {
            if matches!(fact, Event::ResourceApplied { .. }) {
                stopper.cancel();
            }
        }
    });
    let error = deploy(&client, prepared, &DeployOptions::default(), &events, &cancel).await.unwrap_err();
    assert_eq!(error.kind(), werf::error::Kind::Interrupted);
    insta::assert_snapshot!(whole(&error, &fake), @r"
    error: interrupted; revision 1 of release `app` is marked as failed
    help: run the command again to finish the job
    ");
    assert_eq!(statuses(&client).await, [(1, RecordStatus::Failed)]);
    assert_eq!(fake.get("/api/v1/namespaces/ns/configmaps/werf-synchronization").unwrap()["metadata"]["annotations"], json!({}));
}

#[tokio::test]
async fn a_lock_that_is_held_names_its_holder() {
    let (fake, client) = start().await;
    let other = fake.client().await;
    let held = Lock::acquire(&other, "ns", "app", "ci@runner-7 (pid 12)", None, &Events::none()).await.unwrap();
    let Acquired::Held { lock, waited: false } = held else { panic!("{held:?}") };
    let options = DeployOptions { lock_timeout: Some(Duration::ZERO), ..Default::default() };
    let error = converge(&client, &[config_map("1")], &options).await.unwrap_err();
    let text = whole(&error, &fake);
    assert!(text.starts_with("error: release `app` in namespace `ns` is locked by ci@runner-7 (pid 12); gave up after "), "{text}");
    assert_eq!(statuses(&client).await, []);
    lock.release().await;
    converge(&client, &[config_map("1")], &options).await.unwrap();
}

const LOCK: &str = "/api/v1/namespaces/ns/configmaps/werf-synchronization";

/// Deploys an object that is not ready yet; what happens once it was applied is `then`.
async fn deploy_and_meanwhile(
    fake: &Fake,
    client: &Client,
    then: impl Future<Output = ()>,
    mut on_event: impl FnMut(&Event),
) -> Result<Outcome, DeployError> {
    fake.on_write(|object| {
        if object["kind"] == "Deployment" {
            object["metadata"]["generation"] = 1.into();
            object["status"] = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "unavailableReplicas": 1});
        }
    });
    let prepared = prepare(client, desired(&[deployment()]), load_history(client, "ns", "app").await.unwrap()).await.unwrap();
    let (events, mut facts) = Events::channel();
    let (options, cancel) = (DeployOptions::default(), CancellationToken::new());
    let deployment = async {
        let result = deploy(client, prepared, &options, &events, &cancel).await;
        drop(events);
        result
    };
    let meanwhile = async {
        let mut then = Some(then);
        while let Some(fact) = facts.recv().await {
            on_event(&fact);
            if matches!(fact, Event::ResourceApplied { .. })
                && let Some(then) = then.take()
            {
                then.await;
            }
        }
    };
    tokio::join!(deployment, meanwhile).0
}

fn make_ready(fake: &Fake) {
    let path = "/apis/apps/v1/namespaces/ns/deployments/web";
    let mut object = fake.get(path).unwrap();
    object["status"] = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [{"type": "Available", "status": "True"}]});
    fake.put(path, object);
}

/// Changes the annotation with the lease; `None` takes it away.
fn set_lease(fake: &Fake, lease: Option<Value>) {
    let mut map = fake.get(LOCK).unwrap();
    let annotations = map["metadata"]["annotations"].as_object_mut().unwrap();
    let key = annotations.keys().next().unwrap().clone();
    match lease {
        Some(lease) => annotations.insert(key, lease.to_string().into()),
        None => annotations.remove(&key),
    };
    fake.put(LOCK, map);
}

#[tokio::test]
async fn who_lost_the_lock_changes_nothing_any_more() {
    let (fake, client) = start().await;
    let take = async {
        set_lease(&fake, Some(json!({"uuid": "other", "holder": "ci@runner-8 (pid 3)", "SharedHoldersCount": 1})));
        fake.forget_requests();
    };
    let error = deploy_and_meanwhile(&fake, &client, take, |_| {}).await.unwrap_err();
    insta::assert_snapshot!(whole(&error, &fake), @r"
    error: lost the lock of release `app` in namespace `ns` to ci@runner-8 (pid 3): nothing more is changed
    help: the API server did not hear from this werf for longer than the lock lasts, ten seconds; run the command again when the other one has ended
    ");
    assert_eq!(fake.requests().iter().filter(is_write).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(statuses(&client).await, [(1, RecordStatus::PendingInstall)], "the record is the other one's");
    assert!(fake.get(LOCK).unwrap().to_string().contains("runner-8"), "and so is the lock");
}

#[tokio::test]
async fn a_lock_that_nobody_has_is_taken_again() {
    let (fake, client) = start().await;
    let take = async {
        set_lease(&fake, None);
        let server = fake.clone();
        tokio::spawn(async move {
            while !server.get(LOCK).unwrap().to_string().contains("SharedHoldersCount") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            make_ready(&server);
        });
    };
    assert_eq!(deploy_and_meanwhile(&fake, &client, take, |_| {}).await.unwrap(), Outcome::Deployed { revision: 1 });
    assert_eq!(fake.get(LOCK).unwrap()["metadata"]["annotations"], json!({}));
}

#[tokio::test]
async fn a_lock_that_somebody_had_meanwhile_is_lost() {
    let (fake, client) = start().await;
    let take = async {
        let name = "sh.helm.release.v1.app.v2";
        let labels = json!({"owner": "helm", "name": "app", "status": "deployed", "version": "2"});
        let record = json!({"metadata": {"name": name, "namespace": "ns", "labels": labels}});
        fake.put(&format!("/api/v1/namespaces/ns/secrets/{name}"), record);
        set_lease(&fake, None);
    };
    let error = deploy_and_meanwhile(&fake, &client, take, |_| {}).await.unwrap_err();
    let text = whole(&error, &fake);
    assert!(text.starts_with("error: lost the lock of release `app` in namespace `ns` to another werf, which has ended: "), "{text}");
    let record = fake.get("/api/v1/namespaces/ns/secrets/sh.helm.release.v1.app.v1").unwrap();
    assert_eq!(record["metadata"]["labels"]["status"], "pending-install");
    assert_eq!(fake.get(LOCK).unwrap()["metadata"]["annotations"], json!({}), "it is given back");
}

#[tokio::test]
async fn while_the_lock_is_not_renewed_nothing_is_changed_and_then_it_goes_on() {
    let (fake, client) = start().await;
    let refused = format!("PUT {LOCK}");
    let fail = async { fake.fail(&refused, 500, "the disk of the cluster is slow", 12) };
    let mut told = Vec::new();
    let result = deploy_and_meanwhile(&fake, &client, fail, |event| {
        // told when the lease may have run out: from now on changes wait, and there is one to be made
        if let Event::TryingAgain { doing, .. } = event {
            told.push(doing.clone());
            make_ready(&fake);
        }
    });
    assert_eq!(result.await.unwrap(), Outcome::Deployed { revision: 1 });
    assert!(
        !told.is_empty() && told.iter().all(|told| told == "renew the lock of release `app`; nothing is changed before that"),
        "{told:?}"
    );
    let requests = fake.requests();
    let applied = requests.iter().position(|line| line.starts_with("PATCH")).unwrap();
    let writes: Vec<&str> = requests[applied + 1..].iter().filter(is_write).map(String::as_str).collect();
    let record = "PUT /api/v1/namespaces/ns/secrets/sh.helm.release.v1.app.v1";
    let tries = writes.iter().take_while(|line| **line != record).filter(|line| **line == refused).count();
    assert!(tries >= 13, "the record is written after the renewal that went well: {writes:#?}");
}

#[tokio::test]
async fn a_revision_that_somebody_else_wrote_is_not_overwritten() {
    let (fake, client) = start().await;
    fake.fail("POST /api/v1/namespaces/ns/secrets", 409, "secrets \"sh.helm.release.v1.app.v1\" already exists", 1);
    let error = converge(&client, &[config_map("1")], &DeployOptions::default()).await.unwrap_err();
    insta::assert_snapshot!(whole(&error, &fake), @r"
    error: revision 1 of release `app` was written by somebody else meanwhile
    help: another tool, such as helm, deploys the same release; run the command again when it has ended
    ");
    assert!(fake.get("/api/v1/namespaces/ns/configmaps/cfg").is_none());
}

#[tokio::test]
async fn a_record_whose_answer_was_lost_is_known_as_our_own() {
    let (_, client) = start().await;
    let record = Record {
        name: "app".into(),
        namespace: "ns".into(),
        revision: 1,
        status: RecordStatus::PendingInstall,
        first_deployed: "2026-01-02T03:04:05Z".into(),
        last_deployed: "2026-01-02T03:04:05Z".into(),
        description: "Initial install underway".into(),
        notes: String::new(),
        manifest: String::new(),
        hooks: Vec::new(),
        chart: json!({}),
        config: json!({}),
        labels: Default::default(),
        origin: Default::default(),
    };
    create_record(&client, &record).await.unwrap();
    create_record(&client, &record).await.unwrap();
    let other = Record { description: "Preparing upgrade".into(), ..record };
    assert!(create_record(&client, &other).await.unwrap_err().is_conflict());
}

#[tokio::test]
async fn a_server_that_says_nothing_ends_the_command_in_time() {
    let address = silent_server().await;
    let client =
        connect(&ConnectOptions { server: Some(format!("http://{address}")), ..Default::default() }, &Events::none()).await.unwrap();
    client.bound(Some(Duration::from_secs(1)));
    let error = load_history(&client, "ns", "app").await.unwrap_err();
    let text = werf::ui::report::render(&error, werf::ui::style::Style::new(false));
    insta::assert_snapshot!(text.replace(&address.to_string(), "HOST"), @r"
    error: the Kubernetes API server http://HOST did not answer GET /api/v1/namespaces/ns/secrets within 1 s
    help: `--timeout` says how long the command may take
    ");
}

#[tokio::test]
async fn a_request_has_the_time_that_the_user_gives_it() {
    let address = silent_server().await;
    let options = ConnectOptions {
        server: Some(format!("http://{address}")),
        request_timeout: Some(Duration::from_millis(1500)),
        ..Default::default()
    };
    let client = connect(&options, &Events::none()).await.unwrap();
    let error = load_history(&client, "ns", "app").await.unwrap_err();
    let text = werf::ui::report::render(&error, werf::ui::style::Style::new(false));
    insta::assert_snapshot!(text.replace(&address.to_string(), "HOST"), @r"
    error: the Kubernetes API server http://HOST did not answer GET /api/v1/namespaces/ns/secrets within 1 s
    help: `--kube-request-timeout` says how long a request may take
    ");
}

/// A server that takes connections and says nothing.
async fn silent_server() -> std::net::SocketAddr {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            kept.push(stream);
        }
    });
    address
}

#[tokio::test]
async fn what_a_server_takes_long_for_is_told() {
    let address = silent_server().await;
    let client =
        connect(&ConnectOptions { server: Some(format!("http://{address}")), ..Default::default() }, &Events::none()).await.unwrap();
    let (events, mut facts) = Events::channel();
    client.tell(&events);
    let fact = tokio::select! {
        _ = load_history(&client, "ns", "app") => panic!("the server has answered"),
        fact = facts.recv() => fact.unwrap(),
    };
    let Event::Slow { whom, doing, since } = fact else { panic!("{fact:?}") };
    assert_eq!((whom, doing.as_str()), (address.to_string(), "list secrets in namespace `ns`"));
    assert!(since >= Duration::from_secs(4));
    assert_eq!(facts.recv().await, Some(Event::SlowOver { whom: address.to_string() }), "it is no longer waited for");
}

#[tokio::test]
async fn a_server_says_when_to_come_again() {
    let (fake, client) = start().await;
    load_history(&client, "ns", "app").await.unwrap();
    fake.busy("GET /api/v1/namespaces/ns/secrets", "1");
    let (events, mut facts) = Events::channel();
    client.tell(&events);
    load_history(&client, "ns", "app").await.unwrap();
    let why = format!(
        "GET /api/v1/namespaces/ns/secrets was refused by the Kubernetes API server http://{} (429): too many requests",
        fake.address
    );
    let (whom, doing, pause) = (fake.address.to_string(), "list secrets in namespace `ns`".into(), Duration::from_secs(1));
    // on a busy machine the wait may be told as well
    let again = std::iter::from_fn(|| facts.try_recv()).find(|fact| matches!(fact, Event::TryingAgain { .. }));
    assert_eq!(again, Some(Event::TryingAgain { whom, doing, why, pause }));
}

#[tokio::test]
async fn a_server_that_is_away_for_a_moment_is_asked_again() {
    let (fake, client) = start().await;
    converge(&client, &[config_map("1")], &DeployOptions::default()).await.unwrap();
    fake.fail("PATCH /api/v1/namespaces/ns/configmaps/cfg", 503, "apiserver is shutting down", 2);
    fake.fail("GET /api/v1/namespaces/ns/secrets", 429, "too many requests", 1);
    assert_eq!(converge(&client, &[config_map("2")], &DeployOptions::default()).await.unwrap(), Outcome::Deployed { revision: 2 });
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let (fake, client) = start().await;
    let mut texts = String::new();
    let secrets = "GET /api/v1/namespaces/ns/secrets";
    for (status, message) in [
        (401, "Unauthorized"),
        (403, "secrets is forbidden: User \"dev\" cannot list resource \"secrets\" in API group \"\" in the namespace \"ns\""),
        (500, "internal error"),
    ] {
        fake.fail(secrets, status, message, 1);
        texts += &whole(&converge(&client, &[config_map("1")], &DeployOptions::default()).await.unwrap_err(), &fake);
    }
    let unknown = json!({"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "web"}});
    texts += &whole(&converge(&client, &[unknown], &DeployOptions::default()).await.unwrap_err(), &fake);
    fake.say("GET", 200, "<html>hello</html>");
    texts += &whole(&converge(&client, &[config_map("1")], &DeployOptions::default()).await.unwrap_err(), &fake);
    insta::assert_snapshot!(texts, @r#"
    error: the Kubernetes API server http://HOST does not accept the credentials (401): Unauthorized
    help: the token or client certificate of the kubeconfig's user may have expired; `kubectl auth whoami` asks the same question
    error: the Kubernetes API server http://HOST forbids to list secrets (403): secrets is forbidden: User "dev" cannot list resource "secrets" in API group "" in the namespace "ns"
    help: a Role with verb `list` on `secrets` is needed; `kubectl auth can-i list secrets -n ns` asks the same question
    error: GET /api/v1/namespaces/ns/secrets was refused by the Kubernetes API server http://HOST (500): internal error
    help: the fault is the cluster's: see its API server, then run the same command again
    error: the cluster knows no kind `Deployment` in `apps/v1beta1`, wanted by Deployment/web of app/templates/x.yaml
    help: the cluster has `Deployment` in apps/v1
    error: the answer of http://HOST to GET /api/v1/namespaces/ns/secrets makes no sense: expected value at line 1 column 1
    help: is this the address of a Kubernetes API server?
    "#);
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client =
        connect(&ConnectOptions { server: Some(format!("http://{address}")), ..Default::default() }, &Events::none()).await.unwrap();
    let error = converge(&client, &[config_map("1")], &DeployOptions::default()).await.unwrap_err();
    let text = werf::ui::report::render(&error, werf::ui::style::Style::new(false)).replace(&address.to_string(), "HOST");
    insta::assert_snapshot!(text, @r"
    error: cannot reach the Kubernetes API server http://HOST: Connection refused (os error 111)
    help: the address comes from the flags; `kubectl version` asks the same server
    ");
}

#[tokio::test]
async fn a_kubeconfig_that_does_not_fit_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let cluster =
        "apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: https://127.0.0.1:1}}]\nusers: [{name: a, user: {}}]\n";
    let mut texts = String::new();
    let mut check = async |content: Option<&str>, context: Option<&str>| {
        let _ = std::fs::remove_file(&path);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let options = ConnectOptions { kubeconfigs: vec![path.clone()], context: context.map(String::from), ..Default::default() };
        let error = connect(&options, &Events::none()).await.err().unwrap();
        texts += &werf::ui::report::render(&error, werf::ui::style::Style::new(false)).replace(&path.display().to_string(), "PATH");
    };
    check(None, None).await;
    check(Some("clusters: ["), None).await;
    check(
        Some(&format!("{cluster}contexts: [{{name: production, context: {{cluster: a, user: a}}}}]\ncurrent-context: production\n")),
        Some("prodution"),
    )
    .await;
    check(
        Some(&format!("{cluster}contexts: [{{name: production, context: {{cluster: b, user: a}}}}]\ncurrent-context: production\n")),
        None,
    )
    .await;
    insta::assert_snapshot!(texts, @r"
    error: no Kubernetes configuration found (looked for PATH)
    help: name a kubeconfig with `--kube-config PATH` or `WERF_KUBE_CONFIG`, give its content in `--kube-config-base64`, or run inside a pod with a service account
    error: cannot use the kubeconfig PATH: line 1 column 11: unclosed bracket '['
    help: check it with `kubectl config view --kubeconfig PATH`
    error: the kubeconfig PATH has no context `prodution`
    help: did you mean `production`? Contexts: `production`
    error: cannot use the kubeconfig PATH: failed to load the cluster of context: b
    help: check it with `kubectl config view --kubeconfig PATH`
    ");
}

/// The controllers of one Deployment whose pod runs, and which is ready once its log was asked for, if it is.
fn run_pod(fake: &Fake, pod_logs: bool) {
    let status = |available: u32| {
        json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": available, "availableReplicas": available,
            "unavailableReplicas": 1 - available, "conditions": [{"type": "Available", "status": if available == 1 { "True" } else { "False" }}]})
    };
    fake.on_write(move |object| {
        if object["kind"] == "Deployment" {
            object["metadata"]["generation"] = 1.into();
            object["metadata"]["uid"] = "web-uid".into();
            object["status"] = status(0);
        }
    });
    let set = json!({"metadata": {"name": "web-1", "uid": "set-uid", "ownerReferences": [{"uid": "web-uid", "controller": true}]}});
    fake.put("/apis/apps/v1/namespaces/ns/replicasets/web-1", set);
    let pod = json!({"metadata": {"name": "web-1-x", "namespace": "ns", "uid": "pod-uid", "ownerReferences": [{"uid": "set-uid"}]},
        "spec": {"containers": [{"name": "web"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "web", "restartCount": 0, "ready": false, "state": {"running": {}}}]}});
    fake.put("/api/v1/namespaces/ns/pods/web-1-x", pod.clone());
    let server = fake.clone();
    tokio::spawn(async move {
        let asked = |words: &str| server.requests().iter().any(|line| line.contains(words));
        while !asked("/pods?watch") || (pod_logs && !asked("/log")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The pod is seen once more before its owner is ready.
        server.put("/api/v1/namespaces/ns/pods/web-1-x", pod);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut object = server.get("/apis/apps/v1/namespaces/ns/deployments/web").unwrap();
        object["status"] = status(1);
        server.put("/apis/apps/v1/namespaces/ns/deployments/web", object);
    });
}

/// Deploys one Deployment whose pod runs and prints; gives what was shown of it and whether its log was asked for.
async fn logs_shown(pod_logs: bool) -> (Vec<String>, bool) {
    let (fake, client) = start().await;
    run_pod(&fake, pod_logs);
    fake.log("web-1-x/web", "listening\n");
    let (events, mut received) = Events::channel();
    let options = DeployOptions { pod_logs, ..Default::default() };
    let prepared = prepare(&client, desired(&[deployment()]), load_history(&client, "ns", "app").await.unwrap()).await.unwrap();
    deploy(&client, prepared, &options, &events, &CancellationToken::new()).await.unwrap();
    drop(events);
    let mut lines = Vec::new();
    while let Some(event) = received.recv().await {
        if let Event::PodPrinted { pod, line, .. } = event {
            lines.push(format!("{pod}: {line}"));
        }
    }
    (lines, fake.requests().iter().any(|line| line.contains("/log")))
}

#[tokio::test]
async fn logs_are_followed_unless_nobody_wants_them() {
    assert_eq!(logs_shown(true).await, (vec!["web-1-x: listening".to_owned()], true));
    assert_eq!(logs_shown(false).await, (vec![], false));
}

#[tokio::test]
async fn a_container_that_prints_without_end_is_read_as_fast_as_it_is_drawn() {
    const LINES: usize = 3000;
    let (fake, client) = start().await;
    run_pod(&fake, true);
    let sent = fake.flood("web-1-x/web", LINES);
    let prepared = prepare(&client, desired(&[deployment()]), load_history(&client, "ns", "app").await.unwrap()).await.unwrap();
    let (events, mut received) = Events::channel();
    let deployment = async move {
        deploy(&client, prepared, &DeployOptions::default(), &events, &CancellationToken::new()).await.unwrap();
    };
    tokio::join!(deployment, draw_late(LINES, &sent, &mut received));
}

/// Draws nothing of a flood before the server cannot send any more, and then all of it.
async fn draw_late(lines: usize, sent: &AtomicUsize, received: &mut Facts) {
    let (mut before, mut same) = (0, 0);
    while same < 40 && before < lines {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let now = sent.load(Ordering::Relaxed);
        same = if now == before && now > 0 { same + 1 } else { 0 };
        before = now;
    }
    // what buffers of the system hold is some megabytes; the rest of 180 MB is still to be printed
    assert!(before < lines / 2, "{before} lines of 60,000 bytes were taken");
    let mut seen = 0;
    while let Some(event) = received.recv().await {
        if let Event::PodPrinted { line, .. } = event {
            let number = line.split(' ').next().unwrap_or_default().to_owned();
            assert_eq!((number, line.len()), (seen.to_string(), fake::FLOOD_LINE));
            seen += 1;
        }
    }
    assert_eq!(seen, lines, "nothing is lost");
}
