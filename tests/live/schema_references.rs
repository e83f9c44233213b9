//! A values.schema.json that refers to schemas of servers: what the real helm makes of it.

use std::process::Command;

use crate::fake_registry::{FakeRegistry, Login, Trouble};
use crate::sandbox::Sandbox;
use crate::testbed::{Needs, testbed};

/// What a reference leads to, and whether the values `name: ab` fail against it. `SERVER` is one of ours.
const REFERENCES: &[(&str, bool)] = &[
    ("http://SERVER/name.json", true),
    ("http://SERVER/name.json#/definitions/number", true),
    ("http://SERVER/relative.json", true),
    ("http://SERVER/moved.json", true),
    ("http://SERVER/any.json", false),
    ("http://SERVER/circle.json", false),
    ("urn:example:schema", false),
    ("http://SERVER/absent.json", true),
    ("http://SERVER/broken.json", true),
    ("http://SERVER/name.json#/nowhere", true),
    ("http://127.0.0.1:9/name.json", true),
    ("https://SERVER/name.json", true),
    ("other.json", true),
    ("ftp://SERVER/name.json", true),
];

#[tokio::test(flavor = "multi_thread")]
async fn schemas_of_servers_are_followed_as_with_helm() {
    let server = FakeRegistry::start(Login::Open).await;
    let address = server.address.to_string();
    server.file("/name.json", r#"{"type": "string", "minLength": 3, "definitions": {"number": {"type": "integer"}}}"#);
    server.file("/relative.json", r#"{"$ref": "name.json"}"#);
    server.file("/any.json", "{}");
    server.file("/circle.json", r#"{"anyOf": [{"type": "string"}, {"$ref": "circle.json"}]}"#);
    server.file("/broken.json", "{");
    server.fault("GET /moved.json", usize::MAX, Trouble::Redirect(format!("http://{address}/name.json")));
    tokio::task::block_in_place(|| {
        let sandbox = Sandbox::empty();
        sandbox.write(&[
            ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
            ("web/values.yaml", "name: ab\n"),
            ("web/templates/a.yaml", "kind: A\n"),
        ]);
        for (reference, fails) in REFERENCES {
            let schema = format!(r#"{{"properties": {{"name": {{"$ref": "{}"}}}}}}"#, reference.replace("SERVER", &address));
            sandbox.write(&[("web/values.schema.json", &schema)]);
            for (helm, compat) in [("helm3", "3"), ("helm", "4")] {
                let theirs =
                    Command::new(testbed(Needs::Images).bin.join(helm)).args(["template", "web"]).current_dir(sandbox.app()).output();
                let theirs = theirs.expect("helm runs");
                server.take_log();
                let ours = sandbox.werf_with(&["helm", "template", "web"], &[("WERF_HELM_COMPAT", compat)]);
                let asked = server.take_log();
                let said = String::from_utf8_lossy(&theirs.stderr).into_owned();
                assert_eq!((theirs.status.success(), ours.code), (!fails, i32::from(*fails)), "{reference}: {said}{}", ours.stderr);
                assert_eq!(ours.stdout, String::from_utf8_lossy(&theirs.stdout), "{reference}");
                // what is wrong with values is told in the same words, and what cannot be had by the same name
                let details = said.lines().filter(|line| line.starts_with("- at "));
                let loading =
                    said.lines().filter_map(|line| line.starts_with("failing loading").then(|| line.split(": ").next()).flatten());
                for line in details.chain(loading) {
                    assert!(ours.stderr.contains(line), "{reference}: {line} is missing in {}", ours.stderr);
                }
                let mut once = asked.clone();
                once.dedup();
                assert_eq!(asked, once, "{reference}: a document is asked for twice");
            }
        }
        let skipped = sandbox.werf(&["helm", "template", "web", "--skip-schema-validation"]);
        assert_eq!((skipped.code, server.take_log().len()), (0, 0), "{}", skipped.stderr);
    });
}
