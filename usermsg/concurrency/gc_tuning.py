# SPDX-License-Identifier: Apache-2.0
"""Settings of Python's garbage collector for a serving process."""

import gc


def freeze_heap():
    """Freeze the heap; called when a process has loaded everything it needs.

    Objects that exist at that point stay, so the collector needn't traverse
    them again and again: a page of 1,000 messages allocates enough objects to
    trigger a collection. It also keeps memory shared with forked processes.

    In return a request must not leave a reference cycle that holds its
    response: thousands of responses would accumulate before a collection.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
