"""Writes JSON schemas for kubeconform into a folder, from packages of PyPI: those of Kubernetes as kubernetes-validate ships them, those of
KEDA and the Prometheus Operator from cloudcoil's models. Unknown fields are refused everywhere."""
import json
import sys
from pathlib import Path

import kubernetes_validate
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


def main(folder: Path) -> None:
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


main(Path(sys.argv[1]))
