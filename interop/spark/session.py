"""A Spark session with Delta Lake that answers SQL: one JSON object a line in, one a line out. For spark.test.ts."""

import datetime
import decimal
import json
import os
import sys

jars = sys.argv[1]

# Spark and its JVM log to standard output too: answers go to a copy of it, everything else to standard error.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"

from pyspark.sql import Row, SparkSession  # noqa: E402


def plain(value):
    """A form that both sides can compare: decimals and 64-bit integers as text, times as epoch microseconds."""
    if isinstance(value, Row):
        return {name: plain(item) for name, item in value.asDict().items()}
    if isinstance(value, dict):
        return sorted([[plain(key), plain(item)] for key, item in value.items()])
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        zoned = value.astimezone(datetime.timezone.utc) if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return str((zoned - epoch) // datetime.timedelta(microseconds=1))
    if isinstance(value, datetime.date):
        return (value - datetime.date(1970, 1, 1)).days
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.jars", ",".join(os.path.join(jars, name) for name in sorted(os.listdir(jars))))
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", "1")
    .config("spark.databricks.delta.snapshotPartitions", "1")
    .config("spark.sql.warehouse.dir", sys.argv[2])
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.memory", "1g")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
# Rows come back as naive local times: make local time UTC.
os.environ["TZ"] = "UTC"
import time  # noqa: E402

time.tzset()
print(json.dumps({"ready": spark.version}), file=answers, flush=True)
for line in sys.stdin:
    try:
        rows = spark.sql(json.loads(line)["sql"]).collect()
        answer = {"rows": [plain(row) for row in rows]}
    except Exception as error:  # the test decides what an error means
        answer = {"error": str(error).splitlines()[0]}
    print(json.dumps(answer), file=answers, flush=True)
spark.stop()
