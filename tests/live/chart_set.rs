//! The charts of `charts.rs`: families that look like the public ones, each chart made from a table's row.

/// A chart as files, and the flags with which it is rendered.
#[derive(Clone)]
pub struct Chart {
    /// Its name; unique in the set.
    pub name: String,
    /// Paths in the chart with their texts.
    pub files: Vec<(String, String)>,
    /// Flags of `helm template`; `CHART` stands for the chart's directory.
    pub flags: Vec<String>,
    /// The helms that refuse it.
    pub refused_by: &'static [&'static str],
}

impl Chart {
    fn new(name: &str) -> Self {
        let metadata = format!("apiVersion: v2\nname: {name}\nversion: 1.2.3\nappVersion: \"4.5\"\n");
        Chart { name: name.to_owned(), files: vec![("Chart.yaml".into(), metadata)], flags: Vec::new(), refused_by: &[] }
    }

    fn metadata(mut self, more: &str) -> Self {
        self.files[0].1.push_str(more);
        self
    }

    fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    fn values(self, text: &str) -> Self {
        self.file("values.yaml", text)
    }

    fn template(self, name: &str, text: &str) -> Self {
        self.file(&format!("templates/{name}"), text)
    }

    fn subchart(mut self, subchart: Chart) -> Self {
        let below = |(path, text)| (format!("charts/{}/{path}", subchart.name), text);
        self.files.extend(subchart.files.into_iter().map(below));
        self
    }

    fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    fn fails(self) -> Self {
        self.fails_with(&["helm3", "helm"])
    }

    fn fails_with(self, helms: &'static [&'static str]) -> Self {
        Chart { refused_by: helms, ..self }
    }
}

/// Every chart.
pub fn all() -> Vec<Chart> {
    [expressions(), applications(), with_a_library(), umbrellas(), operators(), stacks(), settings(), versions(), objects(), layouts()]
        .concat()
}

/// One chart per group of functions: each line of its config map is one of the expressions, which stand one to a line.
fn expressions() -> Vec<Chart> {
    let values = "\
text: Hello, World
list: [b, a, c, a]
mixed: [1, 2.5, true, null, text, {k: v}]
ints: [3, 1, 2]
big: 12345678901
million: 1000000
ratio: 0.25
map: {b: 1, a: {y: [1, 2], x: deep}, c: null}
words: {yes: 'yes', 'on': off, 'null': ~, n: y, 'number': '1.0', 'date': 2024-01-02, sexagesimal: 1:20, octal: 0755}
long: \"The quick brown fox jumps over the lazy dog and then keeps running through the very long meadow until it is dark\"
block: |
  first

    second
  third
version: 1.30.2-gke.100
";
    let groups = [
        (
            "strings",
            r##"
.Values.text | upper | trunc 5
abbrev 8 .Values.text
abbrevboth 3 9 .Values.text
title "a b-c_d"
untitle "A B"
snakecase "HTTPServerName"
camelcase "http_server-name"
kebabcase "HttpServer2Name"
swapcase .Values.text
initials .Values.text
wrap 5 .Values.text
wrapWith 4 "|" .Values.text
substr 2 -1 .Values.text
nospace .Values.text
repeat 3 "ab"
cat 1 nil "x" true
quote 1 nil "a\"b"
squote "it's" 2
plural "one" "many" 2
trimAll "Hd" .Values.text
trimSuffix "ld" .Values.text
contains "lo" .Values.text
splitList "," .Values.text
split "," .Values.text
splitn "o" 2 .Values.text
join "-" .Values.mixed
sortAlpha .Values.list
toStrings .Values.mixed
indent 2 .Values.block
nindent 4 "x\ny"
replace "o" "0" .Values.text
printf "%05.1f|%-6s|%+d|%x|%q|%v|%T" 3.14159 "ab" 7 255 "q" .Values.map .Values.big
printf "%.70000U|%.70000x|%.70000X|%.70000f|%.70000d" 1 1.5 0.1 1.5 1 | sha256sum
print 1 2 "a" 3 "b"
html "<a&b>"
urlquery "a b&c"
js "it's"
"##,
        ),
        (
            "numbers",
            r##"
.Values.million
.Values.big
int .Values.big
add 1 2.9 "3"
sub 5 7
mul 2 3 4
div 7 2
mod -7 3
addf 0.1 0.2
mulf 1.5 3
divf 1 3
subf 1 0.9
round 2.567 2
round -2.5 0
ceil 1.2
floor -1.2
max 1 5 3
minf 1.5 0.5
until 4
untilStep 10 0 -3
seq 1 2 7
toDecimal 755
int "0123"
int64 1e3
float64 "1.50"
atoi "42"
add1 .Values.million
eq 1.0 .Values.ratio 0.25
len .Values.list
lt 1 2
ge 2.5 .Values.ratio
kindOf .Values.million
typeOf (add 1 1)
mulf .Values.big 10
biggest 3 9
"##,
        ),
        (
            "lists",
            r##"
first .Values.list
rest .Values.list
last .Values.list
initial .Values.list
append .Values.list 1
prepend .Values.list nil
concat .Values.list .Values.ints
reverse .Values.mixed
uniq .Values.list
without .Values.list "a"
has 3.0 .Values.ints
has 3 .Values.ints
compact (list 0 "" "x" nil 1)
slice .Values.list 1 3
chunk 2 .Values.list
index .Values.mixed 5 "k"
tuple 1 "a"
all 1 0
any 0 "" 1
dig "a" "x" "none" .Values.map
coalesce 0 "" .Values.missing "found"
ternary 1 2 (empty .Values.missing)
default 5 .Values.missing
deepEqual (list 1.0) (list 1.0)
kindIs "slice" .Values.list
typeIsLike "string" .Values.text
"##,
        ),
        (
            "maps",
            r##"
keys .Values.map | sortAlpha
values (dict "a" 1)
pick .Values.map "a" "zz"
omit .Values.map "a"
merge (dict "a" false "m" (dict "x" 1)) (dict "a" true "m" (dict "y" 2))
mergeOverwrite (dict "a" 1 "b" (list 1)) (dict "a" "" "b" (list 2 3))
set (dict) "k" 1
unset (dict "k" 1 "l" 2) "k"
hasKey .Values.map "c"
get .Values.map "nope"
pluck "b" .Values.map (dict "b" 2)
deepCopy .Values.map
dict "odd"
mustMergeOverwrite (dict) .Values.map
(.Values.nothing).inside
toString .Values.map
typeOf .Values
typeOf .Values.map
"##,
        ),
        (
            "documents",
            r##"
toYaml .Values.words
toYaml .Values.mixed
toYaml .Values.long
toYaml (dict "long" .Values.long "block" .Values.block "empty" (dict) "none" (list))
toYamlPretty .Values.map
toPrettyJson .Values.map
toRawJson "<&>"
toJson "<&>"
toToml (dict "a" 1 "b" (dict "c" (list 1.5 2.0) "d" "x"))
fromYaml "a: [1, yes, 0x1f, 1_000]\nb: {<<: {z: 1}, c: 2}"
fromYaml "a: ["
fromYamlArray "- 1\n- {a: b}"
fromJson "{\"a\": 1e3}"
fromJsonArray "[1, null]"
fromToml "a = 1\n[b]\nc = [1, 2]"
toYaml ""
toYaml nil
toYaml " lead"
toYaml "a: b"
toYaml "#x"
toYaml "1e3"
toYaml "-"
toYaml "\t"
toYaml (list "~" "null" "0o7" ".5" "+1" "0b1" "=" "@x" "%y" "multi\nline\n" "é ☃" "trail ")
"##,
        ),
        (
            "patterns",
            r##"
regexMatch "^H.*d$" .Values.text
regexFindAll "[lo]+" .Values.text -1
regexFind "W\\w+" .Values.text
regexReplaceAll "(l+)" .Values.text "<${1}>"
regexReplaceAll "l(o)" .Values.text "$1W"
regexReplaceAllLiteral "l+" .Values.text "$1"
regexSplit "[, ]+" .Values.text -1
regexQuoteMeta "a.b[c]"
regexMatch "(" "x"
regexFindAll "(?i)h\\b|[[:upper:]]" .Values.text 2
semverCompare ">=1.19-0" .Values.version
semverCompare ">=1.19" .Values.version
semverCompare "^0.2 || ~1.3.1" "1.3.9"
semverCompare "1.2 - 1.4.5" "1.4.5"
(semver "v1.2.3-rc.1+b5").Prerelease
(semver "1.2.3").Compare (semver "1.10.0")
(semver .Values.version).Minor
urlParse "https://u:p@host:8080/p/a?q=1#f"
urlJoin (dict "scheme" "http" "host" "h" "path" "/x" "query" "a=b")
base "/a/b.c"
dir "/a/b.c"
ext "x.tar.gz"
clean "/a/../b//c"
isAbs "a"
osBase "a/b"
"##,
        ),
        (
            "dates",
            r##"
date "2006-01-02" (toDate "2006-01-02" "2024-02-29")
dateInZone "Mon Jan 2 15:04:05 MST 2006" 86400 "UTC"
dateInZone "2006-01-02T15:04:05Z07:00" 1700000000 "Europe/Berlin"
duration "95"
duration 95
durationRound "2h10m5s"
durationRound "400h10m5s"
htmlDateInZone 0 "UTC"
(toDate "2006-01-02" "2024-02-29").Year
unixEpoch (toDate "2006-01-02" "2024-02-29")
dateModify "-1.5h" (toDate "2006-01-02 15:04" "2024-03-01 01:00") | date "Jan _2 03:04PM"
(toDate "2006-01-02" "2024-02-29").Weekday
(toDate "2006-01-02" "2024-02-29").Format "02 January 06 .000"
toDate "2006" "bad"
"##,
        ),
        (
            "sums",
            r##"
sha1sum .Values.text
sha256sum (toJson .Values.map)
sha512sum .Values.text
adler32sum .Values.text
b64enc .Values.text | b64dec
b64enc .Values.block
b32enc .Values.text
derivePassword 1 "long" "secret" "user" "example.com"
derivePassword 2 "pin" "secret" "user" "example.com"
decryptAES "key" (encryptAES "key" "plain")
len (randAlphaNum 7)
len (genPrivateKey "ed25519") | lt 80
uuidv4 | len
regexMatch "^\\$2a\\$10" (bcrypt "x")
htpasswd "u" "p" | trunc 8
"##,
        ),
        (
            "context",
            r##"
.Release | toJson
.Chart.Name
.Chart.AppVersion
.Template.Name
.Template.BasePath
.Capabilities.APIVersions.Has "apps/v1"
.Capabilities.APIVersions.Has "apps/v1/Deployment"
.Capabilities.KubeVersion.Major
lookup "v1" "Secret" "ns" "x"
(lookup "v1" "Pod" "" "").items
tpl "{{ .Values.text }}-{{ .Release.Name }}" .
tpl (toYaml .Values.map) .
getHostByName "nowhere.invalid"
required "must" .Values.text
kindOf .Files
typeOf .Release
.Release.Revision
"<no value>"
.Values.missing
print .Values.missing
"##,
        ),
    ];
    let chart = |(name, expressions): &(&str, &str)| {
        let line = |(at, expression): (usize, &str)| format!("  e{at}: {{{{ {expression} | toString | toJson }}}}\n");
        let lines: String = expressions.trim().lines().enumerate().map(line).collect();
        let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{lines}");
        Chart::new(&format!("expressions-{name}")).values(values).template("map.yaml", &text)
    };
    groups.iter().map(chart).collect()
}

const HELPERS: &str = r#"
{{- define "app.name" -}}{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}{{- end }}
{{- define "app.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "app.name" .) .Release.Name }}{{ .Release.Name }}
{{- else }}{{ printf "%s-%s" .Release.Name (include "app.name" .) | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}
{{- define "app.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "app.selector" . }}
{{- with .Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
{{- end }}
{{- define "app.selector" }}
app.kubernetes.io/name: {{ include "app.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
"#;

const WORKLOAD: &str = r#"{{- $full := include "app.fullname" . -}}
apiVersion: {{ ternary "apps/v1" "apps/v1beta2" (semverCompare ">=1.9-0" .Capabilities.KubeVersion.Version) }}
kind: {{ .Values.kind | default "Deployment" }}
metadata:
  name: {{ $full }}
  labels: {{- include "app.labels" . | nindent 4 }}
  {{- with .Values.annotations }}
  annotations:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
spec:
  {{- if not (.Values.autoscaling).enabled }}
  replicas: {{ .Values.replicas }}
  {{- end }}
  selector:
    matchLabels: {{- include "app.selector" . | nindent 6 }}
  template:
    metadata:
      annotations:
        checksum/config: {{ include (print $.Template.BasePath "/config.yaml") . | sha256sum }}
    spec:
      containers:
        - name: {{ .Chart.Name }}
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
          env:
          {{- range $key, $value := .Values.env }}
          {{- if kindIs "map" $value }}
          - {name: {{ $key }}, valueFrom: {{ toJson $value }}}
          {{- else }}
          # {{ $key | upper }}={{ $value }}
          {{- end }}
          {{- end }}
          ports:
          {{- range $name, $port := .Values.ports }}
            - name: {{ $name }}
              containerPort: {{ $port | int }}
          {{- end }}
          {{- with .Values.resources }}
          resources: {{- toYaml . | nindent 12 }}
          {{- end }}
{{- if .Values.ingress }}
---
apiVersion: {{ if .Capabilities.APIVersions.Has "networking.k8s.io/v1" }}networking.k8s.io/v1{{ else }}extensions/v1beta1{{ end }}
kind: Ingress
metadata: {name: {{ $full }}}
spec:
  rules:
  {{- range $host := .Values.ingress.hosts }}
  - host: {{ tpl $host $ | quote }}
    http:
      paths:
      {{- range $.Values.ingress.paths | default (list "/") }}
      - path: {{ . }}
        backend: {service: {name: {{ $full }}, port: {number: {{ index $.Values.ports "http" }}}}}
      {{- end }}
  {{- else }}
    []
  {{- end }}
{{- end }}
"#;

const CONFIG: &str = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "app.fullname" . }}-config
data:
{{- (.Files.Glob "config/*").AsConfig | nindent 2 }}
  {{- range $path, $_ := .Files.Glob "scripts/**.sh" }}
  {{ base $path }}: |-
    {{- $.Files.Get $path | nindent 4 }}
  {{- end }}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ include "app.fullname" . }}}
data:
  {{- (.Files.Glob "secrets/*").AsSecrets | nindent 2 }}
  lines: {{ .Files.Lines "scripts/run.sh" | len | toString | b64enc }}
"#;

fn application(name: &str) -> Chart {
    Chart::new(name)
        .template("_helpers.tpl", HELPERS)
        .template("workload.yaml", WORKLOAD)
        .template("config.yaml", CONFIG)
        .template("NOTES.txt", "Installed {{ .Release.Name }}\n")
        .file("config/app.ini", "[main]\nport = 80\n")
        .file("config/long.json", "{\"a\": \"b\"}")
        .file("scripts/run.sh", "#!/bin/sh\nset -e\nexec app\n")
        .file("scripts/deep/stop.sh", "kill 1")
        .file("secrets/key", "s3cr3t\n")
        .file(".helmignore", "# none\n*.md\n/scripts/deep/\n")
        .file("README.md", "ignored")
        .values("replicas: 2\nimage: {repository: example/app}\nports: {http: 8080, metrics: 9090}\nenv: {b: 1, a: text, secret: {secretKeyRef: {name: x, key: y}}}\nresources: {}\n")
}

/// Charts as `helm create` and people's habits make them.
fn applications() -> Vec<Chart> {
    let variants: &[(&str, &[&str])] = &[
        ("plain", &[]),
        ("stateful", &["--set", "kind=StatefulSet,replicas=3"]),
        ("named", &["--set", "fullnameOverride=a-very-long-name-that-goes-on-and-on-until-it-is-cut-somewhere-after-63"]),
        ("ingress", &["--set", "ingress.hosts={a.example.org,\\{\\{ .Release.Name \\}\\}.b}", "--set", "ingress.paths={/,/api}"]),
        ("ingress-none", &["--set-json", r#"ingress={"hosts":[],"class":"x"}"#]),
        ("old-cluster", &["--kube-version", "1.8.0"]),
        ("vendor-cluster", &["--kube-version", "v1.33.4+k3s1", "--api-versions", "a/v1,b/v2"]),
        ("scaled", &["--set", "autoscaling.enabled=true,ports.http=80,ports.grpc=9000"]),
        ("annotated", &["--set-json", r#"annotations={"a":"{{ .Chart.Name }}","n":1,"t":"true"}"#]),
        ("resources", &["--set", "resources.limits.cpu=1,resources.limits.memory=1Gi,resources.requests.cpu=0.5"]),
        ("upgrade", &["--is-upgrade", "--no-hooks"]),
    ];
    variants.iter().map(|(name, flags)| application(&format!("app-{name}")).flags(flags)).collect()
}

const LIBRARY: &str = r#"
{{- define "common.tplvalues.render" -}}
{{- $value := typeIs "string" .value | ternary .value (.value | toYaml) }}
{{- if contains "{{" (toJson .value) }}
  {{- if .scope }}{{- tpl (cat "{{- with $.RelativeScope -}}" $value "{{- end }}") (merge (dict "RelativeScope" .scope) .context) }}
  {{- else }}{{- tpl $value .context }}{{- end }}
{{- else }}{{- $value }}{{- end }}
{{- end -}}
{{- define "common.tplvalues.merge" -}}
{{- $dst := dict -}}
{{- range .values -}}{{- $dst = include "common.tplvalues.render" (dict "value" . "context" $.context "scope" $.scope) | fromYaml | merge $dst -}}{{- end -}}
{{ $dst | toYaml }}
{{- end -}}
{{- define "common.labels.standard" -}}
{{- if and (hasKey . "customLabels") (hasKey . "context") -}}
{{- $default := dict "app.kubernetes.io/name" .context.Chart.Name "app.kubernetes.io/managed-by" .context.Release.Service -}}
{{ template "common.tplvalues.merge" (dict "values" (list .customLabels $default) "context" .context) }}
{{- else -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
{{- end -}}
{{- define "common.images.image" -}}
{{- $registry := default .imageRoot.registry ((.global).imageRegistry) -}}
{{- $separator := ":" -}}{{- $termination := .imageRoot.tag | toString -}}
{{- if .imageRoot.digest }}{{- $separator = "@" -}}{{- $termination = .imageRoot.digest | toString -}}{{- end -}}
{{- if $registry }}{{- printf "%s/%s%s%s" $registry .imageRoot.repository $separator $termination -}}{{- else -}}{{- printf "%s%s%s" .imageRoot.repository $separator $termination -}}{{- end -}}
{{- end -}}
{{- define "common.secrets.lookup" -}}
{{- $value := "" -}}
{{- $data := (lookup "v1" "Secret" .context.Release.Namespace .secret).data -}}
{{- if and $data (hasKey $data .key) }}{{- $value = index $data .key -}}{{- else if .default }}{{- $value = .default | toString | b64enc -}}{{- end -}}
{{- if $value }}{{- printf "%s" $value -}}{{- end -}}
{{- end -}}
{{- define "common.affinities.pods" -}}
{{- if eq .type "soft" }}
preferredDuringSchedulingIgnoredDuringExecution:
  - podAffinityTerm: {labelSelector: {matchLabels: {component: {{ .component | quote }}}}}
    weight: {{ default 1 .weight }}
{{- else if eq .type "hard" }}
requiredDuringSchedulingIgnoredDuringExecution:
  - labelSelector: {matchLabels: {component: {{ .component | quote }}}}
{{- end -}}
{{- end -}}
{{- define "common.warnings.rolling" -}}{{- if not (.tag | toString | regexFind "-r\\d+$|sha256:") }}# rolling {{ .tag }}{{ end }}{{- end -}}
"#;

const LIBRARY_USER: &str = r#"apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ include "common.names" . | default (printf "%s-%s" .Release.Name .Chart.Name) }}
  labels: {{- include "common.labels.standard" (dict "customLabels" .Values.commonLabels "context" $) | nindent 4 }}
    role: primary
  {{- if or .Values.annotations .Values.commonAnnotations }}
  annotations: {{- include "common.tplvalues.merge" (dict "values" (list .Values.annotations .Values.commonAnnotations) "context" .) | nindent 4 }}
  {{- end }}
spec:
  replicas: {{ .Values.replicaCount }}
  {{- include "common.warnings.rolling" .Values.image | nindent 2 }}
  template:
    spec:
      affinity:
        podAntiAffinity: {{- include "common.affinities.pods" (dict "type" .Values.affinity "component" "primary") | nindent 10 }}
      containers:
        - image: {{ include "common.images.image" (dict "imageRoot" .Values.image "global" .Values.global) }}
          env:
            {{- range $key, $value := .Values.settings }}
            - name: {{ printf "%s_%s" ($.Chart.Name | upper | replace "-" "_") ($key | snakecase | upper) }}
              value: {{ include "common.tplvalues.render" (dict "value" $value "context" $) | quote }}
            {{- end }}
          {{- if .Values.extraEnv }}
            {{- include "common.tplvalues.render" (dict "value" .Values.extraEnv "context" $) | nindent 12 }}
          {{- end }}
          {{- if .Values.livenessProbe.enabled }}
          livenessProbe: {{- include "common.tplvalues.render" (dict "value" (omit .Values.livenessProbe "enabled") "context" $) | nindent 12 }}
          {{- end }}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}}
type: Opaque
data:
  password: {{ include "common.secrets.lookup" (dict "secret" .Release.Name "key" "password" "default" .Values.password "context" $) | quote }}
{{- range $i, $e := until (int .Values.replicaCount) }}
---
apiVersion: v1
kind: Service
metadata: {name: {{ $.Release.Name }}-{{ $i }}}
spec: {ports: {{ $.Values.ports | toJson }}, first: {{ eq $i 0 }}}
{{- end }}
"#;

/// Charts over a library in the manner of Bitnami.
fn with_a_library() -> Vec<Chart> {
    let library = || {
        Chart::new("common")
            .metadata("type: library\n")
            .template("_common.tpl", LIBRARY)
            .template("_names.tpl", "{{ define \"common.names\" }}{{ end }}")
    };
    let variants: &[(&str, &str, &[&str])] = &[
        ("postgresql", "settings: {maxConnections: 100, walLevel: replica}\n", &[]),
        ("redis", "settings: {appendOnly: 'yes', saveInterval: 3600.5}\naffinity: hard\n", &["--set", "replicaCount=3"]),
        (
            "kafka",
            "settings: {advertised: '{{ .Release.Name }}.{{ .Release.Namespace }}.svc'}\nextraEnv:\n- {name: ID, value: '{{ .Chart.Name }}'}\n",
            &["-n", "streams"],
        ),
        (
            "mongodb",
            "commonLabels: {team: '{{ .Release.Name }}-team'}\nannotations: {a: '1'}\n",
            &["--set", "commonAnnotations.b=two,annotations.a=3"],
        ),
        (
            "nginx",
            "image: {registry: docker.io, repository: lib/nginx, tag: 1.27-debian-12-r3}\n",
            &["--set", "global.imageRegistry=mirror.example.org"],
        ),
        (
            "rabbitmq",
            "image: {repository: mq, tag: x, digest: 'sha256:0123'}\nextraEnv: |\n  - name: COOKIE\n    value: {{ .Values.password | b64enc }}\n",
            &["--set-string", "password=12345"],
        ),
        ("mysql", "livenessProbe: {enabled: true, exec: {command: ['sh', '-c', 'ping {{ .Chart.Name }}']}, periodSeconds: 10}\n", &[]),
        ("elasticsearch", "ports: [{name: http, port: 9200}, {name: transport, port: 9300}]\nreplicaCount: 0\n", &["--set", "affinity="]),
    ];
    let base = "replicaCount: 1\nimage: {registry: '', repository: img, tag: 1.0.0, digest: ''}\naffinity: soft\nsettings: {}\ncommonLabels: {}\ncommonAnnotations: {}\nannotations: {}\npassword: ''\nextraEnv: []\nlivenessProbe: {enabled: false}\nports: []\nglobal: {}\n";
    let chart = |(name, values, flags): &(&str, &str, &[&str])| {
        Chart::new(&format!("library-{name}"))
            .metadata("dependencies: [{name: common, version: 1.x.x, repository: 'oci://example.org', tags: [common]}]\n")
            .values(&format!("{base}{values}"))
            .template("all.yaml", LIBRARY_USER)
            .subchart(library())
            .flags(flags)
    };
    variants.iter().map(chart).collect()
}

/// Charts of charts: conditions, tags, aliases, globals, imported values.
fn umbrellas() -> Vec<Chart> {
    let dump = "kind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}, path: {{ .Template.Name }}}\nvalues: {{ toJson .Values }}\nroot: {{ .Chart.IsRoot }}\nsubcharts: {{ keys .Subcharts | sortAlpha | toJson }}\n{{ if .Values.mark }}{{ $_ := set .Values \"marked\" true }}{{ end }}{{ include \"shared\" . }}\n";
    let part = |name: &str, values: &str| {
        Chart::new(name)
            .values(values)
            .template("dump.yaml", dump)
            .template("_shared.tpl", &format!("{{{{ define \"shared\" }}}}by: {name}{{{{ end }}}}"))
    };
    let front =
        || part("front", "port: 80\nglobal: {tier: front, deep: {a: {x: 1}}}\nexports: {public: {exported: {port: 80}}}\nlist: [1]\n");
    let store = || {
        part("store", "size: 1Gi\nnested: {a: 1, b: {c: 2}}\ndata: {inner: {key: v}}\n")
            .metadata("dependencies: [{name: disk, version: '>=1.0.0', condition: disk.enabled}]\n")
            .subchart(part("disk", "kind: ssd\nenabled: true\n"))
    };
    let top = |name: &str, dependencies: &str, values: &str| {
        part(&format!("umbrella-{name}"), values).metadata(&format!("dependencies:\n{dependencies}")).subchart(front()).subchart(store())
    };
    let plain = "- {name: front, version: 1.x.x}\n- {name: store, version: ~1.2.0}\n";
    let conditional = "- {name: front, version: '*', condition: 'front.enabled,global.front', tags: [web]}\n- {name: store, version: '*', condition: store.enabled, tags: [data, slow]}\n";
    vec![
        top("plain", plain, "front: {port: 8080}\nglobal: {tier: top, image: x}\n"),
        top("undeclared", "- {name: front, version: 1.2.3}\n", "store: {size: 2Gi}\n"),
        top("condition-off", conditional, "front: {enabled: false}\n"),
        top("condition-flag", conditional, "front: {enabled: false}\n").flags(&["--set", "front.enabled=true,store.enabled=false"]),
        top("condition-global", conditional, "global: {front: false}\n"),
        top("tags-off", conditional, "tags: {web: false, data: false, slow: true}\n"),
        top("tags-and-condition", conditional, "tags: {web: false, data: false}\nfront: {enabled: true}\n"),
        top("inner-off", plain, "store: {disk: {enabled: false}}\n"),
        top(
            "aliases",
            "- {name: front, version: 1.x.x, alias: left}\n- {name: front, version: 1.x.x, alias: right, condition: right.on}\n- {name: store, version: 1.x.x, alias: db}\n",
            "left: {port: 1}\nright: {port: 2, on: true}\ndb: {size: 9}\n",
        ),
        top(
            "imports",
            "- {name: front, version: 1.x.x, import-values: [public]}\n- {name: store, version: 1.x.x, import-values: [{child: nested, parent: from.store}, {child: data.inner, parent: .}]}\n",
            "exported: {own: 1, port: 81}\nfrom: {store: {a: top}}\n",
        ),
        top("globals", plain, "global: {deep: {a: {y: 2}, b: null}, list: [1, 2]}\nstore: {global: {only: store}}\n")
            .flags(&["--set", "global.deep.a.z=3,global.extra=true"]),
        top("marks", plain, "mark: true\nfront: {mark: true}\nstore: {mark: true}\n"),
        top("nulls-of-the-user", plain, "keep: {a: 1, b: 2}\n").flags(&["--set", "keep.a=null,store.nested=null,front.list=null"]),
        top("nulls-of-the-chart", plain, "gone: null\nkeep: {a: null, b: 1}\nstore: {size: null, nested: {a: null}}\n"),
        part("umbrella-nulls-between", "store: {disk: {size: 1}}\n").subchart(
            part("store", "disk: {kind: null, deep: {a: null}, gone: null}\n").subchart(part("disk", "kind: ssd\ndeep: {a: 1, b: 2}\n")),
        ),
        part("umbrella-old", "a: 1\n")
            .file("requirements.yaml", "dependencies:\n- {name: front, version: 1.x.x, alias: face}\n")
            .subchart(front()),
        top("crds", plain, "")
            .file("crds/a.yaml", "kind: CustomResourceDefinition\nmetadata: {name: a}\n")
            .file("charts/front/crds/b.yaml", "# b\nkind: CustomResourceDefinition\n")
            .flags(&["--include-crds"]),
    ]
}

/// Operators: large definitions, webhooks, roles, hooks.
fn operators() -> Vec<Chart> {
    let schema = |depth: usize| {
        (0..depth).fold("type: string".to_owned(), |inner, level| {
            format!(
                "type: object\nproperties:\n  level{level}:\n    description: |\n      Level {level}: the 'quoted' one.\n    {}",
                inner.replace('\n', "\n    ")
            )
        })
    };
    let crd = |name: &str, depth: usize| {
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: {name}.example.org\nspec:\n  schema:\n    {}\n",
            schema(depth).replace('\n', "\n    ")
        )
    };
    let templates = r#"{{- range $kind := list "Validating" "Mutating" }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: {{ $kind }}WebhookConfiguration
metadata: {name: {{ $kind | lower }}}
webhooks:
{{- range $i, $name := $.Values.kinds }}
- name: {{ $name }}.{{ $i }}.example.org
  rules: [{operations: ["CREATE"{{ if $.Values.strict }}, "UPDATE"{{ end }}], resources: [{{ plural $name (printf "%ss" $name) 2 | quote }}]}]
{{- end }}
{{- end }}
---
kind: APIService
metadata: {name: v1.example.org}
---
kind: Zebra
---
kind: Aardvark
---
kind: ClusterRole
rules:
{{- toYaml .Values.rules | nindent 0 }}
---
kind: Namespace
---
kind: Deployment
---
kind: Service
"#;
    let hooks = r#"{{- range $event, $weight := dict "pre-install" "-5" "post-install,post-upgrade" "10" "pre-delete" "0" "test" "1" "test-success" "2" }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $event | replace "," "-" }}
  annotations:
    helm.sh/hook: {{ $event }}
    helm.sh/hook-weight: {{ $weight | quote }}
    helm.sh/hook-delete-policy: before-hook-creation, hook-succeeded
{{- end }}
---
kind: ServiceAccount
metadata: {name: early, annotations: {helm.sh/hook: 'pre-install, pre-upgrade'}}
---
kind: ConfigMap
metadata: {name: plain, annotations: {helm.sh/resource-policy: keep}}
---
kind: Ignored
metadata: {annotations: {helm.sh/hook: no-such-hook}}
"#;
    let operator = |name: &str| {
        Chart::new(&format!("operator-{name}"))
            .values("kinds: [cluster, backup]\nstrict: true\nrules:\n- apiGroups: ['*']\n  verbs: [get, list]\n  nonResourceURLs: []\n")
            .template("objects.yaml", templates)
            .template("hooks.yaml", hooks)
    };
    vec![
        operator("small"),
        operator("crds")
            .file("crds/one.yaml", &crd("ones", 6))
            .file("crds/two.yml", &crd("twos", 3))
            .file("crds/three.json", "{\"kind\": \"CustomResourceDefinition\"}")
            .file("crds/README.md", "no")
            .flags(&["--include-crds"]),
        operator("big-crds")
            .file("crds/big.yaml", &(0..40).map(|at| crd(&format!("kind{at}"), 12)).collect::<Vec<_>>().join("---\n"))
            .flags(&["--include-crds"]),
        operator("templated-crds").template("crds.yaml", &format!("{{{{- if .Values.strict }}}}\n{}{{{{- end }}}}\n", crd("templated", 5))),
        operator("no-hooks").flags(&["--no-hooks", "--set", "strict=false"]),
        operator("skip-tests").flags(&["--skip-tests"]),
        operator("show-only").flags(&["--show-only", "templates/hooks.yaml", "--show-only", "templates/obj*.yaml"]),
    ]
}

/// Monitoring stacks: hundreds of generated rules and dashboards, everything behind a switch.
fn stacks() -> Vec<Chart> {
    let rules = r#"{{- $kube := default .Capabilities.KubeVersion.GitVersion .Values.kubeTargetVersionOverride }}
{{- range $group := until (int .Values.groups) }}
{{- if and $.Values.create (semverCompare ">=1.14.0-0" $kube) (semverCompare "<9.9.9-9" $kube) (not (has (printf "group%d" $group) $.Values.disabled)) }}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ printf "%s-%s" $.Release.Name (printf "rule-group-number-%d" $group) | trunc 63 | trimSuffix "-" }}
  labels:
    app: {{ $.Chart.Name }}
{{- if $.Values.labels }}
{{ toYaml $.Values.labels | indent 4 }}
{{- end }}
spec:
  groups:
  - name: group{{ $group }}
    rules:
{{- range $rule := until 6 }}
{{- if not (dig (printf "Alert%d" $rule) false $.Values.silent) }}
    - alert: Alert{{ $rule }}
      annotations:
        description: '{{`{{`}} $labels.namespace {{`}}`}}/{{`{{`}} $labels.pod {{`}}`}} is {{`{{ printf "%.2f" $value }}`}} for {{ $.Values.window }}'
        runbook_url: {{ $.Values.runbook }}/alert{{ $rule | toString | lower }}
      expr: |-
        sum by (namespace, {{ range $.Values.extraLabels }}{{ . }},{{ end }} cluster) (rate(metric_{{ $rule }}{job="{{ $.Release.Name }}"}[{{ $.Values.window }}])) > {{ mulf $rule 0.5 }}
      for: {{ dig "Alert" "for" "15m" $.Values.custom }}
      labels:
        severity: {{ index (list "info" "warning" "critical") (mod $rule 3) }}
        {{- with $.Values.more }}
          {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
"#;
    let dashboards = r#"{{- if or .Values.dashboards .Values.forceDashboards }}
{{- range $path, $bytes := .Files.Glob "dashboards/*.json" }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ base $path | trimSuffix ".json" | printf "%s-dashboard" }}
data:
  {{ base $path }}: {{ $.Files.Get $path | fromJson | toJson | quote }}
  raw: |-
{{ $.Files.Get $path | trim | indent 4 }}
---
{{- end }}
{{- end }}
"#;
    let json = |at: usize| {
        format!(
            "{{\"title\": \"Board {at}\", \"uid\": \"b{at}\", \"panels\": [{{\"expr\": \"up{{job=\\\"x\\\"}}\", \"y\": {at}.5}}, null, 1e3]}}\n"
        )
    };
    let stack = |name: &str| {
        let values = "create: true\ngroups: 20\ndisabled: [group3]\nlabels: {release: x}\nsilent: {Alert2: true}\nwindow: 5m\nrunbook: https://example.org\nextraLabels: []\ncustom: {}\ndashboards: true\n";
        (0..12)
            .fold(Chart::new(&format!("stack-{name}")), |chart, at| chart.file(&format!("dashboards/board-{at}.json"), &json(at)))
            .values(values)
            .template("rules.yaml", rules)
            .template("dashboards.yaml", dashboards)
    };
    vec![
        stack("default"),
        stack("labels").flags(&["--set", "extraLabels={cluster,region},more.team=a,labels.n=1,groups=5"]),
        stack("off").flags(&["--set", "create=false,dashboards=false"]),
        stack("large").flags(&["--set", "groups=150,window=10m", "--set-json", r#"custom={"Alert":{"for":"1h"}}"#]),
        stack("override").flags(&["--set", "kubeTargetVersionOverride=1.13.0", "--set-string", "groups=3"]),
    ]
}

/// Values that come in every form.
fn settings() -> Vec<Chart> {
    let dump = "kind: ConfigMap\nvalues:\n{{ toYaml .Values | indent 2 }}\ntypes: {{ range $k, $v := .Values }}{{ $k }}={{ typeOf $v }},{{ end }}\n";
    let chart = |name: &str, flags: &[&str]| {
        let values = "a: 1\nb: {c: [1, 2], d: x}\nlist: [{n: 1}, {n: 2}]\nempty: {}\n\"quoted key\": v\n1: number\n";
        Chart::new(&format!("settings-{name}"))
            .values(values)
            .template("dump.yaml", dump)
            .file("one.yaml", "a: 2\nb: {c: [9], e: 1.0}\n")
            .file("two.yaml", "b: {d: null}\nlist: null\n")
            .file("text.txt", "line\nsecond\n")
            .flags(flags)
    };
    let schema = r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["a"],"properties":{"a":{"type":"integer","minimum":1},"b":{"type":"object"}}}"#;
    vec![
        chart("none", &[]),
        chart("files", &["-f", "CHART/one.yaml", "-f", "CHART/two.yaml"]),
        chart("files-by-commas", &["-f", "CHART/two.yaml,CHART/one.yaml"]),
        chart("set", &["--set", "a=x\\,y,b.c[1]=7,b.c[3]=8,list[0].n=null,n.e.w={1,two,true},zero=0,lead=007,neg=-5,f=1.5,nil=null,e="]),
        chart("set-string", &["--set-string", "a=1,b.d=true,z=null", "--set", "a=2"]),
        chart("set-json", &["--set-json", r#"a={"k":[1,2.5,null]},b.c=[{"x":1}]"#, "--set-json", "list=null"]),
        chart("set-file", &["--set-file", "a=CHART/text.txt,b.f=CHART/one.yaml"]),
        chart("set-literal", &["--set-literal", r"a.b=x,y={z}\n", "--set", "b.d=1"]),
        chart("together", &["-f", "CHART/one.yaml", "--set", "x=set", "--set-string", "x=string", "--set-json", "x=1", "--set-file", "y=CHART/text.txt", "--set-literal", "z=l"]),
        chart("schema", &[]).file("values.schema.json", schema),
        chart("schema-broken", &["--set", "a=text"]).file("values.schema.json", schema).fails(),
        chart("schema-skipped", &["--set", "a=text", "--skip-schema-validation"]).file("values.schema.json", schema),
        chart("kube-version", &["--kube-version", "1.30"]).metadata("kubeVersion: '>=1.25.0-0 <1.40.0'\n"),
        chart("kube-version-broken", &["--kube-version", "1.24"]).metadata("kubeVersion: '>=1.25.0-0'\n").fails(),
        chart("byte-order-mark", &[]).file("config/bom.txt", "\u{feff}text").template("bom.yaml", "\u{feff}kind: Secret\ndata: {t: {{ .Files.Get \"config/bom.txt\" | b64enc }}}\n"),
        chart("library", &[]).metadata("type: library\n").fails(),
        chart("deprecated", &[]).metadata("deprecated: true\nannotations: {a: b}\nkeywords: [x]\nmaintainers: [{name: n, email: e}]\nsources: [s]\n").template("chart.yaml", "kind: Secret\nname: {{ .Chart.Name }}\nkeywords: {{ .Chart.Keywords | join \",\" }}\nwho: {{ range .Chart.Maintainers }}{{ .Name }} {{ .Email }}{{ end }}\nsources: {{ first .Chart.Sources }}\nnote: {{ .Chart.Annotations.a }}\nis: {{ .Chart.Deprecated }} {{ .Chart.Type }}\n"),
    ]
}

/// What the two helms do differently.
fn versions() -> Vec<Chart> {
    let dump = "kind: ConfigMap\nvalues: {{ toJson .Values }}\n";
    let chart = |name: &str, values: &str, text: &str| Chart::new(&format!("version-{name}")).values(values).template("all.yaml", text);
    let about = "keywords: [a, b]\nhome: h\nsources: [s]\nmaintainers: [{name: n, email: e}]\nannotations: {k: v}\ndependencies: [{name: part, version: 1.x.x, tags: [t], import-values: [x]}]\n";
    let described =
        |name: &str, text: &str| chart(name, "", text).metadata(about).subchart(Chart::new("part").values("exports: {x: {y: 1}}\n"));
    vec![
        chart("documents", "a: 1\nm: {x: 1}\n---\nb: 2\nm: {y: null, z: 3}\n--- # last\na: 4\n", dump),
        chart("documents-of-files", "a: 1\n", dump).file("two.yaml", "---\na: 2\n---\nb: {c: 3}\n").flags(&["-f", "CHART/two.yaml"]),
        chart("json-table", "a: 1\n", dump).flags(&["--set-json", r#"{"a": 2, "b": {"c": [1.5]}}"#]).fails_with(&["helm3"]),
        chart("nulls", "a: null\nb: {c: null, d: {e: null, f: 1}}\nl: [null, {g: null}]\n", dump).flags(&["--set", "b.x=1,z=null"]),
        chart("types", "a: {}\n", "kind: A\ntypes: {{ list .Values .Chart .Capabilities.KubeVersion . .Values.a .Template | join \"\" | len | gt 1 }} {{ typeOf .Values }} {{ typeOf . }} {{ typeOf .Capabilities }} {{ kindOf .Chart }}\n"),
        chart("kube-version", "", "kind: A\nv: {{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.KubeVersion.GitVersion }} {{ .Capabilities.KubeVersion.Minor }}\n").flags(&["--kube-version", "1.33.4-gke.1245000"]),
        chart("no-kube-version", "", "kind: A\nv: {{ .Capabilities.KubeVersion }} {{ .Capabilities.HelmVersion.Version }} {{ .Capabilities.APIVersions | toJson }}\n"),
        described("chart-fields", "kind: A\nc: {{ .Chart.Name }} {{ .Chart.Keywords }} {{ .Chart.Annotations }} {{ (first .Chart.Maintainers).Email }} {{ (first .Chart.Dependencies).ImportValues }} {{ .Chart.IsRoot }}\n"),
        described("chart-printed", "kind: A\nc: {{ .Chart.Sources | toString | quote }}\nj: {{ toJson .Chart }}\ny: {{ toYaml .Chart | toJson }}\np: {{ toPrettyJson (first .Chart.Dependencies) | toJson }}\n"),
        described("chart-unknown-field", "kind: A\nc: {{ .Chart.Nothing }}\n").fails_with(&["helm3"]),
        described("chart-changed", "kind: A\nc: {{ set .Chart \"More\" 1 | len }}\n").fails_with(&["helm3"]),
        chart("white-space", "", "kind: A\ntext: |\n  x\n\n\n---\n\n\n   \n---   \nkind: B\ntext: |+\n  y\n\n\n---kind: C\n"),
        chart("webhooks", "", "kind: ValidatingWebhookConfiguration\n---\nkind: Certificate\n---\nkind: MutatingWebhookConfiguration\n---\nkind: APIService\n---\nkind: Zone\n"),
    ]
}

/// What templates are given, printed whole.
fn objects() -> Vec<Chart> {
    // the helms of the testbed are built with the Go of the machine
    let without_go = |value: &str| format!("regexReplaceAll \"go1[0-9.]+\" ({value} | toYaml) \"go\" | toJson");
    let text = ["Chart", "Release", "Template", "Files", "Values", "Capabilities.KubeVersion"]
        .map(|name| {
            format!("{name}: [{{{{ .{name} | toYaml | toJson }}}}, {{{{ .{name} | toJson | quote }}}}, {{{{ typeOf .{name} | quote }}}}]\n")
        })
        .concat();
    let chart_fields = ["Annotations", "Keywords", "Sources", "Maintainers", "Dependencies"]
        .map(|name| format!("{name}: [{{{{ .Chart.{name} | toYaml | quote }}}}, {{{{ .Chart.{name} | toJson | quote }}}}, {{{{ len .Chart.{name} }}}}, {{{{ typeOf .Chart.{name} | quote }}}}]\n"))
        .concat();
    let versions = ["KubeVersion", "APIVersions", "HelmVersion"]
        .map(|name| {
            format!("{name}: [{{{{ {} }}}}, {{{{ typeOf .Capabilities.{name} | quote }}}}]\n", without_go(&format!(".Capabilities.{name}")))
        })
        .concat();
    let all = format!(
        "kind: A\n{text}pretty: [{{{{ toYamlPretty .Chart.Annotations | quote }}}}, {{{{ toYamlPretty .Chart.Keywords | quote }}}}]\n{chart_fields}{versions}keys: {{{{ keys . | sortAlpha }}}}\nsub: {{{{ {} }}}}\nall: {{{{ {} }}}}\nhas: {{{{ .Capabilities.APIVersions.Has \"v1\" }}}} {{{{ .Capabilities.APIVersions | len | lt 3 }}}} {{{{ first .Capabilities.APIVersions }}}}\n",
        without_go(".Subcharts"),
        without_go("."),
    );
    let flags = ["--kube-version", "1.33.2", "--namespace", "there", "--is-upgrade"];
    let metadata = "appVersion: 1.10\ndescription: d\nkubeVersion: '>=1.20'\ntype: application\nhome: h\nicon: i\nkeywords: [a]\nsources: [s]\n\
        maintainers: [{name: n, email: e, url: u}, {name: m}]\nannotations: {a/b: '1'}\ndeprecated: true\n";
    // a dependency of a dependency under two other names, below another name
    let deep = Chart::new("deep").values("x: 0\n").template("all.yaml", &all);
    let twice = "dependencies: [{name: deep, version: '*', alias: deeper}, {name: deep, version: '*', alias: deepest, condition: deepest.enabled}]\n";
    let middle =
        Chart::new("middle").metadata(twice).values("a: {z: 1}\nexports: {data: {q: 1}}\n").template("all.yaml", &all).subchart(deep);
    let imports = "dependencies: [{name: middle, version: '*', alias: other, import-values: [data, {child: a, parent: b}], tags: [t]}]\n";
    vec![
        Chart::new("objects-bare").template("all.yaml", &all).flags(&flags),
        Chart::new("objects-described").metadata(metadata).file("files/a.txt", "hi\n").template("all.yaml", &all).flags(&flags),
        Chart::new("objects-of-aliases")
            .metadata(imports)
            .values("other: {deeper: {x: 1}, deepest: {x: 2, enabled: true}}\n")
            .template("all.yaml", &all)
            .subchart(middle)
            .flags(&flags),
    ]
}

/// White space, documents, control flow and failures.
fn layouts() -> Vec<Chart> {
    let chart = |name: &str, text: &str| {
        Chart::new(&format!("layout-{name}")).values("items: {b: 2, a: 1}\nnone: []\nnum: 3\n").template("all.yaml", text)
    };
    vec![
        chart("trim", "{{- /* c */ -}}\nkind: A\n{{- if true }}\n  {{- if false }}\n  x\n  {{- else if .Values.num }}\nb: 1\n  {{- end }}\n{{ end -}}\nspec: {{- \" x\" }}   \n\ny: {{ -3 }}{{- \"\" -}}  \n\n"),
        chart("loops", "kind: A\n{{- range $i, $e := list 1 2 3 4 }}\n{{- if eq $e 2 }}{{ continue }}{{ end }}{{ if eq $e 4 }}{{ break }}{{ end }}\nv{{ $i }}: {{ $e }}\n{{- end }}\n{{- range .Values.none }}x{{ else }}\nempty: true{{ end }}\n{{- range $k, $v := .Values.items }}\n{{ $k }}: {{ $v }}{{ end }}\n{{- $s := 0 }}{{ range .Values.items }}{{ $s = add $s . }}{{ end }}\nsum: {{ $s }}\n{{- with $x := 5 }}\nwith: {{ $x }}{{ end }}\n"),
        chart("documents", "---\n# only a comment\n---\nkind: B\n---\n\n---\n---\nkind: A\ntext: |\n  ---x\n  a --- b\n--- # tail\nkind: C\n---"),
        chart("empty", "{{ if false }}kind: A{{ end }}\n"),
        chart("windows", "kind: A\r\ndata:\r\n  a: {{ .Values.num }}\r\n---\r\nkind: B\r\n"),
        chart("includes", "{{ define \"a\" }}{{ if gt (int .) 0 }}{{ . }}{{ include \"a\" (sub (int .) 1) }}{{ end }}{{ end }}x: {{ block \"b\" 2 }}[{{ . }}]{{ end }}\nkind: {{ include \"a\" .Values.num }}\n{{ template \"b\" 7 }}: 1\n").template("_z.tpl", "{{ define \"b\" }}over-{{ . }}{{ end }}"),
        chart("tpl-loop", "kind: A\n{{ range $i := until 50 }}t{{ $i }}: {{ tpl \"{{ .n | add 1 }}-{{ include \\\"h\\\" . }}\" (dict \"n\" $i \"Template\" $.Template) }}\n{{ end }}{{ define \"h\" }}{{ .n | mul 2 }}{{ end }}"),
        chart("order", "kind: ConfigMap\n---\nkind: Secret\n").template("b/deep.yaml", "kind: Secret\nwho: {{ .Template.Name }} {{ set .Values \"seen\" true | len }}\n").template("0.yaml", "kind: Secret\nseen: {{ .Values.seen }}\n").template("list.yml", "apiVersion: v1\nkind: List\nitems: [{kind: Secret}]\n").template("x.txt", "kind: FromText\n"),
        chart("fails", "{{ fail \"no way\" }}").fails(),
        chart("requires", "{{ required \"port is needed\" .Values.port }}").fails(),
        chart("nil-pointer", "a: {{ .Values.a.b.c }}").fails(),
        chart("no-yaml", "kind: A\n b: c\n").fails(),
        chart("unknown-function", "{{ nosuch }}").fails(),
        chart("compares-types", "{{ if eq .Values.num 3 }}a{{ end }}").fails(),
        application("layout-release-name").flags(&["--release-name"]),
    ]
}
