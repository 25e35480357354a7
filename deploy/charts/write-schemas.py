"""Writes JSON schemas for kubeconform into a folder: those of Kubernetes as kubernetes-validate ships them, those of KEDA and the Prometheus
Operator from cloudcoil's models, that of ExternalSecret from the operator's CustomResourceDefinition, whose file is the second argument. Unknown
fields are refused everywhere."""
import json
import sys
from pathlib import Path

import kubernetes_validate
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import ServiceMonitor

VERSION = "v1.35.0"
KINDS = """deployment-apps-v1 service-v1 serviceaccount-v1 configmap-v1 ingress-networking-v1 networkpolicy-networking-v1
poddisruptionbudget-policy-v1 horizontalpodautoscaler-autoscaling-v2""".split()


def closed(node):
    """A copy in which an object has no other fields than those named."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {name: closed(value) for name, value in node.items()}
    if isinstance(node.get("properties"), dict):
        copy.setdefault("additionalProperties", False)
    return copy


def main(folder: Path, external_secret: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"{VERSION}-local-strict"
    definitions = json.loads((source / "_definitions.json").read_text())["$defs"]
    for kind in KINDS:
        schema = json.loads((source / f"{kind}.json").read_text())
        schema.pop("$id", None)
        text = json.dumps({**schema, "$defs": definitions})
        # kubeconform does not find the other file that the schemas refer to.
        (folder / f"{kind}.json").write_text(text.replace('"/api/_definitions.json#', '"#'))
    for model, name in ((ScaledObject, "scaledobject-keda-v1alpha1"), (ServiceMonitor, "servicemonitor-monitoring-v1")):
        (folder / f"{name}.json").write_text(json.dumps(closed(model.model_json_schema(by_alias=True))))
    for version in yaml.safe_load(external_secret.read_text())["spec"]["versions"]:
        schema = closed(version["schema"]["openAPIV3Schema"])
        # A definition leaves to Kubernetes what all objects have.
        schema["properties"]["metadata"] = {"type": "object"}
        (folder / f"externalsecret-external-secrets-{version['name']}.json").write_text(json.dumps(schema))


main(Path(sys.argv[1]), Path(sys.argv[2]))
