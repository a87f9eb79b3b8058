# SPDX-License-Identifier: Apache-2.0
"""Messages as they arrive: the option ``--watch`` of the list."""

import contextlib
import signal
import time

from usermsgclient.osc import poll

#: Seconds between two requests.
INTERVAL = 5


@contextlib.contextmanager
def interruptible():
    """Yield a function like ``time.sleep`` that an earlier SIGINT ends, too.

    Python discards the exception of a signal that arrives in a destructor, for
    example in that of a response.
    """
    interrupted = False

    def interrupt(_number, _frame):
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    def sleep(seconds):
        if interrupted:
            raise KeyboardInterrupt
        time.sleep(seconds)

    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        yield sleep
    finally:
        signal.signal(signal.SIGINT, previous)


def follow(client, filters, marker, sleep):
    """Yield new messages without end, the oldest first.

    Each message is yielded once, when it is older than the delay of the
    service for ascending lists. Temporary failures are logged; see
    :class:`usermsgclient.osc.poll.Poll`.

    :param client: a :class:`usermsgclient.v3._proxy.Proxy`
    :param filters: parameters of its ``messages``
    :param marker: id after which the messages begin; if it and
        ``created_since`` are None, they begin with those of the last seconds,
        which ascending lists hold back
    :param sleep: function that waits a number of seconds
    """
    if marker is None and filters.get('created_since') is None:
        # Not the newest message: one with an earlier id can be committed
        # after it.
        marker = client.message_summary(**{
            name: value for name, value in filters.items()
            if name in ('all_projects', 'project_id')}).follow_id
    polling = poll.Poll()
    while True:
        with polling.attempt():
            for message in client.messages(
                    sort='created_at:asc', marker=marker, **filters):
                # First, so that an exception of the caller doesn't repeat it.
                marker = message.id
                yield message
        sleep(INTERVAL)
