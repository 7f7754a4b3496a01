"""Opens the table the main job wrote with delta-rs, and compares it with the job's report: check_table.py TABLE REPORT"""

import json
import os
import sys

from deltalake import DeltaTable

table = DeltaTable(sys.argv[1])
with open(sys.argv[2]) as file:
    report = json.load(file)

data = table.to_pyarrow_table(columns=["date", "delay", "origin", "month"])
found = {"version": table.version(), "rows": data.num_rows, "files": len(table.file_uris())}
expected = {"version": report["lake"]["version"], "rows": report["rows"]["ingested"], "files": report["lake"]["files"]}
print(json.dumps({"found": found, "expected": expected, "schema": [f"{field.name}: {field.type}" for field in data.schema]}))
sys.stdout.flush()
# See delta.py: the libraries' thread pools can abort an interpreter that is being torn down.
os._exit(0 if found == expected else 1)
