# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
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
