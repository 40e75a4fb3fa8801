{{/* What the schema can't refuse, or not helpfully. */}}
{{- define "ordersaga.checks" -}}
{{- $root := . }}
{{- range $part := include "ordersaga.parts" . | splitList " " }}
{{- $scaling := (index $root.Values.roles $part).autoscaling }}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}
{{- fail (printf "roles.%s.autoscaling.minReplicas is %d, more than maxReplicas, which is %d" $part (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}
{{- end }}
{{- end }}
{{- with include "ordersaga.webPort" . }}
{{- if eq (int .) (int $root.Values.metrics.port) }}
{{- fail (printf "settings.web.port is the same as metrics.port, %s: choose another one" .) }}
{{- end }}
{{- end }}
{{- $derived := dict
      "ORDERSAGA_CONFIG" "settings"
      "ORDERSAGA_SECRETS_DIR" "secrets"
      "ORDERSAGA_METRICS_PORT" "metrics.port"
      "ORDERSAGA_SHUTDOWN_TIMEOUT" "settings.shutdown_timeout"
      "ORDERSAGA_WEB" "settings.web"
      "ORDERSAGA_WEB__PORT" "settings.web.port" }}
{{- range .Values.extraEnv }}
{{- $name := upper (toString .name) }}
{{- with get $derived $name }}
{{- fail (printf "extraEnv can't have %s, as the chart derives ports, mounts or the grace period from it: set %s" $name .) }}
{{- end }}
{{- end }}
{{- range $name := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" }}
{{- if hasKey $root.Values.podLabels $name }}
{{- fail (printf "podLabels can't have %s: it is the chart's own" $name) }}
{{- end }}
{{- end }}
{{- if hasKey .Values.podAnnotations "checksum/config" }}
{{- fail "podAnnotations can't have checksum/config: it is the chart's own" }}
{{- end }}
{{- end -}}
