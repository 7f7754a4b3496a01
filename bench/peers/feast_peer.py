"""Feast doing what the feature-store suite does. Prints one line of JSON: the seconds of the work alone, and what came of it."""

import json
import os
import resource
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone

os.environ["FEAST_USAGE"] = "False"

import pandas
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64, Int64

BEGIN = datetime(1970, 1, 1, tzinfo=timezone.utc)


def store_of(folder, offline="dask", redis_port=None):
    online = {"type": "redis", "connection_string": f"127.0.0.1:{redis_port}"} if redis_port else None
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=os.path.join(folder, "registry.db"),
        offline_store={"type": offline},
        online_store=online,
        entity_key_serialization_version=3,
    )
    return FeatureStore(config=config)


def flights(path):
    airport = Entity(name="airport", join_keys=["origin"], value_type=ValueType.STRING)
    source = FileSource(path=path, timestamp_field="date", created_timestamp_column="landed_at")
    view = FeatureView(
        name="departures",
        entities=[airport],
        ttl=timedelta(days=7),
        schema=[Field(name="delay", dtype=Int64), Field(name="distance", dtype=Int64)],
        source=source,
    )
    return airport, view


def things(path, features):
    thing = Entity(name="thing", join_keys=["id"], value_type=ValueType.INT64)
    view = FeatureView(
        name="things",
        entities=[thing],
        ttl=timedelta(days=36500),
        schema=[Field(name=f"f{i}", dtype=Float64) for i in range(int(features))],
        source=FileSource(path=path, timestamp_field="at"),
    )
    return thing, view


def historical(folder, offline, source, labels, memory_mb):
    """The join of the labels; the process may take so much memory and no more."""
    limit = int(memory_mb) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    store = store_of(folder, offline)
    store.apply(list(flights(source)))
    frame = pandas.read_parquet(labels, columns=["origin", "date"]).rename(columns={"date": "event_timestamp"})
    frame["event_timestamp"] = pandas.to_datetime(frame["event_timestamp"], utc=True)
    started = time.perf_counter()
    rows = store.get_historical_features(
        entity_df=frame, features=["departures:delay", "departures:distance"]
    ).to_df()
    return {"seconds": time.perf_counter() - started, "rows": len(rows)}


def materialize(folder, redis_port, path, features):
    store = store_of(folder, redis_port=redis_port)
    store.apply(list(things(path, features)))
    started, cpu = time.perf_counter(), time.process_time()
    store.materialize(BEGIN, datetime.now(timezone.utc), disable_event_timestamp=False)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    return {"seconds": seconds, "cpuSeconds": cpu_seconds, "peakMB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def serve(folder, redis_port, path, features, port):
    """Brings the rows online, and serves them until it is ended."""
    store = store_of(folder, redis_port=redis_port)
    store.apply(list(things(path, features)))
    store.materialize(BEGIN, datetime.now(timezone.utc))
    print(json.dumps({"ready": True}), flush=True)
    store.serve(
        host="127.0.0.1",
        port=int(port),
        type_="http",
        no_access_log=True,
        workers=1,
        worker_connections=1000,
        max_requests=1000000,
        max_requests_jitter=0,
        keep_alive_timeout=30,
        registry_ttl_sec=3600,
    )


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    work = {"historical": historical, "materialize": materialize, "serve": serve}[command]
    with tempfile.TemporaryDirectory() as own:
        print(json.dumps(work(own, *rest)), flush=True)
