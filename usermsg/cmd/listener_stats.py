# SPDX-License-Identifier: Apache-2.0
"""Command ``usermsg-manage listener stats``."""

import collections
import http.client
import urllib.parse

from cliff import lister
from prometheus_client import parser as prometheus

from usermsg.cmd import db as db_command
from usermsg.db import engine
from usermsg import exception
from usermsg.objects import dead_letter
from usermsg.objects import observation

#: Seconds until a worker must respond.
_TIMEOUT = 10

#: Maximum number of bytes of a response.
_MAX_SIZE = 8 * 1024 * 1024

_PREFIX = 'usermsg_listener_'

#: Metric of the worker without its prefix -> name of the statistic. Those
#: with a label of the result have one statistic for each.
_STATISTICS = {
    'received_total': 'received',
    'matched_total': 'matched',
    'ignored_total': 'ignored',
    'written_total': 'written',
    'already_reported_total': 'already reported',
    'correlations_total': None,
    'observations_dropped_total': 'observations dropped',
    'dead_lettered_total': 'dead-lettered',
    'dead_letters_dropped_total': 'dead letters dropped',
    'connected': 'connected',
    'lag_seconds': 'lag in seconds',
    'unmatched_errors': 'unmatched errors',
}


class Stats(db_command.Command, lister.Lister):
    """Show what the listener has received, matched, written and dropped.

    The counters are read from the workers, which count since they were
    started, and the numbers of dead letters and observations from the
    database. "unmatched errors" are the most frequent types of notifications
    about failures that no rule matches.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--url', metavar='URL', action='append',
            help='URL of the metrics of a worker, such as '
                 'http://127.0.0.1:9799; may be given several times, to add '
                 'up the workers of several hosts (default: [metrics] host '
                 'and worker_port)')
        return parser

    def take_action(self, parsed_args):
        totals = collections.defaultdict(float)
        for url in parsed_args.url or [_default_url(self.app.conf)]:
            _add(totals, _read(url))
        database = engine.Database(self.app.conf)
        rows = [(statistic, label, _number(value)) for (statistic, label),
                value in sorted(totals.items(), key=_order)]
        rows += [('dead letters', '', dead_letter.count(database)),
                 ('observations', '',
                  observation.count_by_shard(database).total())]
        return ('Statistic', 'Of', 'Number'), rows


def _order(item):
    """Return the sort key: statistics as listed, frequent ones first."""
    (statistic, label), number = item
    names = list(_STATISTICS.values())
    position = names.index(
        statistic if statistic in names else None)
    return position, statistic, -number, label


def _number(value):
    return int(value) if value == int(value) else round(value, 3)


def _add(totals, samples):
    """Add the metrics of a worker.

    :param totals: (statistic, label) -> number
    :param samples: samples of the parser of Prometheus
    """
    for sample in samples:
        name = sample.name.removeprefix(_PREFIX)
        if name == sample.name or name not in _STATISTICS:
            continue
        labels = dict(sample.labels)
        statistic = labels.pop('result', None) or _STATISTICS[name]
        key = statistic, ', '.join(labels.values())
        # A lag adds up to no meaning.
        totals[key] = (max(totals[key], sample.value)
                       if name == 'lag_seconds' else
                       totals[key] + sample.value)


def _default_url(conf):
    if not conf.metrics.worker_port:
        raise exception.InvalidInput(
            '--url', 'is required, because [metrics] worker_port is not set. '
            'Workers serve their metrics only if it is.')
    host = conf.metrics.host
    if ':' in host:
        host = f'[{host}]'
    return f'http://{host}:{conf.metrics.worker_port}'


def _read(url):
    """Return the samples of a worker, a list.

    :raises usermsg.exception.InvalidInput: the URL is invalid
    :raises RuntimeError: the worker doesn't respond with metrics
    """
    try:
        parts = urllib.parse.urlsplit(url)
        connect = {'http': http.client.HTTPConnection,
                   'https': http.client.HTTPSConnection}[parts.scheme]
        connection = connect(
            parts.hostname or '', parts.port, timeout=_TIMEOUT)
        if not parts.hostname:
            raise ValueError
    except (KeyError, ValueError, http.client.InvalidURL):
        raise exception.InvalidInput(
            '--url', 'must be a URL such as http://127.0.0.1:9799.') from None
    try:
        connection.request('GET', parts.path or '/')
        response = connection.getresponse()
        text = response.read(_MAX_SIZE).decode()
        if response.status != http.client.OK:
            raise ValueError(f'status {response.status}')
        samples = [sample for family in
                   prometheus.text_string_to_metric_families(text)
                   for sample in family.samples]
    except OSError as error:
        raise RuntimeError(
            f'No worker responds at {url}: {error.strerror or error}. Is '
            f'usermsg-worker running, with [metrics] worker_port?') from None
    except (ValueError, http.client.HTTPException) as error:
        raise RuntimeError(
            f'The response of {url} is not that of usermsg-worker: '
            f'{type(error).__name__}.') from None
    finally:
        connection.close()
    if not any(sample.name.startswith(_PREFIX) for sample in samples):
        raise RuntimeError(
            f'The response of {url} contains no metrics of a listener.')
    return samples
