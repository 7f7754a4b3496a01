"""Feast, asked by the lines of its standard input: one JSON object each, answered by one JSON object each."""

import json
import os
import sys
import tempfile
from datetime import datetime, timedelta, timezone

os.environ["FEAST_USAGE"] = "False"

import pandas
import requests
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64, Int64, String

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def times(values):
    return pandas.to_datetime(pandas.Series(values, dtype="Int64"), unit="us", utc=True)


def definitions(path, ttl_us):
    """The view `v` of the tests: the last value of a thing, young enough, ties settled by when it was created."""
    thing = Entity(name="thing", join_keys=["id"], value_type=ValueType.STRING)
    source = FileSource(path=path, timestamp_field="event", created_timestamp_column="created")
    view = FeatureView(
        name="v",
        entities=[thing],
        ttl=timedelta(microseconds=ttl_us),
        schema=[
            Field(name="value", dtype=Float64),
            Field(name="count", dtype=Int64),
            Field(name="word", dtype=String),
        ],
        source=source,
    )
    return [thing, view]


def store_of(folder, offline="dask", online=None):
    return FeatureStore(
        config=RepoConfig(
            project="interop",
            provider="local",
            registry=os.path.join(folder, "registry.db"),
            offline_store={"type": offline},
            online_store=online,
            entity_key_serialization_version=3,
        )
    )


def historical(folder, offline, rows, labels, ttl_us, known_at=False):
    path = os.path.join(folder, "rows.parquet")
    frame = pandas.DataFrame(rows, columns=["id", "event", "created", "value"])
    frame["event"], frame["created"] = times(frame["event"]), times(frame["created"])
    frame["count"] = 0
    frame["word"] = ""
    frame.to_parquet(path)
    store = store_of(folder, offline)
    store.apply(definitions(path, ttl_us))
    entities = pandas.DataFrame(labels, columns=["id", "event_timestamp", "n"])
    entities["event_timestamp"] = times(entities["event_timestamp"])
    options = {"filter_by_created_timestamp": True} if known_at else {}
    job = store.get_historical_features(entity_df=entities, features=["v:value"], **options)
    found = job.to_df()
    values = [None if pandas.isna(value) else float(value) for value in found["value"]]
    return sorted([int(n), value] for n, value in zip(found["n"], values))


def remote(folder, url, ids):
    path = os.path.join(folder, "none.parquet")
    store = store_of(folder, online={"type": "remote", "path": url})
    store.apply(definitions(path, 0), skip_feature_view_validation=True)
    features = ["v:value", "v:count", "v:word"]
    return store.get_online_features(features=features, entity_rows=[{"id": each} for each in ids]).to_dict()


def post(folder, url, body):
    answer = requests.post(f"{url}/get-online-features", json=body, timeout=30)
    return {"status": answer.status_code, "json": answer.json()}


commands = {"historical": historical, "remote": remote, "post": post}

for line in sys.stdin:
    asked = json.loads(line)
    try:
        with tempfile.TemporaryDirectory() as own:
            answer = {"answer": commands[asked.pop("do")](own, **asked)}
    except Exception as error:  # noqa: BLE001: the test is told
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer, default=str), file=answers, flush=True)
