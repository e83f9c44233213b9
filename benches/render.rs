//! Rendering beside `helm template`.

use std::fmt::Write as _;
use std::fs;

use crate::charts::{self, Chart};
use crate::fixture::{Project, Testbed};
use crate::measure::{by_turns, must};
use crate::table::Row;

/// Projects and charts, from small to large; what grows is measured at several sizes.
pub fn rows() -> Vec<Row> {
    let testbed = Testbed::up();
    let mut rows = vec![
        row(&testbed, "render: the example application", "", &plain_example()),
        row(&testbed, "render: 500 objects (ConfigMap and Service)", "≤ 15 ms", &five_hundred()),
        chart_row(&testbed, "chart: as `helm create` makes it", "≤ 8 ms, ≤ 1/8", &charts::created(&testbed)),
        chart_row(&testbed, "chart: like kube-prometheus-stack", "≤ 60 ms, ≤ 1/5", &charts::monitoring(&testbed)),
    ];
    rows.extend([25, 50, 100].map(|n| chart_row(&testbed, &format!("chart: {n} subcharts"), "linear", &charts::umbrella(&testbed, n))));
    rows.extend(
        [2_500, 5_000, 10_000].map(|n| chart_row(&testbed, &format!("chart: {n} turns with two tpl"), "linear", &charts::tpl_loop(n))),
    );
    rows
}

/// Both render a chart of the disk, and print the same.
fn chart_row(testbed: &Testbed, what: &str, bar: &'static str, chart: &Chart) -> Row {
    let ours = || {
        let mut command = testbed.plain_werf();
        command.args(["helm", "template", "app"]).arg(chart.dir());
        command
    };
    let helm = || {
        let mut command = testbed.program("helm3");
        command.args(["template", "app"]).arg(chart.dir());
        command
    };
    let (text, theirs) = (must(ours()), must(helm()));
    assert!(text == theirs, "{what}: werf and helm print different texts");
    let (ours, peer) = by_turns(15, |_| ours(), |_| helm());
    let remark = format!("{} kB of manifests", text.len() / 1000);
    Row { what: what.into(), bar, ours, peer: Some(("helm", peer)), remark }
}

/// werf renders the project, helm the same `.helm` directory with a Chart.yaml beside it.
fn row(testbed: &Testbed, what: &str, bar: &'static str, project: &Project) -> Row {
    let chart = project.scratch("chart");
    let copied = format!("cp -r {}/.helm/. {}", project.dir.display(), chart.display());
    must({
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &copied]);
        shell
    });
    fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: app\nversion: 1.0.0\n").expect("Chart.yaml");
    let helm = |_| {
        let mut command = testbed.program("helm");
        command.args(["template", "app"]).arg(&chart);
        command
    };
    let (ours, peer) = by_turns(15, |_| testbed.werf(project, &["render", "--release", "app", "--namespace", "default"]), helm);
    Row { what: what.into(), bar, ours, peer: Some(("helm", peer)), remark: String::new() }
}

/// The example's chart with plain references, which helm knows too.
fn plain_example() -> Project {
    let project = Project::shop();
    for name in ["backend", "worker", "migrate", "shared"] {
        let path = project.dir.join(format!(".helm/templates/{name}.yaml"));
        let text = fs::read_to_string(&path).expect("a template");
        let text = text.replace("{{ werf_image \"backend\" }}", "backend:1").replace("{{ .Values.werf.image.worker }}", "worker:1");
        fs::write(path, text.replace(".Values.werf.env", ".Values.none")).expect("write");
    }
    project.commit();
    project
}

fn five_hundred() -> Project {
    let project = Project::new();
    project.write("werf.yaml", "project: many\nconfigVersion: 1\n");
    project.write(
        ".helm/templates/_helpers.tpl",
        "{{- define \"labels\" -}}\napp: {{ .Release.Name }}\nchart: {{ .Chart.Name }}\n{{- end }}\n",
    );
    for file in 0..50 {
        let mut text = String::new();
        for n in 0..5 {
            let name = format!("o{file}-{n}");
            let _ = write!(
                text,
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  labels: {{{{- include \"labels\" . | nindent 4 }}}}\ndata:\n  a: {{{{ .Values.text | quote }}}}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  labels: {{{{- include \"labels\" . | nindent 4 }}}}\nspec:\n  clusterIP: None\n  selector: {{app: {name}}}\n  ports:\n  {{{{- range .Values.ports }}}}\n  - port: {{{{ . }}}}\n  {{{{- end }}}}\n---\n"
            );
        }
        project.write(&format!(".helm/templates/f{file}.yaml"), text);
    }
    project.write(".helm/values.yaml", "text: some words\nports: [80, 8080]\n");
    project.commit();
    project
}
