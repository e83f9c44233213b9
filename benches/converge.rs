//! A converge with nothing to do, beside `helm upgrade` of the same manifests.

use std::fmt::Write as _;
use std::fs;

use crate::fixture::{Project, Testbed};
use crate::measure::{by_turns, must};
use crate::table::Row;

/// 2 images and 6 resources; 10 images and 30 resources.
pub fn rows() -> Vec<Row> {
    let testbed = Testbed::up();
    vec![
        row(&testbed, "no-op converge: 2 images, 6 resources", "≤ 45 ms, ≤ 40 MiB", &small()),
        row(&testbed, "no-op converge: 10 images, 30 resources", "≤ 100 ms", &large()),
    ]
}

fn row(testbed: &Testbed, what: &str, bar: &'static str, project: &Project) -> Row {
    let repo = testbed.repo("converge");
    let namespace = format!("bench-{}-{}", std::process::id(), what.len());
    let args = ["converge", "--repo", &repo, "--namespace", &namespace];
    must(testbed.werf(project, &args));
    let chart = plain_chart(testbed, project, &repo, &namespace);
    let helm_namespace = format!("{namespace}-helm");
    let helm = |_| {
        let mut command = testbed.program("helm");
        command.args(["upgrade", "--install", "app", "--create-namespace", "--namespace", &helm_namespace]).arg(&chart);
        command
    };
    must(helm(0));
    let (ours, peer) = by_turns(15, |_| testbed.werf(project, &args), helm);
    for namespace in [&namespace, &helm_namespace] {
        must({
            let mut kubectl = testbed.program("kubectl");
            kubectl.args(["delete", "namespace", namespace, "--wait=false"]);
            kubectl
        });
    }
    Row { what: what.into(), bar, ours, peer: Some(("helm", peer)), remark: String::new() }
}

/// What we render, as a chart without template actions for helm; hooks stay out of both.
fn plain_chart(testbed: &Testbed, project: &Project, repo: &str, namespace: &str) -> std::path::PathBuf {
    let text = must(testbed.werf(project, &["render", "--repo", repo, "--namespace", namespace]));
    let dir = project.scratch("chart");
    fs::create_dir_all(dir.join("templates")).expect("templates");
    fs::write(dir.join("Chart.yaml"), "apiVersion: v2\nname: app\nversion: 1.0.0\n").expect("Chart.yaml");
    fs::write(dir.join("templates/all.yaml"), text).expect("all.yaml");
    dir
}

/// The example application without its hook and with no replica, so that nothing is waited for.
fn small() -> Project {
    let project = Project::shop();
    fs::remove_file(project.dir.join(".helm/templates/migrate.yaml")).expect("migrate.yaml");
    project.write(".helm/values.yaml", "backend: {replicas: 0, title: shop}\nworker: {replicas: 0}\n");
    project.write(".helm/templates/extra.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {a: b}\n");
    project.commit();
    project
}

fn large() -> Project {
    let project = Project::new();
    let mut config = String::from("project: many\nconfigVersion: 1\n");
    for n in 0..10 {
        let _ = write!(
            config,
            "---\nimage: app{n}\nfrom: {{{{ env \"BASE_IMAGE\" }}}}\ngit:\n- {{add: /app{n}, to: /app}}\nimageSpec: {{config: {{cmd: [\"sh\"]}}}}\n"
        );
        project.write(&format!("app{n}/main.sh"), format!("echo {n}\n"));
        project.write(
            &format!(".helm/templates/app{n}.yaml"),
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app{n}}}\nspec:\n  replicas: 0\n  selector: {{matchLabels: {{app: app{n}}}}}\n  template:\n    metadata: {{labels: {{app: app{n}}}}}\n    spec:\n      containers:\n      - name: app\n        image: {{{{ .Values.werf.image.app{n} }}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: app{n}}}\nspec:\n  clusterIP: None\n  selector: {{app: app{n}}}\n  ports: [{{port: 80}}]\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app{n}}}\ndata: {{n: \"{n}\"}}\n"
            ),
        );
    }
    project.write("werf.yaml", config);
    project.write(
        "werf-giterminism.yaml",
        "giterminismConfigVersion: 1\nconfig:\n  goTemplateRendering:\n    allowEnvVariables: [BASE_IMAGE]\n",
    );
    project.commit();
    project
}
