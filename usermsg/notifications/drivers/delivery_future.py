# SPDX-License-Identifier: Apache-2.0
"""One notification to several topics, as one to wait for."""

from concurrent import futures
import threading

from usermsg.notifications import errors


def failed(error):
    """A Future of what could not even be sent."""
    future = futures.Future()
    future.set_exception(error)
    return future


def together(sent):
    """One Future for several; it can be cancelled like each of them.

    :param sent: Futures whose results are None
    :returns: a Future that is done when all are, and well if all are
    """
    if len(sent) == 1:
        return sent[0]
    whole = futures.Future()
    lock = threading.Lock()
    left = len(sent)

    def done(_future):
        nonlocal left
        with lock:
            left -= 1
            if left:
                return
        problems = [future.exception() for future in sent
                    if not future.cancelled() and future.exception()]
        # Again helps those for which it does.
        problems.sort(key=lambda error: isinstance(error, errors.Refused))
        if not whole.set_running_or_notify_cancel():
            return
        if problems:
            whole.set_exception(problems[0])
        else:
            whole.set_result(None)

    def cancel(future):
        if future.cancelled():
            for each in sent:
                each.cancel()

    whole.add_done_callback(cancel)
    for each in sent:
        each.add_done_callback(done)
    return whole
