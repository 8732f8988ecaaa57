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

{{- /* What runs: one service; or the indexer nodes, and the search nodes, whose Service has the name of the one. */}}
{{- define "regsearch.parts" -}}
{{- $name := include "regsearch.name" . }}
{{- if .Values.nodes }}
{{- $shared := omit .Values.persistence "existingClaim" }}
{{- range .Values.nodes }}
- name: {{ printf "%s-node-%s" $name .name }}
  service: {{ printf "%s-node-%s" $name .name }}
  node: {{ .name | quote }}
  registries: {{ .registries | toJson }}
  component: {{ printf "node-%s" .name }}
  persistence: {{ mergeOverwrite (deepCopy $shared) (.persistence | default dict) | toJson }}
  resources: {{ .resources | default dict | toJson }}
{{- end }}
- name: {{ $name }}-search
  service: {{ $name }}
  component: search
  isSearch: true
  resources: {{ .Values.search.resources | toJson }}
{{- else }}
- name: {{ $name }}
  service: {{ $name }}
  persistence: {{ .Values.persistence | toJson }}
{{- end }}
{{- end }}

{{- /* Whether a part reads a registry, so that it needs what is secret of it: a node has registries of its own. */}}
{{- define "regsearch.reads" -}}
{{- $part := index . 0 }}{{ $registry := index . 1 }}
{{- if not (or $part.node $part.isSearch) }}yes
{{- else if has ($registry.name | default "default") ($part.registries | default list) }}yes
{{- end }}
{{- end }}

{{- /* The files of a registry in the pods of a part. Search nodes ask it too, as their callers, and trust the same CA. */}}
{{- define "regsearch.files" -}}
{{- $registry := index . 1 }}
{{- if include "regsearch.reads" . }}
{{- with $registry.passwordSecret }}
- secret:
    name: {{ .name }}
    items:
      - key: {{ .key | default "password" }}
        path: password
{{- end }}
{{- with $registry.dockerConfigSecret }}
- secret:
    name: {{ . }}
    items:
      - key: .dockerconfigjson
        path: config.json
{{- end }}
{{- with $registry.webhookSecret }}
- secret:
    name: {{ .name }}
    items:
      - key: {{ .key | default "webhook-secret" }}
        path: webhook-secret
{{- end }}
{{- end }}
{{- with $registry.caConfigMap }}
- configMap:
    name: {{ .name }}
    items:
      - key: {{ .key | default "ca.crt" }}
        path: ca.crt
{{- end }}
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

{{- /* The settings of a part. All of them say with what a registry is read: who may see it depends on that. */}}
{{- define "regsearch.settings" -}}
{{- $part := index . 1 }}
{{- with index . 0 }}
{{- $settings := deepCopy .Values.settings }}
{{- if .Values.opensearch.passwordSecret }}
{{- $_ := set $settings "opensearch_password_file" "/run/secrets/regsearch/opensearch/password" }}
{{- end }}
{{- if .Values.opensearch.caConfigMap }}
{{- $_ := set $settings "opensearch_ca_file" "/run/secrets/regsearch/opensearch/ca.crt" }}
{{- end }}
{{- if .Values.nodes }}
{{- $_ := set $settings "node_secret_file" "/run/secrets/regsearch/nodes/node-secret" }}
{{- $access := dict "session_secret_file" "/run/secrets/regsearch/nodes/session-secret" "tokens_file" "/run/secrets/regsearch/nodes/tokens" }}
{{- $_ := set $settings "access" (merge ($settings.access | default dict) $access) }}
{{- end }}
{{- include "regsearch.toml" (dict "path" "" "table" $settings) }}
{{- range $index, $registry := .Values.registries }}
{{- $table := omit $registry "passwordSecret" "dockerConfigSecret" "webhookSecret" "caConfigMap" }}
{{- if $registry.passwordSecret }}
{{- $_ := set $table "password_file" (printf "/run/secrets/regsearch/%d/password" $index) }}
{{- end }}
{{- if $registry.dockerConfigSecret }}
{{- $_ := set $table "docker_config" (printf "/run/secrets/regsearch/%d/config.json" $index) }}
{{- end }}
{{- if and $registry.webhookSecret (include "regsearch.reads" (list $part $registry)) }}
{{- $_ := set $table "webhook_secret_file" (printf "/run/secrets/regsearch/%d/webhook-secret" $index) }}
{{- end }}
{{- if $registry.caConfigMap }}
{{- $_ := set $table "ca_file" (printf "/run/secrets/regsearch/%d/ca.crt" $index) }}
{{- end }}

[[registry]]
{{- include "regsearch.toml" (dict "path" "registry" "table" $table) }}
{{- end }}
{{- $path := (urlParse (.Values.settings.public_url | default "")).path | trimSuffix "/" }}
{{- $root := . }}
{{- range include "regsearch.parts" . | fromYamlArray }}
{{- if .node }}
{{- $url := printf "http://%s.%s.svc:%v%s" .service $root.Release.Namespace $root.Values.service.port $path }}

[[node]]
{{- include "regsearch.toml" (dict "path" "node" "table" (dict "name" .node "url" $url "registries" .registries)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
