# SPDX-License-Identifier: MIT
"""real-python: JSON written and read, with Python's own small-object allocator switched off."""
import json, random
random.seed(1)
rows = [{"id": i, "name": "row %d" % i, "values": [random.random() for _ in range(8)],
         "tags": ["t%d" % (i % k) for k in range(1, 6)]} for i in range(30000)]
text = json.dumps(rows)
for _ in range(3):
    again = json.loads(text)
print(len(text), sum(len(row["tags"]) for row in again))
