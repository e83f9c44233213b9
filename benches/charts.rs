//! Charts made for measurement, as files below a directory of their own.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::fixture::Testbed;
use crate::measure::must;

/// A chart on the disk.
pub struct Chart {
    root: TempDir,
}

impl Chart {
    fn new(metadata: &str) -> Self {
        let chart = Chart { root: tempfile::tempdir().expect("a temporary directory") };
        chart.write("Chart.yaml", format!("apiVersion: v2\nname: app\nversion: 1.0.0\n{metadata}"));
        chart
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.root.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("directories");
        fs::write(path, text).expect("write");
    }
}

/// What `helm create` makes.
pub fn created(testbed: &Testbed) -> Chart {
    let chart = Chart::new("");
    create(testbed, chart.dir());
    chart
}

/// An umbrella over this many charts as `helm create` makes them, each a chart of its own with values from above.
pub fn umbrella(testbed: &Testbed, subcharts: usize) -> Chart {
    let (mut metadata, mut values) = ("dependencies:\n".to_owned(), "global: {region: north}\n".to_owned());
    for n in 0..subcharts {
        let _ = writeln!(metadata, "- {{name: part{n}, version: 0.1.0, condition: part{n}.enabled}}");
        let _ = write!(values, "part{n}:\n  enabled: true\n  replicaCount: {}\n  ingress: {{enabled: true}}\n", n % 7);
    }
    let chart = Chart::new(&metadata);
    chart.write("values.yaml", values);
    for n in 0..subcharts {
        create(testbed, &chart.path(&format!("charts/part{n}")));
    }
    chart
}

/// One template that calls `tpl` this often, half of the texts new ones.
pub fn tpl_loop(turns: usize) -> Chart {
    let chart = Chart::new("");
    chart.write(
        "values.yaml",
        format!("turns: {turns}\nword: some\ntexts: [\"{{{{ .Values.word }}}} text\", \"{{{{ .Release.Name | upper }}}}\"]\n"),
    );
    chart.write(
        "templates/all.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: all}\ndata:\n{{- range $n := until (int .Values.turns) }}\n  \
         k{{ $n }}: {{ tpl (index $.Values.texts (mod $n 2)) $ | quote }}\n  t{{ $n }}: {{ tpl (printf \"{{ .Values.word }}-%d\" $n) $ }}\n{{- end }}\n",
    );
    chart
}

/// A chart with the size and the habits of kube-prometheus-stack: 270 files of templates, long texts in conditions, rules with their
/// own braces, three subcharts, 250 kB of values with comments; about 650 kB of manifests.
pub fn monitoring(testbed: &Testbed) -> Chart {
    let names = ["metrics", "exporter", "dashboards"];
    let mut metadata = "dependencies:\n".to_owned();
    for name in names {
        let _ = writeln!(metadata, "- {{name: {name}, version: 0.1.0, condition: {name}.enabled}}");
    }
    let chart = Chart::new(&metadata);
    chart.write("values.yaml", values());
    chart.write("templates/_helpers.tpl", HELPERS);
    for n in 0..35 {
        chart.write(&format!("templates/dashboards/dashboard{n}.yaml"), dashboard(n));
    }
    for n in 0..41 {
        chart.write(&format!("templates/rules/rules{n}.yaml"), rules(n));
    }
    for n in 0..130 {
        chart.write(&format!("templates/parts/part{n}.yaml"), part(n));
    }
    for name in names {
        create(testbed, &chart.path(&format!("charts/{name}")));
        for n in 0..12 {
            chart.write(&format!("charts/{name}/templates/more{n}.yaml"), part(n));
        }
    }
    chart
}

/// What `helm create` makes, at a path of its own.
fn create(testbed: &Testbed, dir: &Path) {
    fs::create_dir_all(dir.parent().expect("charts have a directory")).expect("directories");
    must({
        let mut helm = testbed.program("helm");
        helm.arg("create").arg(dir);
        helm
    });
}

const HELPERS: &str = r#"
{{- define "app.name" -}}{{ default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}{{- end }}
{{- define "app.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 26 | trimSuffix "-" }}
{{- else if contains (include "app.name" .) .Release.Name }}{{ .Release.Name | trunc 26 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name (include "app.name" .) | trunc 26 | trimSuffix "-" }}{{- end }}
{{- end }}
{{- define "app.namespace" -}}{{ default .Release.Namespace .Values.namespaceOverride }}{{- end }}
{{- define "app.labels" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: "{{ replace "+" "_" .Chart.Version }}"
app.kubernetes.io/part-of: {{ template "app.name" . }}
chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
release: {{ $.Release.Name | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}
"#;

fn values() -> String {
    let mut text = "commonLabels: {team: core}\ndefaultRules:\n  create: true\n  labels: {}\n  disabled: {Alert3: true}\n  appNamespacesTarget: \".*\"\n".to_owned();
    for name in ["metrics", "exporter", "dashboards"] {
        let _ = write!(
            text,
            "{name}:\n  enabled: true\n  nameOverride: \"\"\n  fullnameOverride: \"\"\n  commonLabels: {{}}\n{}",
            settings("  ", 12)
        );
    }
    text + &settings("", 130)
}

/// Settings of the parts, with the comments that charts explain them with.
fn settings(indent: &str, parts: usize) -> String {
    let mut text = format!("{indent}parts:\n");
    for n in 0..parts {
        let comment = format!(
            "{indent}  ## How part {n} is deployed; see the operator's reference for the meaning of each field of it.\n{indent}  ##\n"
        );
        let _ = write!(
            text,
            "{comment}{indent}  p{n}:\n{indent}    enabled: {}\n{comment}{indent}    replicas: {n}\n{indent}    annotations: {{}}\n{comment}\
             {indent}    labels: {{tier: back}}\n{comment}{indent}    resources:\n{indent}      # limits:\n{indent}      #   cpu: 100m\n\
             {indent}      requests: {{cpu: 100m, memory: 128Mi}}\n{comment}{indent}    tolerations: []\n{indent}    nodeSelector: {{}}\n\
             {comment}{indent}    extra:\n{indent}      - '--log={{{{ .Values.level | default \"info\" }}}}'\n{indent}      - --port=80\n",
            n % 3 != 0
        );
    }
    text
}

fn part(n: usize) -> String {
    format!(
        r#"{{{{- $part := .Values.parts.p{n} }}}}
{{{{- if and $part.enabled (or (not .Values.only) (has "p{n}" .Values.only)) }}}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{{{ template "app.fullname" . }}}}-p{n}
  namespace: {{{{ template "app.namespace" . }}}}
  labels:
    app: {{{{ template "app.name" . }}}}-p{n}
{{{{ include "app.labels" . | indent 4 }}}}
{{{{- with $part.annotations }}}}
  annotations:
{{{{ toYaml . | indent 4 }}}}
{{{{- end }}}}
spec:
  replicas: {{{{ $part.replicas }}}}
  selector:
    matchLabels:
      app: {{{{ template "app.name" . }}}}-p{n}
  template:
    metadata:
      labels: {{{{- include "app.labels" . | nindent 8 }}}}
      {{{{- range $key, $value := $part.labels }}}}
        {{{{ $key }}}}: {{{{ $value | quote }}}}
      {{{{- end }}}}
    spec:
      {{{{- if semverCompare ">=1.21-0" .Capabilities.KubeVersion.GitVersion }}}}
      enableServiceLinks: false
      {{{{- end }}}}
      containers:
        - name: main
          image: "{{{{ .Values.registry | default "registry.example.org" }}}}/p{n}:{{{{ .Chart.AppVersion | default "1.0" }}}}"
          args:
          {{{{- range $part.extra }}}}
            - {{{{ tpl . $ | quote }}}}
          {{{{- end }}}}
          resources: {{{{- toYaml $part.resources | nindent 12 }}}}
      {{{{- with $part.nodeSelector }}}}
      nodeSelector: {{{{- toYaml . | nindent 8 }}}}
      {{{{- end }}}}
      {{{{- with $part.tolerations }}}}
      tolerations: {{{{- toYaml . | nindent 8 }}}}
      {{{{- end }}}}
{{{{- end }}}}
"#
    )
}

fn rules(n: usize) -> String {
    let mut text = format!(
        "{{{{- if and .Values.defaultRules.create (not (has \"r{n}\" (list))) }}}}\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n\
         metadata:\n  name: {{{{ printf \"%s-r{n}\" (include \"app.fullname\" .) | trunc 63 | trimSuffix \"-\" }}}}\n  labels:\n    \
         app: {{{{ template \"app.name\" . }}}}\n{{{{ include \"app.labels\" . | indent 4 }}}}\nspec:\n  groups:\n  - name: group{n}\n    rules:\n"
    );
    for alert in 0..11 {
        let _ = write!(
            text,
            "{{{{- if not (.Values.defaultRules.disabled.Alert{alert} | default false) }}}}\n    - alert: Alert{alert}\n      annotations:\n\
             {{{{- if .Values.defaultRules.annotations }}}}\n{{{{ toYaml .Values.defaultRules.annotations | indent 8 }}}}\n{{{{- end }}}}\n        \
             description: 'Instance {{{{`{{{{`}}}} $labels.instance {{{{`}}}}`}}}} of job {{{{`{{{{`}}}} $labels.job {{{{`}}}}`}}}} has been slow for ten minutes.'\n        \
             runbook_url: {{{{ .Values.defaultRules.runbookUrl | default \"https://runbooks.example.org\" }}}}/alert{alert}\n      \
             expr: |-\n        sum by (cluster, namespace, job) (\n          rate(requests_failed_total{{namespace=~\"{{{{ $.Values.defaultRules.appNamespacesTarget }}}}\"}}[5m])\n        )\n          /\n        \
             sum by (cluster, namespace, job) (rate(requests_total{{job=\"j{n}\"}}[5m])) > 0.{alert}\n      for: {{{{ dig \"Alert{alert}\" \"for\" \"10m\" .Values.defaultRules }}}}\n      \
             labels:\n        severity: {{{{ dig \"Alert{alert}\" \"severity\" \"warning\" .Values.defaultRules }}}}\n\
             {{{{- if .Values.defaultRules.additionalRuleLabels }}}}\n{{{{ toYaml .Values.defaultRules.additionalRuleLabels | indent 8 }}}}\n{{{{- end }}}}\n{{{{- end }}}}\n"
        );
    }
    text + "{{- end }}\n"
}

fn dashboard(n: usize) -> String {
    let mut text = format!(
        "{{{{- $kubeTarget := default .Capabilities.KubeVersion.GitVersion .Values.kubeTarget }}}}\n{{{{- if and (semverCompare \">=1.14.0-0\" $kubeTarget) (not .Values.noDashboards) }}}}\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{{{ printf \"%s-d{n}\" (include \"app.fullname\" .) | trunc 63 }}}}\n  labels:\n    dashboard: \"1\"\n\
         {{{{ include \"app.labels\" $ | indent 4 }}}}\ndata:\n  d{n}.json: |-\n    {{{{`{{\"editable\":true,\"panels\":["
    );
    for panel in 0..34 {
        let _ = write!(
            text,
            "{{\"datasource\":{{\"type\":\"prometheus\",\"uid\":\"${{datasource}}\"}},\"fieldConfig\":{{\"defaults\":{{\"unit\":\"short\"}}}},\
             \"gridPos\":{{\"h\":7,\"w\":12,\"x\":0,\"y\":{panel}}},\"id\":{panel},\"targets\":[{{\"expr\":\"sum(rate(requests_total{{job=\\\"j{n}\\\", \
             cluster=\\\"$cluster\\\"}}[$__rate_interval])) by (instance)\",\"legendFormat\":\"{{{{instance}}}}\"}}],\"title\":\"Panel {panel}\",\"type\":\"timeseries\"}},"
        );
    }
    text + "{}],\"refresh\":\"`}}{{ .Values.refresh | default \"10s\" }}{{`\",\"title\":\"Dashboard\"}`}}\n{{- end }}\n"
}
