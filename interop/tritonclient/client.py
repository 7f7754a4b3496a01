"""Drives an Open Inference Protocol server with tritonclient; prints JSON. Argument: host:port."""

import json
import sys

import numpy as np
import tritonclient.http as http

client = http.InferenceServerClient(sys.argv[1])
seen = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model_ready": client.is_model_ready("m", "3"),
    "absent_ready": client.is_model_ready("absent"),
    "server": client.get_server_metadata(),
    "model": client.get_model_metadata("m"),
}
x = np.array([[0.5, -2.0], [3.25, 4.0]], dtype=np.float32)
count = np.array([2**63 - 1, -(2**53) - 1], dtype=np.int64)
for binary in (False, True):
    inputs = [http.InferInput("x", [2, 2], "FP32"), http.InferInput("count", [2], "INT64")]
    inputs[0].set_data_from_numpy(x, binary_data=binary)
    inputs[1].set_data_from_numpy(count, binary_data=binary)
    outputs = [http.InferRequestedOutput(name, binary_data=binary) for name in ("y", "same")]
    compression = "gzip" if binary else None
    result = client.infer(
        "m", inputs, outputs=outputs, request_id="7", request_compression_algorithm=compression
    )
    seen["binary" if binary else "json"] = {
        "id": result.get_response()["id"],
        "equal": bool((result.as_numpy("y") == x).all() and (result.as_numpy("same") == count).all()),
    }
try:
    client.infer("m", [http.InferInput("x", [2, 2], "FP32").set_data_from_numpy(x, binary_data=False)])
except http.InferenceServerException as error:
    seen["error"] = error.message()
print(json.dumps(seen))
