{{- define "millrace.name" -}}
{{- if contains "millrace" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-millrace" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "millrace.selector" -}}
app.kubernetes.io/name: millrace
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "millrace.labels" -}}
{{ include "millrace.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "millrace.secretVariables" -}}
{{- $names := list "MILLRACE_INSTALLATION_SECRET" "MILLRACE_DATABASE_URL" }}
{{- if .Values.clickhouse.enabled }}{{ $names = append $names "MILLRACE_CLICKHOUSE_URL" }}{{ end }}
{{- if .Values.kafka.sasl.mechanism }}{{ $names = append $names "MILLRACE_KAFKA_PASSWORD" }}{{ end }}
{{- if .Values.redis.enabled }}{{ $names = append $names "MILLRACE_REDIS_URL" }}{{ end }}
{{- /* A Kafka that nobody signs in to has no password. */ -}}
{{- $upstream := default "" (get .Values.config "MILLRACE_FORWARD_URL") }}
{{- if and $upstream (or (not (hasPrefix "kafka" $upstream)) (hasKey .Values.config "MILLRACE_FORWARD_SASL")) }}{{ $names = append $names "MILLRACE_FORWARD_TOKEN" }}{{ end }}
{{- if hasKey .Values.config "MILLRACE_WEBHOOK_URL" }}{{ $names = append $names "MILLRACE_WEBHOOK_SECRET" }}{{ end }}
{{- if .Values.tracing.headersInSecret }}{{ $names = append $names "OTEL_EXPORTER_OTLP_HEADERS" }}{{ end }}
{{- join " " $names }}
{{- end }}

{{- define "millrace.scalerPort" -}}
8082
{{- end }}

{{/* What the chart sets itself. */}}
{{- define "millrace.settings" -}}
MILLRACE_HOST: 0.0.0.0
{{/* Probes and the API come over plain HTTP inside the cluster; who reaches it is up to the network policies. */ -}}
MILLRACE_ALLOW_PLAINTEXT: "true"
MILLRACE_PARTITIONS: {{ .Values.partitions | quote }}
MILLRACE_KAFKA_BROKERS: {{ .Values.kafka.brokers | quote }}
MILLRACE_KAFKA_TLS: {{ .Values.kafka.tls.enabled | quote }}
MILLRACE_CLICKHOUSE: {{ .Values.clickhouse.enabled | quote }}
{{- if .Values.kafka.tls.caSecret }}
MILLRACE_KAFKA_TLS_CA: /etc/millrace/kafka/ca.crt
{{- end }}
{{- with .Values.kafka.sasl.mechanism }}
MILLRACE_KAFKA_SASL: {{ . }}
MILLRACE_KAFKA_USER: {{ $.Values.kafka.sasl.user | quote }}
{{- end }}
{{- if gt (float64 .Values.tracing.sample) 0.0 }}
MILLRACE_TRACE_SAMPLE: {{ .Values.tracing.sample | quote }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ .Values.tracing.endpoint | quote }}
{{- end }}
{{- end }}
