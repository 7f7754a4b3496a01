"""A deployment of Ray Serve for an ONNX model: one replica, batches of up to 64. Arguments: model file, port."""

import sys
import time

import numpy as np
import onnxruntime
import ray
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class OnnxModel:
    def __init__(self, path: str):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options)

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.0)
    async def run(self, rows):
        (y,) = self._session.run(None, {"x": np.stack(rows)})
        return list(y)

    async def __call__(self, request: Request):
        tensor = (await request.json())["inputs"][0]
        y = await self.run(np.asarray(tensor["data"], dtype=np.float32))
        output = {"name": "y", "datatype": "FP32", "shape": [1, 1], "data": y.tolist()}
        return {"model_name": "network", "outputs": [output]}


ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
serve.run(OnnxModel.bind(sys.argv[1]), name="network", route_prefix="/v2/models/network/infer")
print("ready", flush=True)
while sys.stdin.readline():
    time.sleep(0.1)
serve.shutdown()
