# SPDX-License-Identifier: Apache-2.0
"""How often a serving process looks for garbage."""

import gc


def settle():
    """To be called when a process has loaded all that it will ever need.

    What is there by then stays, so it needn't be looked through again and
    again: a page of 1,000 messages makes enough objects to start that. It
    also leaves memory shared with the processes that are forked.

    In return a request must leave no circle of references that holds its
    answer: thousands of them would gather before anybody looks.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
