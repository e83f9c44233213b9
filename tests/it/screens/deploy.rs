//! A deployment and other waits.

use std::os::unix::net::UnixListener;
use std::process::Command;

use serde_json::{Value, json};
use werf::deploy::cluster::{Acquired, Lock};
use werf::event::Events;

use super::super::deploy::fake::Fake;
use super::super::fake_registry::{FakeRegistry, Login, Trouble};
use super::super::sandbox::Sandbox;
use super::terminal::Terminal;
use super::{command, page};

const PAYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: payment}
spec:
  replicas: 2
  selector: {matchLabels: {app: payment}}
  template:
    metadata: {labels: {app: payment}}
    spec: {containers: [{name: app, image: 'r.io/payment:1'}]}
";

fn shop(templates: &str) -> Sandbox {
    Sandbox::commit(&[("werf.yaml", "project: shop\nconfigVersion: 1\n"), (".helm/templates/shop.yaml", templates)])
}

async fn cluster() -> Fake {
    let cluster = Fake::start().await;
    cluster.put("/api/v1/namespaces/shop", json!({"metadata": {"name": "shop"}}));
    cluster
}

fn converge(sandbox: &Sandbox, cluster: &Fake) -> Command {
    command(sandbox, &["converge", "--kube-api-server", &format!("http://{}", cluster.address)])
}

fn rollout(available: u32) -> Value {
    json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": available, "availableReplicas": available,
        "unavailableReplicas": 2 - available, "conditions": [{"type": "Available", "status": if available == 2 { "True" } else { "False" }}]})
}

/// A Deployment for whose pod no node has room.
async fn without_room() -> Fake {
    let cluster = cluster().await;
    cluster.on_write(|object| {
        if object["kind"] == "Deployment" {
            (object["metadata"]["generation"], object["metadata"]["uid"]) = (1.into(), "uid-payment".into());
            object["status"] = rollout(0);
        }
    });
    let set = json!({"metadata": {"name": "payment-1", "uid": "uid-set", "ownerReferences": [{"uid": "uid-payment", "controller": true}]}});
    cluster.put("/apis/apps/v1/namespaces/shop/replicasets/payment-1", set);
    let message = "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 No preemption victims found.";
    let scheduled = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message});
    let pod = json!({"metadata": {"name": "payment-1-x", "namespace": "shop", "uid": "uid-pod", "ownerReferences": [{"uid": "uid-set"}]},
        "spec": {"containers": [{"name": "app"}]}, "status": {"phase": "Pending", "conditions": [scheduled]}});
    cluster.put("/api/v1/namespaces/shop/pods/payment-1-x", pod);
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_a_wait_comes_first_at_every_width() {
    for columns in [40, 80, 100, 140] {
        let (cluster, sandbox) = (without_room().await, shop(PAYMENT));
        let mut terminal = Terminal::run(converge(&sandbox, &cluster), columns, 24);
        let screen = terminal.shows("Insufficient memory");
        match columns {
            40 => insta::assert_snapshot!(screen, @r"
             Planned 1 to create
             Created Deployment/payment
            waiting  Insufficient memory · T
            "),
            80 => insta::assert_snapshot!(screen, @r"
             Planned 1 to create
             Created Deployment/payment
            waiting  Insufficient memory · Deployment/payment · 0 of 2 ready · T
            "),
            100 => insta::assert_snapshot!(screen, @r"
             Planned 1 to create
             Created Deployment/payment
            waiting  Insufficient memory · Deployment/payment · 0 of 2 ready · pod payment-1-x · T
            "),
            _ => insta::assert_snapshot!(screen, @r"
             Planned 1 to create
             Created Deployment/payment
            waiting  Insufficient memory · Deployment/payment · 0 of 2 ready · pod payment-1-x · T
            "),
        }
        if columns == 100 {
            page::shows("deploy", &screen);
        }
        let path = "/apis/apps/v1/namespaces/shop/deployments/payment";
        let mut payment = cluster.get(path).expect("it was applied");
        payment["status"] = rollout(2);
        cluster.put(path, payment);
        let (code, all) = terminal.ended();
        assert!(code == Some(0) && !all.contains("waiting"), "{all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_deployment_is_waited_for_with_its_holder() {
    let (cluster, sandbox) = (cluster().await, shop("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"));
    let other = cluster.client().await;
    let held = Lock::acquire(&other, "shop", "shop", "ci@runner-7 (pid 12)", None, &Events::none()).await.expect("a lock");
    let Acquired::Held { lock, .. } = held else { panic!("{held:?}") };
    let mut terminal = Terminal::run(converge(&sandbox, &cluster), 100, 24);
    let screen = terminal.shows("    waiting  ");
    insta::assert_snapshot!(screen, @r"
     Planned 1 to create
     Warning release `shop` in namespace `shop` is being deployed by ci@runner-7 (pid 12): waiting for it to end
    waiting  for ci@runner-7 (pid 12) · end its deployment of release shop · T
    ");
    page::shows("lock", &screen);
    lock.release().await;
    let (code, all) = terminal.ended();
    assert!(code == Some(0) && !all.contains("    waiting  "), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builder_and_a_server_that_say_nothing_have_rows() {
    let registry = FakeRegistry::start(Login::Open).await;
    let sandbox = super::super::cli::app();
    let socket = sandbox.root().join("buildkitd.sock");
    let silent = UnixListener::bind(&socket).expect("a socket");
    let host = format!("unix://{}", socket.display());
    let mut terminal =
        Terminal::run(command(&sandbox, &["build", "--repo", &registry.repository("app"), "--buildkit-host", &host]), 100, 24);
    insta::assert_snapshot!(terminal.shows("    waiting  "), @r"
     Missing image web  HOST/app:DIGEST…
    waiting  for ENDPOINT · reach the builder · T
    ");
    drop((silent, terminal));

    registry.fault("HEAD /v2/app/manifests/", 9, Trouble::Hang);
    let mut terminal = Terminal::run(command(&sandbox, &["build", "--repo", &registry.repository("app")]), 100, 24);
    assert_eq!(terminal.shows("    waiting  "), "    waiting  for HOST · check image `HOST/app:DIGEST…` · T");
}

#[tokio::test(flavor = "multi_thread")]
async fn colour_and_movement_are_left_out_where_the_environment_says_so() {
    let (cluster, sandbox) = (without_room().await, shop(PAYMENT));
    let run = |variable: (&str, &str)| {
        let mut command = converge(&sandbox, &cluster);
        command.env(variable.0, variable.1);
        Terminal::run(command, 80, 24)
    };
    let colour = regex::Regex::new("\x1b\\[[0-9;]*m").expect("a pattern");
    let mut plain = run(("NO_COLOR", "1"));
    plain.shows("    waiting  Insufficient memory");
    assert!(!colour.is_match(&plain.written) && plain.written.contains("\x1b[?2026h"), "{:?}", plain.written);
    drop(plain);
    let mut dumb = run(("TERM", "dumb"));
    dumb.shows("Insufficient memory");
    assert!(!dumb.written.contains('\u{1b}'), "{:?}", dumb.written);
    drop(dumb);
    let mut usual = run(("LANG", "C.UTF-8"));
    usual.shows("    waiting  Insufficient memory");
    assert!(colour.is_match(&usual.written), "{:?}", usual.written);
    // what is between a begin and an end is shown at once
    let begun = usual.written.matches("\x1b[?2026h").count();
    assert!(begun > 0 && begun == usual.written.matches("\x1b[?2026l").count(), "{:?}", usual.written);
}
