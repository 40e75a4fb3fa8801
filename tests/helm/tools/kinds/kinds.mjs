// Reads manifests as JSON from standard input, and prints for each its kind and what is wrong with it.
import { ExternalSecret } from "@kubernetes-models/external-secrets/external-secrets.io/v1/ExternalSecret";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { PodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";
import { readFileSync } from "node:fs";

const kinds = { ExternalSecret, ScaledObject, PodMonitor, PrometheusRule, ServiceMonitor };
for (const manifest of JSON.parse(readFileSync(0, "utf8"))) {
  let error = null;
  try {
    new kinds[manifest.kind](manifest).validate();
  } catch (wrong) {
    error = wrong.message;
  }
  console.log(JSON.stringify({ kind: manifest.kind, name: manifest.metadata.name, error }));
}
