"""Digests of the columns of Parquet files, in the form of digest.ts. For flights.test.ts: paths in, JSON out."""

import hashlib
import json
import os
import sys

import pyarrow
import pyarrow.compute
import pyarrow.parquet


def digest(path):
    table = pyarrow.parquet.read_table(path)
    answer = {"rows": str(table.num_rows)}
    for name in table.column_names:
        column = table[name]
        if pyarrow.types.is_timestamp(column.type):
            column = column.cast(pyarrow.timestamp("us")).cast(pyarrow.int64())
        sha = hashlib.sha256()
        for chunk in column.chunks:
            texts = chunk.cast(pyarrow.string()).fill_null("null").to_pylist()
            sha.update(("\n".join(texts) + "\n").encode())
        # The sum of the times does not fit 64 bits.
        wide = column.cast(pyarrow.decimal128(38, 0)) if pyarrow.types.is_integer(column.type) else None
        total = "" if wide is None else int(pyarrow.compute.sum(wide).as_py())
        answer[name] = f"{sha.hexdigest()} {total}"
    return answer


print(json.dumps([digest(path) for path in sys.argv[1:]]), flush=True)
# The thread pools of pyarrow can abort the process while the interpreter is being torn down; the answer is complete.
os._exit(0)
