# SPDX-License-Identifier: Apache-2.0
"""What is counted, in the terms of Prometheus."""

import os
import secrets

from prometheus_client import core
from prometheus_client import multiprocess
from prometheus_client import values

from usermsg.metrics import collectors

#: Names the directory in which the processes of a server share figures. It is
#: to be emptied before the server starts.
SHARED_DIRECTORY_VARIABLE = 'PROMETHEUS_MULTIPROC_DIR'


class Metrics:
    """Metrics of one runtime, in a registry of their own.

    A registry of its own, because one process can hold several runtimes.

    :param shared: add up the figures of all processes that were given the
        same directory in the environment; they survive a process that ends
    :raises OSError: the directory can't be written
    :raises ValueError: it is no directory
    """

    def __init__(self, shared=False):
        self.shared = shared
        self.registry = core.CollectorRegistry()
        self._make_value = values.MutexValue
        if shared:
            multiprocess.MultiProcessCollector(self.registry)
            # Two runtimes of one process must not write to one file.
            token = secrets.token_hex(4)
            process = _naming_processes()
            self._make_value = values.MultiProcessValue(
                lambda: f'{process()}-{token}')
        self.recorded = self._counter(
            'usermsg_messages_recorded', 'Messages that were stored.',
            labels=('prefix', 'level'))
        self.not_recorded = self._counter(
            'usermsg_messages_not_recorded',
            'Messages that could not be stored.', labels=('prefix', 'level'))
        self.unknown_events = self._counter(
            'usermsg_unknown_events',
            'Messages shown with a general text, because their event is not '
            'in the catalogue of this host.')
        self.notifications_dropped = self._counter(
            'usermsg_notifications_dropped',
            'Notifications of images that were given up, as nothing took '
            'them.',
            labels=('event_type', 'priority'))
        self.requests = self._counter(
            'usermsg_http_requests', 'Requests that were answered.',
            labels=('method', 'route', 'status'))
        self.request_seconds = self._add(collectors.Histogram(
            self._make_value, 'usermsg_http_request_duration_seconds',
            'From a request to its answer, without sending it.',
            ('method', 'route')))
        self.expired = self._counter(
            'usermsg_messages_expired',
            'Messages that were removed because they had expired.')
        self.evicted = self._counter(
            'usermsg_messages_evicted',
            'Messages that were removed because their project had more than '
            '[messages] max_per_project.')
        self.expired_source_keys = self._counter(
            'usermsg_source_keys_expired',
            'Source keys that were removed because they had expired.')
        self.notifications_delivered = self._counter(
            'usermsg_notifications_delivered',
            'Notifications that a driver has delivered from the outbox.',
            labels=('driver',))
        self.delivery_failures = self._counter(
            'usermsg_delivery_failures',
            'Attempts that failed while others were delivered.',
            labels=('driver',))
        self.notifications_dead_lettered = self._counter(
            'usermsg_notifications_dead_lettered',
            'Notifications that are not tried any more.', labels=('driver',))
        self.driver_unavailable = self._counter(
            'usermsg_driver_unavailable',
            'How often nothing could be delivered.', labels=('driver',))

    def _counter(self, name, help_text, labels=()):
        return self._add(collectors.Counter(
            self._make_value, name, help_text, labels))

    def _add(self, figure):
        if not self.shared:
            self.registry.register(figure)
        return figure


def _naming_processes():
    """A function that says what names this process in its files.

    In uWSGI a process that ends is followed by one of the same number, which
    then goes on with its files: otherwise there would be more and more.
    """
    try:
        import uwsgi  # only there inside of it
    except ImportError:
        return os.getpid
    return lambda: f'worker{uwsgi.worker_id()}'
