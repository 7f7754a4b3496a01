"""Answers requests of onnx.test.ts: reads one JSON object on stdin, writes one on stdout."""

import base64
import json
import sys

import numpy as np
import onnx
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.preprocessing import StandardScaler


def check(request):
    model = onnx.load_from_string(base64.b64decode(request["onnx"]))
    onnx.checker.check_model(model, full_check=True)
    return {
        "ir": model.ir_version,
        "opsets": {entry.domain: entry.version for entry in model.opset_import},
        "inputs": [value.name for value in model.graph.input],
        "outputs": [value.name for value in model.graph.output],
        "operators": [node.op_type for node in model.graph.node],
    }


def breast_cancer(_):
    data = load_breast_cancer()
    scaled = StandardScaler().fit_transform(data.data)
    fitted = LogisticRegression(C=1, solver="newton-cholesky", tol=1e-10, max_iter=10000).fit(scaled, data.target)
    train = np.arange(len(data.target)) % 3 != 0
    trees = HistGradientBoostingClassifier(max_iter=50, early_stopping=False).fit(data.data[train], data.target[train])
    return {
        "columns": {f"f{i}": data.data[:, i].tolist() for i in range(data.data.shape[1])},
        "labels": data.target.tolist(),
        "coefficients": fitted.coef_[0].tolist(),
        "intercept": fitted.intercept_[0],
        "treesAuc": roc_auc_score(data.target[~train], trees.predict_proba(data.data[~train])[:, 1]),
    }


def metrics(request):
    return {
        "auc": roc_auc_score(request["labels"], request["probabilities"]),
        "logLoss": log_loss(request["labels"], request["probabilities"]),
    }


request = json.load(sys.stdin)
json.dump({"check": check, "breast_cancer": breast_cancer, "metrics": metrics}[request["do"]](request), sys.stdout)
