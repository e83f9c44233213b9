//! Accounts that may do only some things, and the ways to say who one is.

use base64::Engine;

use crate::testbed::{App, Needs, WEB, assert_says};

const CHART: &[(&str, &str)] = &[
    ("werf.yaml", "project: shop\nconfigVersion: 1\n"),
    (".helm/templates/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {tone: {{ .Values.tone }}}\n"),
    WEB,
    (
        ".helm/templates/hook.yaml",
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: hook, annotations: {helm.sh/hook: 'pre-install,pre-upgrade'}}
",
    ),
];

/// The namespace exists, and the account `dev` has this role in it and nothing anywhere else.
fn app(role: &str) -> App {
    let app = App::new(Needs::Cluster, CHART);
    app.program("kubectl", &["create", "namespace", &app.namespace]);
    app.kubectl(&["create", "rolebinding", "dev", "--user=dev", &format!("--clusterrole={role}")]);
    app
}

fn dev(app: &App) -> String {
    app.testbed.run.join("dev.kubeconfig").to_string_lossy().into_owned()
}

#[test]
fn rights_in_one_namespace_are_enough() {
    let app = app("admin");
    let dev = dev(&app);
    for (tone, told) in [("low", "revision 1"), ("high", "revision 2"), ("high", "nothing to do")] {
        let printed = app.werf(&["converge", "--kube-config", &dev, "--set", &format!("tone={tone}")]);
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        assert_says(&printed.stderr, &[told]);
    }
    app.sandbox.git(&["rm", "-q", ".helm/templates/web.yaml"]);
    app.commit(&[]);
    let printed = app.werf(&["converge", "--kube-config", &dev, "--set", "tone=high"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert_says(&printed.stderr, &["Deleted Deployment/web"]);
    let dismissed = app.werf(&["dismiss", "--kube-config", &dev]);
    assert_eq!(dismissed.code, 0, "{}", dismissed.stderr);
    assert_eq!(app.kubectl(&["get", "configmap", "settings", "--ignore-not-found", "-o", "name"]), "");
}

#[test]
fn rights_to_look_are_not_enough_and_it_says_for_what() {
    let app = app("view");
    let printed = app.werf(&["converge", "--kube-config", &dev(&app), "--set", "tone=low"]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(
        &printed.stderr,
        &["error: the Kubernetes API server https://127.0.0.1:", "forbids to list secrets", "User \"dev\"", "help: "],
    );
    assert_eq!(app.kubectl(&["get", "configmap", "settings", "--ignore-not-found", "-o", "name"]), "");
}

#[test]
fn a_kind_that_one_may_not_make_is_told_before_anything_is_made() {
    let app = app("edit");
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: more}\nrules: []\n";
    app.commit(&[(".helm/templates/role.yaml", role)]);
    let printed = app.werf(&["converge", "--kube-config", &dev(&app), "--set", "tone=low"]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_says(&printed.stderr, &["roles.rbac.authorization.k8s.io", "(403)", "help: "]);
    assert_eq!(app.kubectl(&["get", "configmap", "settings", "--ignore-not-found", "-o", "name"]), "", "nothing was made");
}

#[test]
fn a_service_account_by_flags_alone() {
    let app = app("view");
    app.kubectl(&["create", "serviceaccount", "robot"]);
    let subject = format!("--serviceaccount={}:robot", app.namespace);
    app.kubectl(&["create", "rolebinding", "robot", "--clusterrole=admin", &subject]);
    let token = app.kubectl(&["create", "token", "robot"]).trim().to_owned();
    let server = app.kubectl(&["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"]);
    let ca = app.testbed.run.join("pki/ca.crt").to_string_lossy().into_owned();
    let flags = ["converge", "--set", "tone=low", "--kube-api-server", &server, "--kube-ca-path", &ca];
    let none = [("KUBECONFIG", "/nowhere")];

    let printed = app.werf_with(&[&flags[..], &["--kube-token", &token, "--log-debug"]].concat(), &none);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(!printed.stderr.contains(&token), "{}", printed.stderr);

    let wrong = app.werf_with(&[&flags[..], &["--kube-token", "no-such-token"]].concat(), &none);
    assert_eq!(wrong.code, 1, "{}", wrong.stderr);
    assert_says(&wrong.stderr, &["does not accept the credentials (401)", "help: "]);

    let stranger = app.werf_with(&["converge", "--set", "tone=low", "--kube-api-server", &server, "--kube-token", &token], &none);
    assert_eq!(stranger.code, 1, "{}", stranger.stderr);
    assert_says(&stranger.stderr, &["no secure connection to the Kubernetes API server", "--kube-ca-path"]);
}

#[test]
fn a_kubeconfig_in_base64() {
    let app = app("view");
    let text = std::fs::read(app.testbed.run.join("admin.kubeconfig")).expect("a kubeconfig");
    let text = base64::engine::general_purpose::STANDARD.encode(text);
    let printed = app.werf_with(&["converge", "--set", "tone=low"], &[("KUBECONFIG", "/nowhere"), ("WERF_KUBE_CONFIG_BASE64", &text)]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}

#[test]
fn a_converge_with_nothing_to_do_only_reads() {
    let app = app("admin");
    for _ in 0..2 {
        let printed = app.werf(&["converge", "--set", "tone=low", "--log-debug"]);
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        let requests: Vec<&str> = printed.stderr.lines().filter(|line| line.contains(" request ") && line.contains("/api")).collect();
        if printed.stderr.contains("nothing to do") {
            assert!(requests.iter().all(|line| line.contains(": GET ") && !line.contains("watch=")), "{requests:#?}");
            // the list of revisions, the newest one, and one read for each kind
            assert_eq!(requests.len(), 4, "{requests:#?}");
            return;
        }
        assert!(requests.iter().any(|line| line.contains(": PATCH ")), "{requests:#?}");
    }
    panic!("the second run found something to do");
}

#[test]
fn who_acts_as_somebody_else_may_do_what_they_may() {
    let app = app("view");
    for flags in [&["--kube-impersonate-user", "dev"][..], &["--kube-impersonate-user", "nobody", "--kube-impersonate-group", "guests"]] {
        let printed = app.werf(&[&["converge", "--set", "tone=low"], flags].concat());
        assert_eq!(printed.code, 1, "{}", printed.stderr);
        assert_says(&printed.stderr, &["forbids to list secrets", &format!("User \"{}\"", flags[1])]);
    }
    let masters = ["--kube-impersonate-user", "nobody", "--kube-impersonate-group", "system:masters"];
    let printed = app.werf(&[&["converge", "--set", "tone=low"], &masters[..]].concat());
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}

/// A kubeconfig whose user is a program that gives the administrator's certificate.
#[test]
fn a_certificate_of_a_program() {
    let app = app("view");
    let raw = |path: &str| app.kubectl(&["config", "view", "--raw", "-o", &format!("jsonpath={{{path}}}")]);
    let pem = |data: String| String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data).expect("base64")).expect("PEM");
    let status = serde_json::json!({
        "clientCertificateData": pem(raw(".users[0].user.client-certificate-data")),
        "clientKeyData": pem(raw(".users[0].user.client-key-data")),
    });
    let answer = serde_json::json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status});
    let exec = serde_json::json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "printenv", "args": ["ANSWER"],
        "interactiveMode": "IfAvailable", "env": [{"name": "ANSWER", "value": answer.to_string()}]});
    let cluster = serde_json::json!({"server": raw(".clusters[0].cluster.server"),
        "certificate-authority-data": raw(".clusters[0].cluster.certificate-authority-data")});
    let config = serde_json::json!({"apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": cluster}], "users": [{"name": "it", "user": {"exec": exec}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]});
    let path = app.sandbox.root().join("kubeconfig");
    std::fs::write(&path, config.to_string()).expect("a kubeconfig");
    let printed = app.werf(&["converge", "--set", "tone=low", "--kube-config", path.to_str().expect("a path")]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}
