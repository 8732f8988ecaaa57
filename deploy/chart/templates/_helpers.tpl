{{- define "regsearch.name" -}}
{{- if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "regsearch.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "regsearch.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{ include "regsearch.selector" . }}
{{- end }}

{{- /* A table of TOML: JSON has the same texts, numbers and lists. Tables come after the other keys. */}}
{{- define "regsearch.toml" -}}
{{- $path := .path }}
{{- range $key, $value := .table }}
{{- if not (or (kindIs "map" $value) (and (kindIs "slice" $value) (kindIs "map" (first $value)))) }}
{{ $key }} = {{ $value | toJson }}
{{- end }}
{{- end }}
{{- range $key, $value := .table }}
{{- $name := prepend (list $key) $path | compact | join "." }}
{{- if kindIs "map" $value }}

[{{ $name }}]
{{- include "regsearch.toml" (dict "path" $name "table" $value) }}
{{- else if and (kindIs "slice" $value) (kindIs "map" (first $value)) }}
{{- range $value }}

[[{{ $name }}]]
{{- include "regsearch.toml" (dict "path" $name "table" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "regsearch.settings" -}}
{{- include "regsearch.toml" (dict "path" "" "table" .Values.settings) }}
{{- range $index, $registry := .Values.registries }}
{{- $table := omit $registry "passwordSecret" "dockerConfigSecret" "webhookSecret" "caConfigMap" }}
{{- if $registry.passwordSecret }}
{{- $_ := set $table "password_file" (printf "/run/secrets/regsearch/%d/password" $index) }}
{{- end }}
{{- if $registry.dockerConfigSecret }}
{{- $_ := set $table "docker_config" (printf "/run/secrets/regsearch/%d/config.json" $index) }}
{{- end }}
{{- if $registry.webhookSecret }}
{{- $_ := set $table "webhook_secret_file" (printf "/run/secrets/regsearch/%d/webhook-secret" $index) }}
{{- end }}
{{- if $registry.caConfigMap }}
{{- $_ := set $table "ca_file" (printf "/run/secrets/regsearch/%d/ca.crt" $index) }}
{{- end }}

[[registry]]
{{- include "regsearch.toml" (dict "path" "registry" "table" $table) }}
{{- end }}
{{- end }}
