# SPDX-License-Identifier: Apache-2.0
"""Metrics of a runtime, in the format of Prometheus."""

import os
import secrets

from prometheus_client import core
from prometheus_client import multiprocess
from prometheus_client import values

from usermsg.metrics import collectors

#: Environment variable with the directory in which the processes of a server
#: share metrics. The directory must be empty when the server starts.
SHARED_DIRECTORY_VARIABLE = 'PROMETHEUS_MULTIPROC_DIR'


class Metrics:
    """Metrics of one runtime, in a separate registry.

    The registry is separate because one process can hold several runtimes.

    :param shared: add up the metrics of all processes that have the same
        directory in their environment; the values outlive a process
    :raises OSError: the directory is not writable
    :raises ValueError: the path is not a directory
    """

    def __init__(self, shared=False):
        self.shared = shared
        self.registry = core.CollectorRegistry()
        self._make_value = values.MutexValue
        if shared:
            multiprocess.MultiProcessCollector(self.registry)
            # Two runtimes of one process must not write to one file.
            token = secrets.token_hex(4)
            process_name = _choose_process_name()
            self._make_value = values.MultiProcessValue(
                lambda: f'{process_name()}-{token}')
        self.recorded = self._counter(
            'usermsg_messages_recorded', 'Messages that were stored.',
            labels=('prefix', 'level'))
        self.not_recorded = self._counter(
            'usermsg_messages_not_recorded',
            'Messages that could not be stored.', labels=('prefix', 'level'))
        self.rate_limited = self._counter(
            'usermsg_messages_rate_limited',
            'Messages that were refused because they exceeded [messages] '
            'record_rate (limit "project") or record_rate_per_caller (limit '
            '"caller").', labels=('interface', 'limit'))
        self.lists_refused = self._counter(
            'usermsg_lists_refused',
            'Expensive lists that were refused because too many were in '
            'progress.', labels=('cause',))
        self.unknown_events = self._counter(
            'usermsg_unknown_events',
            'Messages shown with a general text, because their event is not '
            'in the catalogue of this host.')
        self.notifications_dropped = self._counter(
            'usermsg_notifications_dropped',
            'Image notifications that were dropped because neither the '
            'outbox nor a driver accepted them.',
            labels=('event_type', 'priority'))
        self.requests = self._counter(
            'usermsg_http_requests', 'HTTP requests that were processed.',
            labels=('method', 'route', 'status'))
        self.request_seconds = self._add(collectors.Histogram(
            self._make_value, 'usermsg_http_request_duration_seconds',
            'Seconds from a request to its response, without sending it.',
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
        self.expired_read_marks = self._counter(
            'usermsg_read_marks_expired',
            'Read marks that were removed because they had not been set for '
            'a year.')
        self.expired_observations = self._counter(
            'usermsg_listener_observations_expired',
            'Observations that were removed without a decision.')
        self.expired_resource_states = self._counter(
            'usermsg_listener_resource_states_expired',
            'Last states of resources that were removed.')
        self.observations_dropped = self._counter(
            'usermsg_listener_observations_dropped',
            'Observations that were not stored, because there were too many '
            '(full), or because they were invalid.', labels=('reason',))
        self.correlations = self._counter(
            'usermsg_listener_correlations',
            'Failures whose cause another notification contained '
            '(correlated) or could be one of several (ambiguous), and '
            'transitions and errors that prove no failure (unproven).',
            labels=('correlation', 'result'))
        self.forgotten = self._counter(
            'usermsg_rows_forgotten',
            'Messages, source keys and observations that were removed, and '
            'messages whose user id was removed, because the project or user '
            'was deleted.')
        self.notifications_delivered = self._counter(
            'usermsg_notifications_delivered',
            'Notifications from the outbox that a driver has delivered.',
            labels=('driver',))
        self.delivery_failures = self._counter(
            'usermsg_delivery_failures',
            'Delivery attempts that failed while other notifications were '
            'delivered.',
            labels=('driver',))
        self.notifications_dead_lettered = self._counter(
            'usermsg_notifications_dead_lettered',
            'Notifications that became dead letters.', labels=('driver',))
        self.driver_unavailable = self._counter(
            'usermsg_driver_unavailable',
            'Shard passes in which the driver could not deliver any '
            'notification.', labels=('driver',))
        self.listener_received = self._counter(
            'usermsg_listener_received',
            'Messages of brokers that the listener received.',
            labels=('transport',))
        self.listener_matched = self._counter(
            'usermsg_listener_matched',
            'Decisions of rules to report, observe or forget.',
            labels=('rule',))
        self.listener_ignored = self._counter(
            'usermsg_listener_ignored',
            'Notifications, or decisions of rules, that were ignored.',
            labels=('reason',))
        self.listener_written = self._counter(
            'usermsg_listener_written',
            'Messages that the listener stored.', labels=('rule',))
        self.listener_already_reported = self._counter(
            'usermsg_listener_already_reported',
            'Messages that were stored before, for another notification of '
            'the same failure or a repeated delivery.', labels=('rule',))
        self.listener_dead_lettered = self._counter(
            'usermsg_listener_dead_lettered',
            'Messages of brokers that became dead letters.',
            labels=('transport',))
        self.listener_dead_letters_dropped = self._counter(
            'usermsg_listener_dead_letters_dropped',
            'Dead letters that were not stored because of [listener] '
            'dead_letter_limit.')
        self.imported_rows = self._counter(
            'usermsg_import_rows',
            'Rows of other services that periodic imports have imported, '
            'merged with messages of the listener, deleted or skipped. A row '
            'is counted as skipped by each import that reads it.',
            labels=('source', 'result'))
        self.import_failures = self._counter(
            'usermsg_import_failures',
            'Periodic imports that failed because of the source database.',
            labels=('source',))
        self.expired_dead_letters = self._counter(
            'usermsg_listener_dead_letters_expired',
            'Dead letters that were removed because they had expired.')

    def _counter(self, name, help_text, labels=()):
        return self._add(collectors.Counter(
            self._make_value, name, help_text, labels))

    def _add(self, collector):
        if not self.shared:
            self.registry.register(collector)
        return collector


def _choose_process_name():
    """Return a function that returns the name of this process in its files.

    In uWSGI the successor of a process has the same worker number and
    continues with its files; with names from the process id, the number of
    files would grow.
    """
    try:
        import uwsgi  # importable only inside uWSGI
    except ImportError:
        return os.getpid
    return lambda: f'worker{uwsgi.worker_id()}'
