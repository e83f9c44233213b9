//! `werf init`: what it writes is a project that works.

use super::super::sandbox::Sandbox;
use super::told;

#[test]
fn a_project_is_made_of_dockerfiles() {
    let sandbox = Sandbox::commit(&[
        ("backend/Dockerfile", "FROM scratch\nEXPOSE 8080\n"),
        ("web/Dockerfile", "FROM scratch\n"),
        ("Dockerfile.worker", "FROM scratch\n"),
        ("node_modules/x/Dockerfile", "FROM scratch\n"),
        (".helm/templates/web.yaml", "# mine\n"),
    ]);
    insta::assert_snapshot!(told(&sandbox, &["init"]), @r"
    exit 0
    Wrote werf.yaml
    Wrote .helm/templates/worker.yaml
    Wrote .helm/templates/backend.yaml
    Kept, as it was there already: .helm/templates/web.yaml

    Next:
      git add . && git commit -m 'Deploy with werf'
      werf plan --repo registry.example.org/team/app
      werf converge --repo registry.example.org/team/app
    ");
    insta::assert_snapshot!(std::fs::read_to_string(sandbox.app().join("werf.yaml")).expect("werf.yaml"), @r"
    project: app
    configVersion: 1
    ---
    image: worker
    dockerfile: Dockerfile.worker
    ---
    image: backend
    context: backend
    dockerfile: Dockerfile
    ---
    image: web
    context: web
    dockerfile: Dockerfile
    ");
    assert_eq!(std::fs::read_to_string(sandbox.app().join(".helm/templates/web.yaml")).expect("the file"), "# mine\n");
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-qm", "werf"]);
    let rendered = sandbox.werf(&["render"]);
    assert_eq!(rendered.code, 0, "{}", rendered.stderr);
    for part in [
        "kind: Deployment\nmetadata:\n  name: backend\n",
        "kind: Service\nmetadata:\n  name: backend\n",
        "image: REPO:TAG\n",
        "containerPort: 8080\n",
    ] {
        assert!(rendered.stdout.contains(part), "`{part}` is missing in:\n{}", rendered.stdout);
    }
    let lint = sandbox.werf(&["lint", "--strict"]);
    assert_eq!(lint.code, 0, "{}{}", lint.stdout, lint.stderr);
    insta::assert_snapshot!(told(&sandbox, &["init"]), @r"
    exit 1
    error: there is a werf.yaml already, so nothing was written
    help: `werf config render` shows what it says; `werf plan` says what it would deploy
    ");
}

#[test]
fn without_a_dockerfile_nothing_is_written() {
    let sandbox = Sandbox::commit(&[("a/b/c/Dockerfile", "FROM scratch\n")]);
    insta::assert_snapshot!(told(&sandbox, &["init"]), @r"
    exit 1
    error: there is no Dockerfile in [SANDBOX]/app and two levels below
    help: write one, or name the directory of the application with `--dir`
    ");
    assert!(!sandbox.app().join("werf.yaml").exists());
}
