"""Reads a blob table with delta-rs and checks the digest of every object: blobs.py TABLE OBJECTS. Prints one JSON object."""

import hashlib
import json
import os
import sys

from deltalake import DeltaTable

table, objects = sys.argv[1:3]
rows = DeltaTable(table).to_pyarrow_table().sort_by("path").to_pylist()
found = []
for row in rows:
    with open(os.path.join(objects, row["location"]), "rb") as file:
        content = file.read()
    found.append(
        {
            "path": row["path"],
            "digest": "sha256:" + hashlib.sha256(content).hexdigest() == row["digest"],
            "size": len(content) == row["size"],
            "mediaType": row["media_type"],
            "metadata": json.loads(row["metadata"]),
            "year": row["modified"].year,
        }
    )
print(json.dumps(found))
sys.stdout.flush()
# See delta.py: the libraries' thread pools can abort an interpreter that is being torn down.
os._exit(0)
