"""Drives an Open Inference Protocol server with tritonclient over HTTP and gRPC; prints JSON.

Arguments: host:port of HTTP, host:port of gRPC.
"""

import json
import queue
import sys

import ml_dtypes
import numpy as np
import tritonclient.grpc as grpc
import tritonclient.http as http
from google.protobuf import json_format
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

X = np.array([[0.5, -2.0], [3.25, 4.0]], dtype=np.float32)
COUNT = np.array([2**63 - 1, -(2**53) - 1], dtype=np.int64)


def inputs_of(kind, **http_options):
    inputs = [kind.InferInput("x", [2, 2], "FP32"), kind.InferInput("count", [2], "INT64")]
    options = http_options if kind is http else {}
    inputs[0].set_data_from_numpy(X, **options)
    inputs[1].set_data_from_numpy(COUNT, **options)
    return inputs


def equal(result):
    return bool((result.as_numpy("y") == X).all() and (result.as_numpy("same") == COUNT).all())


def error_of(action):
    try:
        action()
    except InferenceServerException as error:
        return [error.status(), error.message()]
    return None


def configuration(client, model):
    config = client.get_model_config(model)
    if isinstance(config, dict):
        return config
    return json_format.MessageToDict(config.config, preserving_proto_field_name=True)


def management(client):
    """What both clients have, under the same names."""
    client.load_model("stored", config=json.dumps({"batching": {"maxBatchRows": 3}}))
    loaded = client.is_model_ready("stored")
    told = configuration(client, "stored")
    # What the server tells can be changed and sent back, as it is in Triton.
    client.load_model("stored", config=json.dumps({**told, "max_batch_size": 5}))
    batches = [told["max_batch_size"], configuration(client, "stored")["max_batch_size"]]
    client.unload_model("stored")
    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready("m", "3"),
        "absent_ready": client.is_model_ready("absent"),
        "loaded": loaded,
        "batches": batches,
        "unloaded": not client.is_model_ready("stored"),
    }


def every_type(kind, client):
    """Each datatype there and back, through a model that gives what it gets."""
    samples = {
        "bool": np.array([[True, False]]),
        "uint8": np.array([[0, 255]], dtype=np.uint8),
        "int8": np.array([[-128, 127]], dtype=np.int8),
        "uint16": np.array([[0, 65535]], dtype=np.uint16),
        "int16": np.array([[-32768, 32767]], dtype=np.int16),
        "uint32": np.array([[0, 2**32 - 1]], dtype=np.uint32),
        "int32": np.array([[-(2**31), 2**31 - 1]], dtype=np.int32),
        "uint64": np.array([[0, 2**64 - 1]], dtype=np.uint64),
        "int64": np.array([[-(2**63), 2**63 - 1]], dtype=np.int64),
        "float16": np.array([[0.5, -65504]], dtype=np.float16),
        "float32": np.array([[np.nan, np.inf]], dtype=np.float32),
        "float64": np.array([[0.1, -1e300]], dtype=np.float64),
        "string": np.array([["", "grüße"]], dtype=np.object_),
    }
    same = {}
    for name, values in samples.items():
        given = kind.InferInput("x", [1, 2], np_to_triton_dtype(values.dtype))
        given.set_data_from_numpy(values)
        back = client.infer(f"type_{name}", [given]).as_numpy("y")
        if name == "string":
            same[name] = [item.decode() for item in back[0]] == list(values[0])
        else:
            same[name] = back.dtype == values.dtype and bool(np.array_equal(back, values, equal_nan=name.startswith("float")))
    wide = np.array([[1.0, -3.140625]], dtype=ml_dtypes.bfloat16)
    given = kind.InferInput("x", [1, 2], "BF16")
    given.set_data_from_numpy(wide)
    same["bfloat16"] = bool((client.infer("type_float32", [given]).as_numpy("y") == wide.astype(np.float32)).all())
    return same


def sequence(kind, client):
    """Adds up 1, 2 and 3 in a model that keeps its sum as state."""
    sums = []
    for index in range(3):
        value = kind.InferInput("x", [1, 1], "FP32")
        value.set_data_from_numpy(np.array([[index + 1]], dtype=np.float32))
        result = client.infer(
            "sum", [value], sequence_id=9, sequence_start=index == 0, sequence_end=index == 2
        )
        sums.append(float(result.as_numpy("y")[0][0]))
    return sums


def over_http(address):
    client = http.InferenceServerClient(address)
    seen = management(client)
    seen["server"] = client.get_server_metadata()
    seen["model"] = client.get_model_metadata("m")
    for binary in (False, True):
        outputs = [http.InferRequestedOutput(name, binary_data=binary) for name in ("y", "same")]
        for algorithm in ("gzip", "deflate", None):
            result = client.infer(
                "m",
                inputs_of(http, binary_data=binary),
                outputs=outputs,
                request_id="7",
                priority=2,
                timeout=5_000_000,
                request_compression_algorithm=algorithm,
            )
            kind = f"{'binary' if binary else 'json'} {algorithm}"
            seen[kind] = {"id": result.get_response()["id"], "equal": equal(result)}
    classes = client.infer("m", inputs_of(http), outputs=[http.InferRequestedOutput("y", class_count=1)])
    seen["classes"] = [item.decode() for item in classes.as_numpy("y").flatten()]
    seen["error"] = error_of(lambda: client.infer("m", inputs_of(http)[:1]))
    seen["index"] = client.get_model_repository_index()
    seen["config"] = client.get_model_config("m")
    seen["statistics"] = client.get_inference_statistics("m")["model_stats"][0]["inference_stats"]["success"]["count"]
    seen["types"] = every_type(http, client)
    seen["sequence"] = sequence(http, client)
    return seen


def over_grpc(address):
    client = grpc.InferenceServerClient(address)
    seen = management(client)
    seen["server"] = client.get_server_metadata(as_json=True)
    seen["model"] = client.get_model_metadata("m", as_json=True)
    outputs = [grpc.InferRequestedOutput("same"), grpc.InferRequestedOutput("y")]
    result = client.infer("m", inputs_of(grpc), outputs=outputs, request_id="7", priority=2, client_timeout=20)
    seen["infer"] = {"id": result.get_response().id, "equal": equal(result)}
    classes = client.infer("m", inputs_of(grpc), outputs=[grpc.InferRequestedOutput("y", class_count=1)])
    seen["classes"] = [item.decode() for item in classes.as_numpy("y").flatten()]
    seen["error"] = error_of(lambda: client.infer("m", inputs_of(grpc)[:1]))
    seen["index"] = client.get_model_repository_index(as_json=True)["models"]
    seen["config"] = client.get_model_config("m", as_json=True)["config"]
    seen["statistics"] = int(
        client.get_inference_statistics("m", as_json=True)["model_stats"][0]["inference_stats"]["success"]["count"]
    )
    seen["types"] = every_type(grpc, client)
    seen["sequence"] = sequence(grpc, client)

    answers = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    for index in range(20):
        client.async_stream_infer("m", inputs_of(grpc)[: 1 if index == 5 else 2], request_id=str(index))
    streamed = [answers.get(timeout=20) for _ in range(20)]
    client.stop_stream()
    seen["stream"] = {
        "answered": sum(1 for result, error in streamed if error is None and equal(result)),
        "failed": [error.message() for _, error in streamed if error is not None],
    }
    return seen


print(json.dumps({"http": over_http(sys.argv[1]), "grpc": over_grpc(sys.argv[2])}))
