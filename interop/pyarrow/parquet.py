"""Writes and reads Parquet with pyarrow, for pyarrow.test.ts. `write` gives the files and what is in them as JSON."""

import datetime
import decimal
import json
import os
import random
import sys

import pyarrow
import pyarrow.parquet

EPOCH = datetime.datetime(1970, 1, 1)


def plain(value, kind):
    """A value as text of its own kind: exact, and the same in both languages."""
    if value is None:
        return None
    types = pyarrow.types
    if types.is_struct(kind):
        return {field.name: plain(value[field.name], field.type) for field in kind}
    if types.is_map(kind):
        return [[plain(key, kind.key_type), plain(item, kind.item_type)] for key, item in value]
    if types.is_list(kind) or types.is_large_list(kind):
        return [plain(item, kind.value_type) for item in value]
    if types.is_dictionary(kind):
        return plain(value, kind.value_type)
    if types.is_timestamp(kind):
        return str((value.replace(tzinfo=None) - EPOCH) // datetime.timedelta(microseconds=1))
    if types.is_date(kind):
        return value.toordinal() - datetime.date(1970, 1, 1).toordinal()
    if types.is_decimal(kind):
        return str(int(value.scaleb(kind.scale, decimal.Context(prec=60))))
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return value.hex()
    if types.is_int64(kind) or types.is_uint32(kind) or types.is_uint64(kind):
        return str(value)
    if types.is_floating(kind):
        return repr(float(value)) if value != value or value in (float("inf"), float("-inf")) else value
    return value


def rows_of(table):
    return {field.name: [plain(value, field.type) for value in table[field.name].to_pylist()] for field in table.schema}


def column(chance, kind, make, rows):
    return pyarrow.array([None if chance.random() < 0.2 else make() for _ in range(rows)], kind)


def table_of(chance):
    rows = chance.choice([1, 7, 3000, 5000])
    at = lambda: EPOCH + datetime.timedelta(microseconds=chance.randrange(-(2**53), 2**55))
    text = lambda: chance.choice(["", "ä😀", "x" * chance.randrange(0, 40), str(chance.randrange(9))])
    digits = lambda n, scale: lambda: decimal.Decimal(chance.randrange(-(10**n) + 1, 10**n)).scaleb(
        -scale, decimal.Context(prec=60)
    )
    point = pyarrow.struct([("x", pyarrow.float64()), ("tags", pyarrow.list_(pyarrow.string()))])
    pair = lambda: {"x": chance.random(), "tags": chance.choice([None, [], ["a", None], [text()]])}
    makers = {
        "flag": (pyarrow.bool_(), lambda: chance.random() < 0.5),
        "tiny": (pyarrow.int8(), lambda: chance.randrange(-128, 128)),
        "long": (pyarrow.int64(), lambda: chance.randrange(-(2**63), 2**63)),
        "utiny": (pyarrow.uint8(), lambda: chance.randrange(2**8)),
        "ushort": (pyarrow.uint16(), lambda: chance.randrange(2**16)),
        "uint": (pyarrow.uint32(), lambda: chance.randrange(2**32)),
        "ulong": (pyarrow.uint64(), lambda: chance.randrange(2**64)),
        "real": (pyarrow.float64(), lambda: chance.choice([chance.random() * 1e300, -0.0, float("inf"), float("nan")])),
        "text": (pyarrow.string(), text),
        "code": (pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), lambda: chance.choice(["JFK", "LAX", "ä"])),
        "bytes": (pyarrow.binary(), lambda: chance.randbytes(chance.randrange(20))),
        "fixed": (pyarrow.binary(5), lambda: chance.randbytes(5)),
        "day": (pyarrow.date32(), lambda: datetime.date.fromordinal(chance.randrange(1, 3_000_000))),
        "at": (pyarrow.timestamp("us", "UTC"), at),
        "naive": (pyarrow.timestamp("us"), at),
        "millis": (pyarrow.timestamp("ms"), lambda: at().replace(microsecond=123000)),
        "price": (pyarrow.decimal128(7, 2), digits(7, 2)),
        "wide": (pyarrow.decimal128(38, 12), digits(38, 12)),
        "point": (point, pair),
        "points": (pyarrow.list_(point), lambda: [chance.choice([None, pair()]) for _ in range(chance.randrange(3))]),
        "dict": (
            pyarrow.map_(pyarrow.string(), pyarrow.int64()),
            lambda: [(f"k{i}", chance.choice([None, i])) for i in range(chance.randrange(3))],
        ),
    }
    names = chance.sample(sorted(makers), chance.randrange(1, 7))
    return pyarrow.table({name: column(chance, *makers[name], rows) for name in names})


def write(folder, count, seed):
    chance = random.Random(int(seed))
    for index in range(int(count)):
        table = table_of(chance)
        options = {
            "data_page_version": chance.choice(["1.0", "2.0"]),
            "use_dictionary": chance.random() < 0.5,
            "compression": chance.choice(["none", "snappy", "gzip", "zstd", "brotli", "lz4"]),
            "use_deprecated_int96_timestamps": chance.random() < 0.3,
            "write_page_checksum": chance.random() < 0.5,
            "data_page_size": chance.choice([64, 4096, 2**20]),
            "row_group_size": chance.choice([100, 1000, 2**20]),
            "store_schema": chance.random() < 0.5,
        }
        pyarrow.parquet.write_table(table, os.path.join(folder, f"{index}.parquet"), **options)
        with open(os.path.join(folder, f"{index}.json"), "w", encoding="utf-8") as file:
            json.dump({"options": options, "rows": rows_of(table)}, file)
    return {"files": int(count)}


def read(path):
    file = pyarrow.parquet.ParquetFile(path)
    ids = {field.name: (field.metadata or {}).get(b"PARQUET:field_id", b"").decode() for field in file.schema_arrow}
    table = file.read()
    return {"types": {field.name: str(field.type) for field in table.schema}, "ids": ids, "rows": rows_of(table)}


def nanoseconds(folder):
    whole = pyarrow.table({"at": pyarrow.array([1_000, None, -2_000], pyarrow.timestamp("ns"))})
    cut = pyarrow.table({"at": pyarrow.array([1_001], pyarrow.timestamp("ns"))})
    pyarrow.parquet.write_table(whole, os.path.join(folder, "whole.parquet"))
    pyarrow.parquet.write_table(cut, os.path.join(folder, "cut.parquet"))
    old = {"use_deprecated_int96_timestamps": True}
    pyarrow.parquet.write_table(whole, os.path.join(folder, "whole96.parquet"), **old)
    pyarrow.parquet.write_table(cut, os.path.join(folder, "cut96.parquet"), **old)
    # A file that says it is of Spark, whose times are whole microseconds, and one that lies.
    for name, table in {"whole": whole, "cut": cut}.items():
        marked = table.append_column("n", pyarrow.array(range(table.num_rows)))
        marked = marked.replace_schema_metadata({"org.apache.spark.version": "4.0.0"})
        pyarrow.parquet.write_table(marked, os.path.join(folder, f"{name}Spark.parquet"), **old)
    time = pyarrow.table({"t": pyarrow.array([datetime.time(1, 2)], pyarrow.time64("us"))})
    pyarrow.parquet.write_table(time, os.path.join(folder, "time.parquet"))
    return {}


command, *arguments = sys.argv[1:]
print(json.dumps({"write": write, "read": read, "nanoseconds": nanoseconds}[command](*arguments)), flush=True)
# The thread pools of pyarrow can abort the process while the interpreter is being torn down; the answer is complete.
os._exit(0)
