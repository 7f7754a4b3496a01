"""The server of moto, with the one thing that it lacks and DynamoDB promises: a write and its condition are one step.

moto answers each request in a thread of its own and checks the condition of a write before it writes, with nothing to keep
another thread from writing in between, so that of two writers which expect the same both may win.
"""

import functools
import threading

from moto.dynamodb.models import DynamoDBBackend
from moto.server import main

one_at_a_time = threading.RLock()


def as_one_step(method):
    @functools.wraps(method)
    def guarded(*arguments, **options):
        with one_at_a_time:
            return method(*arguments, **options)

    return guarded


for name in ("put_item", "update_item", "delete_item", "transact_write_items"):
    setattr(DynamoDBBackend, name, as_one_step(getattr(DynamoDBBackend, name)))

main()
