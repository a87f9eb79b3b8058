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
"""What is counted."""

import prometheus_client


class Metrics:
    """Counters of one runtime, in a registry of their own.

    A registry of its own, because the library lives in the processes of
    other services, whose figures it must not touch, and because one process
    can hold several runtimes.
    """

    def __init__(self):
        self.registry = prometheus_client.CollectorRegistry()
        self.recorded = self._counter(
            'usermsg_messages_recorded', 'Messages that were stored.')
        self.not_recorded = self._counter(
            'usermsg_messages_not_recorded',
            'Messages that could not be stored.')
        self.unknown_events = self._counter(
            'usermsg_unknown_events',
            'Messages shown with a general text, because their event is not '
            'in the catalogue of this host.')
        self.expired = self._counter(
            'usermsg_messages_expired',
            'Messages that were removed because they had expired.')
        self.excess = self._counter(
            'usermsg_messages_excess',
            'Messages that were removed because their project had more than '
            '[messages] max_per_project.')
        self.expired_source_keys = self._counter(
            'usermsg_source_keys_expired',
            'Source keys that were removed because they had expired.')

    def _counter(self, name, help_text):
        return prometheus_client.Counter(name, help_text,
                                         registry=self.registry)
