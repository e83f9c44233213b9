{{- define "database.name" -}}
{{- tpl .Values.nameFormat . | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "database.labels" -}}
{{- range $name, $value := .Values.labels }}
{{ $name }}: {{ tpl $value $ | quote }}
{{- end }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "database.claim" -}}
{{- $root := index . 0 }}{{ $volume := index . 1 -}}
metadata:
  name: {{ $volume.name }}
  labels: {{- include "database.labels" $root | nindent 4 }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with $volume.class }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests: {storage: {{ $volume.size }}}
{{- end -}}
