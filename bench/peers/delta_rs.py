"""delta-rs doing what the storage suite does. Prints the seconds of the work alone, without starting Python."""

import json
import os
import sys
import time

import pyarrow
import pyarrow.parquet
from deltalake import DeltaTable, write_deltalake


def small_commits(folder, count):
    rows = pyarrow.table({"n": pyarrow.array(range(10), pyarrow.int64()), "s": [f"row {n}" for n in range(10)]})
    write_deltalake(folder, rows)
    started = time.perf_counter()
    for _ in range(int(count)):
        write_deltalake(folder, rows, mode="append")
    return time.perf_counter() - started


def append_file(folder, file):
    started = time.perf_counter()
    with pyarrow.parquet.ParquetFile(file) as source:
        reader = pyarrow.RecordBatchReader.from_batches(source.schema_arrow, source.iter_batches(batch_size=65536))
        write_deltalake(folder, reader, partition_by=["month"])
    return time.perf_counter() - started


def open_table(folder, files):
    started = time.perf_counter()
    found = len(DeltaTable(folder).file_uris())
    seconds = time.perf_counter() - started
    if found != int(files):
        raise ValueError(f"it has {found} files, not {files}")
    return seconds


command, *rest = sys.argv[1:]
work = {"small-commits": small_commits, "append-file": append_file, "open": open_table}[command]
print(json.dumps(work(*rest)), flush=True)
# The thread pools of pyarrow and delta-rs can abort the process while the interpreter is being torn down.
os._exit(0)
