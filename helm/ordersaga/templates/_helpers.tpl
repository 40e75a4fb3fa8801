{{/* A Service's name begins with a letter, a release's may not. */}}
{{- define "ordersaga.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if and (contains .Chart.Name .Release.Name) (regexMatch "^[a-z]" .Release.Name) -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- ternary (printf "%s-%s" .Release.Name .Chart.Name) (printf "%s-%s" .Chart.Name .Release.Name) (regexMatch "^[a-z]" .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "ordersaga.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end -}}

{{- define "ordersaga.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* Of the migration's pod: nothing that selects the service may find it. */}}
{{- define "ordersaga.migrateSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-migrate
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "ordersaga.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "ordersaga.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* The Deployments, by the names of `roles`. */}}
{{- define "ordersaga.parts" -}}
{{- if .Values.split }}intake worker relay{{ if include "ordersaga.webPort" . }} web{{ end }}{{ else }}all{{ end -}}
{{- end -}}

{{/* The port for notifications; empty: there is none. */}}
{{- define "ordersaga.webPort" -}}
{{- with dig "web" "port" 0 .Values.settings }}{{ . | int }}{{ end -}}
{{- end -}}

{{- define "ordersaga.externalSecret" -}}
{{ include "ordersaga.fullname" . }}-settings
{{- end -}}

{{/* Of the pod of `helm test`: nothing that selects the service may find it. */}}
{{- define "ordersaga.testSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-test
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* The metrics of this release alone: the job is named after its Service. */}}
{{- define "ordersaga.job" -}}
{{- printf `job="%s",namespace="%s"` (include "ordersaga.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "ordersaga.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "ordersaga.config" -}}
ordersaga.toml: |
  {{- .Values.settings | toToml | nindent 2 }}
{{- end -}}

{{/* What the pods of the service and of the migration share. */}}
{{- define "ordersaga.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false {{- /* a Service's variables may have names of settings */}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "ordersaga.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- define "ordersaga.container" -}}
image: {{ include "ordersaga.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{ include "ordersaga.containerSecurity" . }}
env:
  - {name: ORDERSAGA_CONFIG, value: /etc/ordersaga/config/ordersaga.toml}
  - {name: ORDERSAGA_SECRETS_DIR, value: /etc/ordersaga/secrets}
  - {name: ORDERSAGA_METRICS_PORT, value: {{ .Values.metrics.port | quote }}}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - {name: config, mountPath: /etc/ordersaga/config, readOnly: true}
  - {name: secrets, mountPath: /etc/ordersaga/secrets, readOnly: true}
  {{- if .Values.files }}
  - {name: files, mountPath: /etc/ordersaga/files, readOnly: true}
  {{- end }}
  - {name: tmp, mountPath: /tmp}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* `config`: the ConfigMap's name. */}}
{{- define "ordersaga.volumes" -}}
- name: config
  configMap: {name: {{ .config }}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range .root.Values.secrets }}
      - secret: {{- toYaml . | nindent 10 }}
      {{- end }}
      {{- if .root.Values.externalSecret.enabled }}
      - secret: {name: {{ include "ordersaga.externalSecret" .root }}}
      {{- end }}
{{- with .root.Values.files }}
- name: files
  projected:
    defaultMode: 0440
    sources: {{- toYaml . | nindent 6 }}
{{- end }}
- name: tmp
  emptyDir: {sizeLimit: 16Mi}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
