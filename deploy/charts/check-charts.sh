#!/usr/bin/env bash
# `npm run charts`: renders the chart with several values, holds what comes out against the schemas of Kubernetes, KEDA, the Prometheus and
# the External Secrets Operator, sees that values that contradict each other are refused, and tests the alert rules. --install brings the tools
# first (Go, Python with venv, promtool of Debian's prometheus). Without the tools it says so and ends with 0.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=${MILLRACE_CHART_TOOLS:-$HOME/.cache/millrace-chart-tools}
export PATH="$tools/bin:$PATH"

install_tools() {
  mkdir -p "$tools"
  command -v kubeconform >/dev/null || GOBIN="$tools/bin" timeout 300 go install github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0
  command -v helm >/dev/null || GOBIN="$tools/bin" timeout 300 go install -ldflags="-s -w" helm.sh/helm/v3/cmd/helm@v3.18.6
  [ -d "$tools/python" ] || python3 -m venv "$tools/python"
  timeout 120 "$tools/python/bin/pip" install -q kubernetes-validate==1.37.0 cloudcoil-models-keda==2.16.1.0 cloudcoil-models-prometheus-operator==0.80.1.0
  # The operator's own definitions: a package of it has no models of them.
  local operator
  operator=$(cd "$tools" && timeout 120 go mod download -json github.com/external-secrets/external-secrets@v0.16.2 | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  "$tools/python/bin/python" deploy/charts/write-schemas.py "$tools/schemas" "$operator/config/crds/bases/external-secrets.io_externalsecrets.yaml"
}

[ "${1:-}" != --install ] || install_tools || echo "charts: not all tools could be installed"
for tool in helm kubeconform promtool; do
  command -v "$tool" >/dev/null || { echo "charts: skipped, there is no $tool (npm run charts -- --install)"; exit 0; }
done
[ -d "$tools/schemas" ] || { echo "charts: skipped, there are no schemas (npm run charts -- --install)"; exit 0; }

chart=deploy/helm/millrace
least=(--set secrets.existingSecret=millrace,kafka.brokers=kafka:9092)
render() { helm template millrace "$chart" --kube-version 1.35.0 "$@"; }

valid() {
  local name=$1
  shift
  echo "== $name"
  render "$@" | kubeconform -strict -summary -schema-location "$tools/schemas/{{.ResourceKind}}{{.KindSuffix}}.json" -
}

# refused SENTENCE VALUES...
refused() {
  local sentence=$1 said
  shift
  if said=$(render "$@" 2>&1); then echo "charts: not refused: $*"; exit 1; fi
  grep -qF -- "$sentence" <<<"$said" || { printf 'charts: %s is refused, but not with "%s":\n%s\n' "$*" "$sentence" "$said"; exit 1; }
  echo "refused: $sentence"
}

valid "small" "${least[@]}"
valid "production" -f "$chart/values-production.yaml"
valid "certificates of devices" "${least[@]}" --set gateway.tls.secretName=tls,gateway.tls.clientCaSecret=ca,gateway.tls.clientCertRequired=true,gateway.service.plainMqtt=false
valid "no tables, no policies" "${least[@]}" --set clickhouse.enabled=false,networkPolicy.enabled=false
valid "external secrets" "${least[@]}" --set secrets.externalSecret.enabled=true,secrets.externalSecret.storeName=vault,secrets.externalSecret.remoteKey=millrace
keda=("${least[@]}" --set processors.replicas=null,processors.keda.enabled=true)
push=("${keda[@]}" --set autoscaling.mode=external-push)
valid "KEDA by lag on a plain network" "${keda[@]}"
valid "KEDA by lag with TLS and a password" -f "$chart/values-production.yaml" --set autoscaling.mode=kafka-lag,processors.keda.authenticationRef=millrace-kafka
valid "KEDA asks Millrace, down to no processor" "${push[@]}" --set processors.keda.minReplicas=0,autoscaling.stages={energy}
valid "KEDA asks Millrace, and only hears" "${push[@]}" --set autoscaling.dryRun=true

valid "traces" "${least[@]}" --set tracing.sample=0.001,tracing.endpoint=http://collector:4318,tracing.headersInSecret=true

production=(-f "$chart/values-production.yaml")
refused "secrets.existingSecret is empty" --set kafka.brokers=kafka:9092
refused "kafka.brokers is empty" --set secrets.existingSecret=millrace
refused "more than one gateway needs Redis" "${least[@]}" --set gateway.replicas=2
refused "set gateway.tls.secretName to a Secret" "${least[@]}" --set gateway.tls.clientCaSecret=ca
refused "no device could connect over MQTT" "${least[@]}" --set gateway.service.plainMqtt=false
refused "gateway.hpa and gateway.replicas" "${production[@]}" --set gateway.replicas=3
refused "processors.keda and processors.replicas" "${production[@]}" --set processors.replicas=3
refused "33 processors are more than the 32 partitions" "${least[@]}" --set processors.replicas=33
refused "97 processors are more than the 96 partitions" "${production[@]}" --set processors.keda.maxReplicas=97
refused "sinks.replicas is above 2" "${least[@]}" --set sinks.replicas=3
refused "api.replicas is above 1" "${least[@]}" --set api.replicas=2
refused "KEDA asks the brokers too" "${production[@]}" --set autoscaling.mode=kafka-lag
refused "and nobody would ask" "${least[@]}" --set autoscaling.mode=external-push
refused "KEDA asks none: take it out" "${production[@]}" --set processors.keda.authenticationRef=millrace-kafka
refused "nobody would write ticks and control records" "${keda[@]}" --set processors.keda.minReplicas=0
refused "no processor would come back" "${push[@]}" --set processors.keda.minReplicas=0,autoscaling.dryRun=true
refused "knows no dry run" "${keda[@]}" --set autoscaling.dryRun=true
refused "autoscaling.stages are not looked at" "${keda[@]}" --set autoscaling.stages={energy}
refused "/autoscaling/mode" "${keda[@]}" --set autoscaling.mode=lag
refused "needs the admin token" "${production[@]}" --set monitoring.serviceMonitor.tokenSecret=
refused "the same: both serve" "${production[@]}" --set api.ingress.host=ingest.example
refused "without a store" "${least[@]}" --set secrets.externalSecret.enabled=true
refused "so that nobody makes the Secret" "${least[@]}" --set secrets.externalSecret.storeName=vault
refused "kafka.sasl.user is set without a mechanism" "${least[@]}" --set kafka.sasl.user=millrace
refused "lets them in without one" "${least[@]}" --set gateway.tls.secretName=tls,gateway.tls.clientCaSecret=ca,gateway.tls.clientCertRequired=true
refused "keep nobody out of a Service of type ClusterIP" "${least[@]}" --set gateway.service.loadBalancerSourceRanges={10.0.0.0/8}
refused "gateway.resources.requests.cpu asks for none" "${production[@]}" --set gateway.resources.requests.cpu=null
refused "so that they keep nobody out" "${production[@]}" --set networkPolicy.enabled=false
refused "the network policies let nobody in" "${production[@]}" --set networkPolicy.httpFrom=null
refused "tracing.sample is set without a collector" "${least[@]}" --set tracing.sample=0.001
refused "/tracing/sample" "${least[@]}" --set tracing.sample=2,tracing.endpoint=http://collector:4318
refused "MILLRACE_LOG_LEVLE" "${least[@]}" --set config.MILLRACE_LOG_LEVLE=debug
refused "MILLRACE_DATABASE_URL" "${least[@]}" --set config.MILLRACE_DATABASE_URL=postgres://a
refused "replicaz" "${least[@]}" --set gateway.replicaz=2

promtool check rules deploy/monitoring/millrace.rules.yaml
(cd deploy/monitoring && promtool test rules millrace.rules.test.yaml)
echo "charts: all of it holds"
