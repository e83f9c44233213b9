use std::collections::HashMap;

use serde_json::{Value, json};

use super::*;
use crate::deploy::resource::{Owner, adopt, parse};

fn owner() -> Owner {
    Owner { release: "app".into(), namespace: "ns".into() }
}

fn resources(objects: &[Value]) -> Vec<Resource> {
    objects.iter().flat_map(|object| parse(object.clone(), "app/templates/x.yaml", "ns").unwrap()).collect()
}

fn object(kind: &str, name: &str, annotations: Value) -> Value {
    let api_version = match kind {
        "Deployment" | "StatefulSet" => "apps/v1",
        "Job" => "batch/v1",
        "CustomResourceDefinition" => "apiextensions.k8s.io/v1",
        "Thing" => "example.com/v1",
        _ => "v1",
    };
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "annotations": annotations}})
}

fn live_of(objects: &[Value]) -> Live {
    resources(objects)
        .into_iter()
        .map(|mut resource| {
            adopt(&mut resource.object, &owner());
            (resource.id.identity(), resource.object)
        })
        .collect()
}

struct Case {
    action: Action,
    desired: Vec<Value>,
    previous: Vec<Value>,
    live: Live,
    dry_runs: HashMap<Identity, DryRun>,
    reason: Option<String>,
    retrack: bool,
}

impl Case {
    fn new(desired: &[Value]) -> Self {
        Case {
            action: Action::Install,
            desired: desired.to_vec(),
            previous: Vec::new(),
            live: Live::new(),
            dry_runs: HashMap::new(),
            reason: Some("it is the first revision".into()),
            retrack: false,
        }
    }

    fn plan(&self) -> Result<Plan, Vec<PlanError>> {
        make(&Input {
            action: self.action,
            owner: &owner(),
            desired: &resources(&self.desired),
            previous: &resources(&self.previous),
            live: &self.live,
            dry_runs: &self.dry_runs,
            release_reason: self.reason.clone(),
            retrack: self.retrack,
            force_adoption: false,
        })
    }
}

/// One line per operation: its number, what it does, and what it waits for.
fn graph(plan: &Plan) -> String {
    let name = |operation: &Operation| {
        let resource = operation.resource.map(|index| plan.resources[index].id.to_string()).unwrap_or_default();
        match &operation.verb {
            Verb::Join(name) => format!("-- {name}"),
            Verb::Track(state) => format!("track {state:?} {resource}"),
            Verb::Await(external) => format!("await {}/{} for {resource}", external.kind, external.name),
            verb => format!("{verb:?} {resource}"),
        }
    };
    plan.operations.iter().enumerate().map(|(index, operation)| format!("{index} {} {:?}\n", name(operation), operation.after)).collect()
}

#[test]
fn stages_weights_and_kinds_give_the_order() {
    let plan = Case::new(&[
        object("Deployment", "web", json!({})),
        object("ConfigMap", "cfg", json!({})),
        object("Secret", "sec", json!({})),
        object("CustomResourceDefinition", "things", json!({})),
        object("Deployment", "db", json!({"werf.io/weight": "-1"})),
        object("Job", "migrate", json!({"helm.sh/hook": "pre-install", "helm.sh/hook-delete-policy": "hook-succeeded"})),
        object("Job", "notify", json!({"helm.sh/hook": "post-install"})),
        object("Job", "other", json!({"helm.sh/hook": "pre-upgrade,test"})),
    ])
    .plan()
    .unwrap();
    insta::assert_snapshot!(graph(&plan), @r"
    0 Create CustomResourceDefinition/things []
    1 track Ready CustomResourceDefinition/things [0]
    2 Create Job/migrate [1]
    3 track Ready Job/migrate [2]
    4 Delete Job/migrate [3]
    5 track Absent Job/migrate [4]
    6 Create Deployment/db [5]
    7 track Ready Deployment/db [6]
    8 Create ConfigMap/cfg [7]
    9 track Ready ConfigMap/cfg [8]
    10 Create Secret/sec [7]
    11 track Ready Secret/sec [10]
    12 -- applied [8, 10]
    13 Create Deployment/web [12]
    14 track Ready Deployment/web [13]
    15 -- objects [9, 11, 14]
    16 Create Job/notify [15]
    17 track Ready Job/notify [16]
    ");
}

#[test]
fn declared_dependencies_leave_the_weights() {
    let mut web = object(
        "Deployment",
        "web",
        json!({
            "werf.io/deploy-dependency-db": "state=ready,kind=StatefulSet,name=db",
            "cache.external-dependency.werf.io/resource": "deployments.v1.apps/cache",
        }),
    );
    web["spec"] = json!({"template": {"spec": {"containers": [{"name": "web", "envFrom": [{"configMapRef": {"name": "cfg"}}]}]}}});
    let desired = [web, object("StatefulSet", "db", json!({"werf.io/weight": "5"})), object("ConfigMap", "cfg", json!({}))];
    insta::assert_snapshot!(graph(&Case::new(&desired).plan().unwrap()), @r"
    0 Create ConfigMap/cfg []
    1 track Ready ConfigMap/cfg [0]
    2 Create StatefulSet/db [1]
    3 track Ready StatefulSet/db [2]
    4 await deployments/cache for Deployment/web []
    5 Create Deployment/web [0, 3, 4]
    6 track Ready Deployment/web [5]
    7 -- objects [3, 6]
    ");

    let desired = [
        object("Deployment", "a", json!({"werf.io/deploy-dependency-x": "state=ready,kind=Deployment,name=b"})),
        object("Deployment", "b", json!({"werf.io/deploy-dependency-x": "state=present,name=a"})),
    ];
    let errors = Case::new(&desired).plan().unwrap_err();
    assert_eq!(errors[0].to_string(), "these objects wait for one another: Deployment/a → Deployment/b → Deployment/a");

    let desired = [object("Deployment", "a", json!({"werf.io/deploy-dependency-x": "state=ready,kind=Job,name=none"}))];
    assert_eq!(
        Case::new(&desired).plan().unwrap().warnings,
        ["Deployment/a waits for Job/none (werf.io/deploy-dependency-x), and there is no such object at the same stage"]
    );
}

#[test]
fn dropped_objects_go_last_and_users_before_what_they_use() {
    let kept = object("ConfigMap", "kept", json!({"helm.sh/resource-policy": "keep"}));
    let gone = [object("ConfigMap", "cfg", json!({})), object("Deployment", "web", json!({})), object("Thing", "thing", json!({})), kept];
    let mut case = Case::new(&[object("ConfigMap", "new", json!({}))]);
    case.action = Action::Upgrade;
    case.previous = gone.to_vec();
    case.live = live_of(&gone);
    let foreign = object("Secret", "foreign", json!({}));
    case.previous.push(foreign.clone());
    case.live.extend(resources(&[foreign]).into_iter().map(|resource| (resource.id.identity(), resource.object)));
    let plan = case.plan().unwrap();
    insta::assert_snapshot!(graph(&plan), @r"
    0 Create ConfigMap/new []
    1 track Ready ConfigMap/new [0]
    2 Delete Thing/thing [1]
    3 track Absent Thing/thing [2]
    4 Delete Deployment/web [3]
    5 track Absent Deployment/web [4]
    6 Delete ConfigMap/cfg [5]
    7 track Absent ConfigMap/cfg [6]
    ");
    assert_eq!(plan.warnings, ["Secret/foreign is no longer in the chart; it is left alone, since it does not carry this release's marks"]);
}

/// A live object as a server shows it after our apply.
fn applied(mut object: Value, fields: Value) -> Value {
    object["metadata"]["managedFields"] = json!([{"manager": "helm", "operation": "Apply", "apiVersion": object["apiVersion"], "fieldsType": "FieldsV1", "fieldsV1": fields}]);
    object["metadata"]["uid"] = "1".into();
    object
}

#[test]
fn settled_means_wanted_live_ours_and_nothing_more() {
    let desired = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "annotations": {"ci.werf.io/commit": "b"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}], "externalIPs": ["1.1.1.1"]}});
    let live = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "annotations": {"ci.werf.io/commit": "a", "theirs": "1"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "externalIPs": ["1.1.1.1"], "type": "ClusterIP"}});
    let fields = json!({
        "f:metadata": {"f:annotations": {"f:ci.werf.io/commit": {}}},
        "f:spec": {"f:selector": {}, "f:externalIPs": {}, "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}},
    });
    assert!(is_settled(&desired, &applied(live.clone(), fields.clone()), None));

    // Each change of one side alone unsettles it.
    type Change = fn(&mut Value, &mut Value, &mut Value);
    let changes: [(&str, Change); 9] = [
        ("another value", |desired, _, _| desired["spec"]["selector"]["app"] = "api".into()),
        ("a drifted value", |_, live, _| live["spec"]["externalIPs"] = json!(["2.2.2.2"])),
        ("a new field", |desired, _, _| desired["spec"]["type"] = "ClusterIP".into()),
        ("a field that is no longer wanted", |desired, _, _| drop(desired["spec"].as_object_mut().unwrap().remove("externalIPs"))),
        ("a second port", |desired, _, _| desired["spec"]["ports"] = json!([{"port": 80}, {"port": 81}])),
        ("a port with a name", |desired, _, _| desired["spec"]["ports"][0]["name"] = "http".into()),
        ("a field that somebody took", |_, _, fields| drop(fields["f:spec"].as_object_mut().unwrap().remove("f:selector"))),
        ("a label", |desired, _, _| desired["metadata"]["labels"] = json!({"a": "b"})),
        ("a deletion", |_, live, _| live["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into()),
    ];
    for (name, change) in changes {
        let (mut desired, mut live, mut fields) = (desired.clone(), live.clone(), fields.clone());
        change(&mut desired, &mut live, &mut fields);
        assert!(!is_settled(&desired, &applied(live, fields), None), "{name}");
    }
    assert!(!is_settled(&desired, &live, None), "nothing is ours");
    let mut helm3 = applied(live, fields);
    helm3["metadata"]["managedFields"].as_array_mut().unwrap().push(json!({"manager": "helm", "operation": "Update", "fieldsV1": {}}));
    assert!(!is_settled(&desired, &helm3, None), "an older tool wrote too");
}

#[test]
fn a_plan_without_changes_is_empty_and_runs_no_hooks() {
    let desired = [object("ConfigMap", "cfg", json!({})), object("Job", "migrate", json!({"helm.sh/hook": "pre-upgrade"}))];
    let mut case = Case::new(&desired);
    case.action = Action::Upgrade;
    case.reason = None;
    case.previous = vec![desired[0].clone()];
    let fields = json!({"f:metadata": {
        "f:annotations": {"f:meta.helm.sh/release-name": {}, "f:meta.helm.sh/release-namespace": {}},
        "f:labels": {"f:app.kubernetes.io/managed-by": {}},
    }});
    case.live = live_of(&desired[..1]).into_iter().map(|(id, live)| (id, applied(live, fields.clone()))).collect();
    let plan = case.plan().unwrap();
    assert!(plan.is_empty(), "{}", to_text(&plan, &Shown::default()));
    assert_eq!(undecided(&resources(&desired), &case.live, &owner()).len(), 0);
    assert_eq!(to_text(&plan, &Shown::default()), "Nothing to do: release app is as wanted (1 objects).\n");

    case.retrack = true;
    case.reason = Some("revision 1 is failed".into());
    insta::assert_snapshot!(graph(&case.plan().unwrap()), @r"
    0 Create Job/migrate []
    1 track Ready Job/migrate [0]
    2 track Ready ConfigMap/cfg [1]
    ");
}

#[test]
fn dry_runs_decide() {
    let desired = [object("ConfigMap", "cfg", json!({}))];
    let identity = resources(&desired)[0].id.identity();
    let mut case = Case::new(&desired);
    case.previous = desired.to_vec();
    case.live = live_of(&desired);
    let live = case.live[&identity].clone();
    let mut changed = live.clone();
    changed["data"] = json!({"a": "1"});
    let mut renewed = live.clone();
    renewed["metadata"]["resourceVersion"] = "2".into();
    renewed["metadata"]["annotations"]["ci.werf.io/commit"] = "abc".into();
    for (answer, verbs) in [
        (DryRun::Would(live), vec![]),
        (DryRun::Would(renewed), vec![]),
        (DryRun::Would(changed), vec![Verb::Update]),
        (DryRun::Unknown("a webhook does not answer".into()), vec![Verb::Update]),
    ] {
        case.dry_runs = HashMap::from([(identity.clone(), answer)]);
        let plan = case.plan().unwrap();
        let found: Vec<Verb> =
            plan.operations.into_iter().map(|operation| operation.verb).filter(|verb| !matches!(verb, Verb::Track(_))).collect();
        assert_eq!(found, verbs);
    }
    for (answer, message) in [
        (DryRun::Rejected("no".into()), "the cluster rejects ConfigMap/cfg (app/templates/x.yaml): no"),
        (DryRun::Immutable("data is fixed".into()), "ConfigMap/cfg (app/templates/x.yaml) changes what cannot be changed: data is fixed"),
    ] {
        case.dry_runs = HashMap::from([(identity.clone(), answer)]);
        assert_eq!(case.plan().unwrap_err()[0].to_string(), message);
    }
}

#[test]
fn what_belongs_to_others_is_an_error() {
    let desired = [object("ConfigMap", "cfg", json!({})), object("ConfigMap", "cfg", json!({}))];
    let mut case = Case::new(&desired);
    let resource = resources(&desired[..1]).remove(0);
    let mut live = resource.object.clone();
    adopt(&mut live, &Owner { release: "other".into(), namespace: "there".into() });
    case.live.insert(resource.id.identity(), live);
    let errors: Vec<String> = case.plan().unwrap_err().iter().map(ToString::to_string).collect();
    let foreign = "ConfigMap/cfg (app/templates/x.yaml) exists and belongs to release `other` in namespace `there`";
    assert_eq!(errors, ["ConfigMap/cfg is described twice: by app/templates/x.yaml and by app/templates/x.yaml", foreign, foreign,]);
}

#[test]
fn secrets_are_masked_in_every_form() {
    let mut secret = object("Secret", "sec", json!({}));
    secret["data"] = json!({"changed": "bmV3", "same": "c2FtZQ==", "added": "YWRk"});
    let mut config = object("ConfigMap", "cfg", json!({"werf.io/sensitive-paths": "$.data['token']"}));
    config["data"] = json!({"token": "t0ken", "open": "new"});
    let desired = [secret, config];
    let mut case = Case::new(&desired);
    case.previous = desired.to_vec();
    let mut before = desired.clone();
    before[0]["data"] = json!({"changed": "b2xk", "same": "c2FtZQ=="});
    before[1]["data"] = json!({"token": "old-t0ken", "open": "old"});
    case.live = live_of(&before);
    case.dry_runs = live_of(&desired).into_iter().map(|(id, object)| (id, DryRun::Would(object))).collect();
    let plan = case.plan().unwrap();
    let text = to_text(&plan, &Shown::default());
    for secret in ["bmV3", "b2xk", "c2FtZQ", "YWRk", "t0ken"] {
        assert!(!text.contains(secret) && !to_json(&plan, &Shown::default()).to_string().contains(secret), "{secret} in\n{text}");
    }
    insta::assert_snapshot!(text, @r"
    ~ update Secret/sec: data.added, data.changed changed
        @@ -1,6 +1,7 @@
         apiVersion: v1
         data:
        -  changed: '*** (before)'
        +  added: '***'
        +  changed: '*** (after)'
           same: '***'
         kind: Secret
         metadata:
    ~ update ConfigMap/cfg: data.open, data.token changed
        @@ -1,7 +1,7 @@
         apiVersion: v1
         data:
        -  open: old
        -  token: '*** (before)'
        +  open: new
        +  token: '*** (after)'
         kind: ConfigMap
         metadata:
           annotations:
    ~ release app: it is the first revision
    Plan: 0 to create, 2 to update, 0 to recreate, 0 to delete, 0 unchanged.
    ");
}

#[test]
fn fields_of_older_tools_become_ours() {
    let fields = json!({"f:data": {".": {}, "f:old": {}, "f:new": {}}});
    let mut live = object("ConfigMap", "cfg", json!({}));
    live["data"] = json!({"old": "1", "new": "2"});
    live["metadata"]["managedFields"] = json!([
        {"manager": "helm", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields},
        {"manager": "controller", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:x": {}}},
    ]);
    let after = super::managed::takeover(&live).unwrap();
    let managers: Vec<String> =
        after.as_array().unwrap().iter().map(|entry| format!("{} {}", entry["manager"], entry["operation"])).collect();
    assert_eq!(managers, ["\"controller\" \"Update\"", "\"helm\" \"Apply\""]);
    assert_eq!(after[1]["fieldsV1"], fields);

    // The chart dropped `old`: the dry run, which cannot know, still shows it.
    let mut desired = object("ConfigMap", "cfg", json!({}));
    desired["data"] = json!({"new": "2"});
    let mut previous = desired.clone();
    previous["data"]["old"] = "1".into();
    let mut case = Case::new(&[desired.clone()]);
    case.previous = vec![previous];
    let id = resources(&[desired])[0].id.identity();
    case.live = HashMap::from([(id.clone(), live.clone())]);
    case.dry_runs = HashMap::from([(id, DryRun::Would(live))]);
    let plan = case.plan().unwrap();
    assert_eq!(plan.operations[0].reason, "data.old changed");
}

#[test]
fn removal_runs_hooks_around_deletions() {
    let objects = [
        object("Deployment", "web", json!({})),
        object("ConfigMap", "cfg", json!({})),
        object("ConfigMap", "kept", json!({"helm.sh/resource-policy": "keep"})),
        object("Job", "bye", json!({"helm.sh/hook": "pre-delete"})),
        object("Job", "migrate", json!({"helm.sh/hook": "pre-install"})),
    ];
    let mut live = live_of(&objects);
    live.retain(|id, _| id.name != "bye");
    let plan = removal(&owner(), &resources(&objects), &live, true).unwrap();
    insta::assert_snapshot!(graph(&plan), @r"
    0 Create Job/bye []
    1 track Ready Job/bye [0]
    2 Delete Deployment/web [1]
    3 track Absent Deployment/web [2]
    4 Delete ConfigMap/cfg [3]
    5 track Absent ConfigMap/cfg [4]
    6 Delete Job/migrate [5]
    7 track Absent Job/migrate [6]
    ");
    assert_eq!(plan.warnings, ["ConfigMap/kept stays: its policy is to be kept"]);
}

#[test]
fn what_is_deleted_once_it_succeeded_stays_until_its_stage_has_ended() {
    let policy = |weight: &str| json!({"helm.sh/hook": "pre-install", "helm.sh/hook-weight": weight, "helm.sh/hook-delete-policy": "hook-succeeded"});
    let mut kept = policy("-5");
    kept["werf.io/resource-policy"] = "skip-delete".into();
    let plan = Case::new(&[
        object("ServiceAccount", "setup", policy("-5")),
        object("Secret", "stays", kept),
        object("Job", "setup", policy("0")),
        object("ConfigMap", "app", json!({})),
    ])
    .plan()
    .unwrap();
    insta::assert_snapshot!(graph(&plan), @r"
    0 Create ServiceAccount/setup []
    1 track Ready ServiceAccount/setup [0]
    2 Create Secret/stays []
    3 track Ready Secret/stays [2]
    4 -- applied [0, 2]
    5 -- pre-hooks [1, 3]
    6 Create Job/setup [5]
    7 track Ready Job/setup [6]
    8 Delete ServiceAccount/setup [7]
    9 track Absent ServiceAccount/setup [8]
    10 Delete Job/setup [7]
    11 track Absent Job/setup [10]
    12 -- pre-hooks [9, 11]
    13 Create ConfigMap/app [12]
    14 track Ready ConfigMap/app [13]
    ");
}

#[test]
fn a_hook_of_two_moments_runs_at_both() {
    let hook = |kind: &str, annotations: Value| object(kind, &kind.to_lowercase(), annotations);
    let plan = Case::new(&[
        hook("Job", json!({"helm.sh/hook": "pre-install,post-install"})),
        hook("Secret", json!({"werf.io/deploy-on": "pre-install,install,post-install", "werf.io/delete-policy": "failed"})),
    ])
    .plan()
    .unwrap();
    insta::assert_snapshot!(graph(&plan), @r"
    0 Create Secret/secret []
    1 track Ready Secret/secret [0]
    2 Create Job/job [0]
    3 track Ready Job/job [2]
    4 -- pre-hooks [1, 3]
    5 Update Secret/secret [4]
    6 track Ready Secret/secret [5]
    7 Update Secret/secret [6]
    8 track Ready Secret/secret [7]
    9 Recreate Job/job [7]
    10 track Ready Job/job [9]
    11 -- post-hooks [8, 10]
    ");
}

#[test]
fn what_is_made_anew_each_time_is_so_without_a_change() {
    let fields = json!({"f:metadata": {
        "f:annotations": {"f:meta.helm.sh/release-name": {}, "f:meta.helm.sh/release-namespace": {}, "f:werf.io/delete-policy": {}},
        "f:labels": {"f:app.kubernetes.io/managed-by": {}},
    }});
    for (policies, expect) in [
        (json!({"werf.io/delete-policy": "before-creation"}), "0 Recreate Job/migrate []\n1 track Ready Job/migrate [0]\n"),
        (json!({"werf.io/delete-policy": "before-creation", "werf.io/resource-policy": "skip-recreate"}), ""),
        (json!({"werf.io/delete-policy": "before-creation-if-immutable"}), ""),
    ] {
        let desired = [object("Job", "migrate", policies.clone())];
        let mut case = Case::new(&desired);
        case.action = Action::Upgrade;
        case.reason = None;
        case.previous = desired.to_vec();
        let mut fields = fields.clone();
        if policies["werf.io/resource-policy"].is_string() {
            fields["f:metadata"]["f:annotations"]["f:werf.io/resource-policy"] = json!({});
        }
        case.live = live_of(&desired).into_iter().map(|(id, live)| (id, applied(live, fields.clone()))).collect();
        assert_eq!(graph(&case.plan().unwrap()), expect, "{policies}");
    }
}

#[test]
fn what_leaves_goes_first_where_it_has_what_another_object_needs() {
    let service = |name: &str| {
        let mut service = object("Service", name, json!({}));
        service["spec"] = json!({"ports": [{"port": 80, "nodePort": 30080}]});
        service
    };
    let mut case = Case::new(&[service("new"), object("ConfigMap", "cfg", json!({}))]);
    case.action = Action::Upgrade;
    case.previous = vec![service("old"), object("Secret", "also", json!({}))];
    case.live = live_of(&case.previous);
    let taken = DryRun::Rejected("spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated".into());
    case.dry_runs = resources(&[service("new")]).into_iter().map(|resource| (resource.id.identity(), taken.clone())).collect();
    insta::assert_snapshot!(graph(&case.plan().unwrap()), @r"
    0 Delete Service/old []
    1 track Absent Service/old [0]
    2 Create ConfigMap/cfg [1]
    3 track Ready ConfigMap/cfg [2]
    4 Create Service/new [2]
    5 track Ready Service/new [4]
    6 -- objects [3, 5]
    7 Delete Secret/also [6]
    8 track Absent Secret/also [7]
    ");
    case.previous.remove(0);
    assert!(case.plan().is_err(), "nothing of ours is in the way");
}

#[test]
fn marks_on_live_objects_and_ownership_decide_what_is_deleted() {
    let hook = |name: &str, annotations: Value| {
        let mut annotations = annotations;
        annotations["helm.sh/hook"] = "post-install".into();
        object("Secret", name, annotations)
    };
    let gone = [
        object("ConfigMap", "plain", json!({})),
        object("ConfigMap", "marked", json!({})),
        object("ConfigMap", "anyones", json!({"werf.io/ownership": "anyone"})),
        hook("hook", json!({})),
        hook("owned-hook", json!({"werf.io/ownership": "release"})),
        object("Namespace", "ns", json!({})),
    ];
    let mut live = live_of(&gone);
    for (id, object) in &mut live {
        if id.name == "marked" {
            object["metadata"]["annotations"]["werf.io/resource-policy"] = "skip-update, skip-delete".into();
        }
    }
    let mut case = Case::new(&[]);
    case.action = Action::Upgrade;
    case.previous = gone.to_vec();
    case.live = live.clone();
    insta::assert_snapshot!(graph(&case.plan().unwrap()), @r"
    0 Delete ConfigMap/plain []
    1 track Absent ConfigMap/plain [0]
    2 Delete Secret/owned-hook []
    3 track Absent Secret/owned-hook [2]
    4 -- deletions [1, 3]
    ");
    let removed = removal(&owner(), &resources(&gone), &live, false).unwrap();
    assert_eq!(graph(&removed), graph(&case.plan().unwrap()));
    assert_eq!(removed.warnings, ["ConfigMap/marked stays: its policy is to be kept", "Namespace/ns stays: its policy is to be kept"]);
}

#[test]
fn the_releases_own_namespace_may_be_in_the_chart() {
    let mut case = Case::new(&[object("Namespace", "ns", json!({}))]);
    let bare = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns"}});
    case.live = resources(std::slice::from_ref(&bare)).into_iter().map(|resource| (resource.id.identity(), bare.clone())).collect();
    assert_eq!(graph(&case.plan().unwrap()), "0 Update Namespace/ns []\n1 track Ready Namespace/ns [0]\n");
    let other = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}});
    case.desired = vec![object("Namespace", "other", json!({}))];
    case.live = resources(std::slice::from_ref(&other)).into_iter().map(|resource| (resource.id.identity(), other.clone())).collect();
    assert_eq!(case.plan().unwrap_err()[0].to_string(), "Namespace/other (app/templates/x.yaml) exists and belongs to no release");
}

#[test]
fn what_is_shown_of_differences_is_for_the_user_to_say() {
    let mut secret = object("Secret", "sec", json!({}));
    secret["data"] = json!({"a": "bmV3"});
    let desired = [
        secret,
        object("ConfigMap", "steered", json!({"werf.io/weight": "2", "helm.sh/resource-policy": "keep"})),
        object("ConfigMap", "new", json!({"werf.io/weight": "2"})),
        object("CustomResourceDefinition", "things", json!({})),
    ];
    let mut case = Case::new(&desired);
    case.previous = desired[..2].to_vec();
    let mut before = desired[..2].to_vec();
    before[0]["data"] = json!({"a": "b2xk"});
    before[1]["metadata"]["annotations"] = json!({"werf.io/weight": "1"});
    case.live = live_of(&before);
    case.dry_runs = live_of(&desired[..2]).into_iter().map(|(id, object)| (id, DryRun::Would(object))).collect();
    let plan = case.plan().unwrap();
    let text = |shown: Shown| to_text(&plan, &shown);
    insta::assert_snapshot!(text(Shown { context: 1, ..Shown::default() }), @r#"
    + create CustomResourceDefinition/things: it does not exist
        (not shown without --show-verbose-crd-diffs)
    ~ update Secret/sec: data.a changed
        @@ -2,3 +2,3 @@
         data:
        -  a: '*** (before)'
        +  a: '*** (after)'
         kind: Secret
    ~ update ConfigMap/steered: metadata.annotations.helm.sh/resource-policy, metadata.annotations.werf.io/weight changed
        (not shown without --show-insignificant-diffs)
    + create ConfigMap/new: it does not exist
        @@ -0,0 +1,11 @@
        +apiVersion: v1
        +kind: ConfigMap
        +metadata:
        +  annotations:
        +    meta.helm.sh/release-name: app
        +    meta.helm.sh/release-namespace: ns
        +    werf.io/weight: "2"
        +  labels:
        +    app.kubernetes.io/managed-by: Helm
        +  name: new
        +  namespace: ns
    ~ release app: it is the first revision
    Plan: 2 to create, 2 to update, 0 to recreate, 0 to delete, 0 unchanged.
    "#);
    let all = Shown { sensitive: true, verbose_definitions: true, insignificant: true, context: 0, verbose: false };
    insta::assert_snapshot!(text(all), @r#"
    + create CustomResourceDefinition/things: it does not exist
        (not shown without --show-verbose-diffs)
    ~ update Secret/sec: data.a changed
        @@ -3 +3 @@
        -  a: b2xk
        +  a: bmV3
    ~ update ConfigMap/steered: metadata.annotations.helm.sh/resource-policy, metadata.annotations.werf.io/weight changed
        @@ -4,0 +5 @@
        +    helm.sh/resource-policy: keep
        @@ -7 +8 @@
        -    werf.io/weight: "1"
        +    werf.io/weight: "2"
    + create ConfigMap/new: it does not exist
        (not shown without --show-verbose-diffs)
    ~ release app: it is the first revision
    Plan: 2 to create, 2 to update, 0 to recreate, 0 to delete, 0 unchanged.
    "#);
    let diffs = |shown: Shown| to_json(&plan, &shown)["operations"].to_string();
    assert!(!diffs(Shown::default()).contains("b2xk") && diffs(all).contains("b2xk"));
    assert!(!diffs(Shown::default()).contains("werf.io/weight: \\\"1\\\"") && diffs(all).contains("-    werf.io/weight"));
}

#[test]
fn final_states_need_not_be_waited_for() {
    let plan = Case::new(&[
        object("Deployment", "web", json!({})),
        object("ConfigMap", "cfg", json!({})),
        object("Job", "migrate", json!({"helm.sh/hook": "pre-install", "helm.sh/hook-delete-policy": "hook-succeeded"})),
        object("Job", "outside", json!({"other.external-dependency.werf.io/resource": "deployment/x", "werf.io/weight": "1"})),
    ])
    .plan()
    .unwrap();
    let short = plan.without_final_tracking();
    assert_eq!(short.counts(), plan.counts());
    insta::assert_snapshot!(graph(&short), @r"
    0 Create Job/migrate []
    1 track Ready Job/migrate [0]
    2 Delete Job/migrate [1]
    3 track Absent Job/migrate [2]
    4 Create ConfigMap/cfg [3]
    5 track Ready ConfigMap/cfg [4]
    6 Create Deployment/web [4]
    7 track Ready Deployment/web [6]
    8 -- objects [5, 7]
    9 await deployment/x for Job/outside [8]
    10 Create Job/outside [8, 9]
    ");
    assert_eq!(graph(&short.without_final_tracking()), graph(&short));
}

#[test]
fn a_plan_is_drawn_for_graphviz() {
    let desired = [
        object("Deployment", "web", json!({"werf.io/deploy-dependency-a": "state=ready,kind=ConfigMap"})),
        object("ConfigMap", "cfg", json!({})),
        object("Job", "migrate", json!({"helm.sh/hook": "pre-install", "x.external-dependency.werf.io/resource": "deployment/y"})),
    ];
    insta::assert_snapshot!(to_dot(&Case::new(&desired).plan().unwrap()), @r#"
    strict digraph {
    	rankdir="LR";
    	0 [label="await deployment/y"];
    	1 [label="create Job/migrate"];
    	2 [label="track readiness of Job/migrate"];
    	3 [label="create ConfigMap/cfg"];
    	4 [label="track readiness of ConfigMap/cfg"];
    	5 [label="create Deployment/web"];
    	6 [label="track readiness of Deployment/web"];
    	7 [label="end of objects"];
    	0 -> 1;
    	1 -> 2;
    	2 -> 3;
    	3 -> 4;
    	4 -> 5;
    	5 -> 6;
    	6 -> 7;
    }
    "#);
}
