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
"""Ctrl-C and SIGTERM, for commands that end between two transactions."""

import signal

#: What a shell says of a program that was ended by Ctrl-C.
INTERRUPTED = 130


class Interruptions:
    """Ctrl-C and SIGTERM, kept until they are asked for, within ``with``.

    Nothing is interrupted in the middle, and no handler has to be safe at
    whatever moment it runs.
    """

    _NUMBERS = {signal.SIGINT, signal.SIGTERM}

    def __enter__(self):
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, self._NUMBERS)
        return self

    def __exit__(self, *_):
        while self.came(within=0):
            pass  # it is over anyway
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def came(self, within):
        """Whether one has come, or comes within some seconds."""
        return signal.sigtimedwait(self._NUMBERS, within) is not None
