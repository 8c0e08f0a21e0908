{{/* The roles, as in pizzashop/roles.py: their ports, which roles may call them, and whether they have a Service. */}}
{{- define "pizzashop.roles" -}}
order: {port: 8001, service: true, callers: [storefront, kitchen, delivery, workflow]}
storefront: {port: 8002, service: true, callers: [workflow]}
kitchen: {port: 8003, service: false, callers: [workflow]}
delivery: {port: 8004, service: false, callers: [workflow]}
workflow: {port: 8005, service: true, callers: [storefront]}
{{- end }}

{{- define "pizzashop.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "pizzashop.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{- define "pizzashop.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pizzashop.labels" -}}
{{ include "pizzashop.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The names under which a request may reach the shop. */}}
{{- define "pizzashop.hosts" -}}
{{- $hosts := list }}
{{- range $role, $facts := include "pizzashop.roles" . | fromYaml }}
{{- if $facts.service }}
{{- $service := printf "%s-%s" (include "pizzashop.name" $) $role }}
{{- $hosts = append $hosts $service }}
{{- $hosts = append $hosts (printf "%s.%s" $service $.Release.Namespace) }}
{{- $hosts = append $hosts (printf "%s.%s.svc" $service $.Release.Namespace) }}
{{- end }}
{{- end }}
{{- with .Values.ingress }}
{{- if .enabled }}
{{- $hosts = concat $hosts (compact (list .host .apiHost)) }}
{{- end }}
{{- end }}
{{- join "," $hosts }}
{{- end }}

{{- define "pizzashop.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "pizzashop.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
