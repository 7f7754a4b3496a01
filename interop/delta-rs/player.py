"""Plays operations on Delta tables with delta-rs. For turns.test.ts: a line of JSON in, the table's version out."""

import json
import os
import sys

import pyarrow
from deltalake import DeltaTable, write_deltalake

types = {
    "id": pyarrow.int64(),
    "part": pyarrow.string(),
    "name": pyarrow.string(),
    "score": pyarrow.float64(),
    "count": pyarrow.int8(),
    "extra": pyarrow.int64(),
}
sql_types = {"id": "BIGINT", "part": "STRING", "name": "STRING", "score": "DOUBLE", "count": "TINYINT", "extra": "BIGINT"}
first = [name for name in types if name != "extra"]
comparisons = {"eq": "=", "gte": ">=", "lt": "<"}


def batch(rows, columns):
    return pyarrow.table({name: pyarrow.array([row[name] for row in rows], types[name]) for name in columns})


def literal(value):
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def condition(column, given):
    if not isinstance(given, dict):
        given = {"eq": given}
    if "null" in given:
        return f"{column} IS {'' if given['null'] else 'NOT '}NULL"
    # Whatever number it is compared with: delta-rs would cast that to the type of the column, and fail.
    column = f"CAST({column} AS BIGINT)" if column == "count" else column
    return " AND ".join(f"{column} {comparisons[kind]} {literal(value)}" for kind, value in given.items())


def predicate(where):
    return " AND ".join(condition(column, given) for column, given in where.items()) or None


def assigned(column, value):
    return f"CAST({'NULL' if value is None else literal(value)} AS {sql_types[column]})"


def merge(table, operation):
    merging = table.merge(batch(operation["rows"], first), "t.id = s.id", source_alias="s", target_alias="t")
    values = {name: f"s.{name}" for name in first}
    if operation["whenMatched"] == "update":
        merging = merging.when_matched_update(values)
    elif operation["whenMatched"] == "delete":
        merging = merging.when_matched_delete()
    if operation["whenNotMatched"] == "insert":
        merging = merging.when_not_matched_insert(values)
    if operation["whenNotMatchedBySource"] == "delete":
        merging = merging.when_not_matched_by_source_delete()
    merging.execute()


def play(path, operation):
    table = DeltaTable(path)
    kind = operation["kind"]
    if kind == "append":
        rows = batch(operation["rows"], list(types) if operation["evolve"] else first)
        write_deltalake(table, rows, mode="append", schema_mode="merge")
    elif kind == "overwrite":
        write_deltalake(table, batch(operation["rows"], first), mode="overwrite", schema_mode="merge")
    elif kind == "replaceWhere":
        rows = batch(operation["rows"], first)
        write_deltalake(table, rows, mode="overwrite", schema_mode="merge", predicate=predicate(operation["where"]))
    elif kind == "delete":
        table.delete(predicate(operation["where"]))
    elif kind == "update":
        updates = {column: assigned(column, value) for column, value in operation["set"].items()}
        table.update(updates=updates, predicate=predicate(operation["where"]))
    elif kind == "merge":
        merge(table, operation)
    elif kind == "optimize":
        if operation["order"] == "z-order":
            table.optimize.z_order(["id", "score"])
        else:
            table.optimize.compact()
    elif kind == "restore":
        # The version that is there already is none to delta-rs.
        if operation["version"] < table.version():
            table.restore(operation["version"])
    elif kind == "vacuum":
        table.vacuum(dry_run=False)
    elif kind == "checkpoint":
        table.create_checkpoint()
    else:
        raise ValueError(f"delta-rs plays no {kind}")
    return DeltaTable(path).version()


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"version": play(request["path"], request["operation"])}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
# The thread pools of pyarrow and delta-rs can abort the process while the interpreter is being torn down.
os._exit(0)
