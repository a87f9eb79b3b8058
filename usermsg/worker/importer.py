# SPDX-License-Identifier: Apache-2.0
"""Periodic import of messages that another service stores in its own table.

Any number of processes on any number of hosts can run an importer: one of
them at a time holds the lease of a source. The first import reads all rows,
as ``usermsg-manage import`` does, and later ones the rows that were added or
deleted since. Importing a row again changes nothing, so an import can end at
any time.
"""

import datetime
import hashlib
import time

from oslo_log import log
from prometheus_client import core

from usermsg.db import clock
from usermsg.db import lease
from usermsg.db import url as urls
from usermsg import exception
from usermsg.importer import conversion
from usermsg.importer import source
from usermsg.importer import transfer
from usermsg.objects import import_position

LOG = log.getLogger(__name__)

#: Seconds after which another process may take over. No statement on either
#: database takes longer.
LEASE_TTL = 120

#: Rows of this time before the last import are read again: a row may be
#: committed later than its time, which is that of a host of the service, and
#: whose clock may be slow.
OVERLAP = datetime.timedelta(minutes=10)

_CONVERTERS = {'import_share': conversion.Share,
               'import_volume': conversion.Volume}

#: Seconds between two batches, in which the databases serve other clients.
_BATCH_DELAY = 0.05


def load(runtime):
    """Return an importer for each configured source.

    :param runtime: a :class:`usermsg.service.Runtime`
    :raises usermsg.exception.ConfigurationError: the URL of a source database
        can't be used; names the option
    """
    importers = []
    for group in ('import_share', 'import_volume'):
        options = runtime.conf[group]
        if options.connection:
            url = urls.parse_url(options.connection, f'[{group}] connection')
            importers.append(
                Importer(runtime, url, _CONVERTERS[group], options))
    return importers


class Collector:
    """Prometheus collector of values that only this process has.

    :param importers: a list of :class:`Importer`
    """

    def __init__(self, importers):
        self._importers = importers

    def collect(self):
        finished_at = core.GaugeMetricFamily(
            'usermsg_import_last_success_timestamp_seconds',
            'Unix time at which this worker last read a source database to '
            'its end; 0 if it never did.', labels=('source',))
        for each in self._importers:
            finished_at.add_metric((each.name,), each.finished_at)
        return [finished_at]


class Importer:
    """Importer from one source database, in a thread of its own.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param url: of the source, the result of
        :func:`usermsg.db.url.parse_url`
    :param converter_class: a subclass of
        :class:`usermsg.importer.conversion.Converter`
    :param options: those of the source, ``[import_NAME]``
    :ivar name: of the source: ``volume`` or ``share``
    :ivar finished_at: Unix time at which it last read the source to its end
    """

    def __init__(self, runtime, url, converter_class, options):
        self.name = converter_class.name
        self.finished_at = 0
        self._runtime = runtime
        self._db = runtime.db
        self._metrics = runtime.metrics
        self._url = url
        self._converter_class = converter_class
        self._options = options
        self._position = _position_name(self.name, url)
        self._lease = lease.Lease(
            runtime.db, f'import-{self.name}', LEASE_TTL)
        self._is_unavailable = False
        self._skipped = []

    def run(self, stop):
        """Import until an event is set; then return after the current batch.

        Any error is logged, and the next import tries again.
        """
        while not stop.is_set():
            reason = None
            try:
                self.import_new(stop)
            except exception.DatabaseUnavailable:
                pass  # has been logged already
            except lease.LeaseLost as error:
                LOG.warning('The import from %s ended early: %s.',
                            self._converter_class.title, error)
            except Exception as error:
                reason = exception.log_text(error)
            # Outside the except clause: oslo.log would add the exception,
            # whose text may contain values of rows.
            if reason:
                LOG.error('The import from %s failed: %s',
                          self._converter_class.title, reason)
            stop.wait(self._options.interval)
        try:
            self._lease.release()
        except exception.DatabaseUnavailable:
            pass  # the lease expires later

    def import_new(self, stop):
        """Import once, unless another process holds the lease.

        :param stop: an event; once it is set, the import ends after a batch
        :returns: True if the source was read to its end
        :raises usermsg.db.lease.LeaseLost: this process froze for longer than
            its lease; what it imported before stays
        :raises usermsg.exception.DatabaseUnavailable: the database of usermsg
            is unavailable
        """
        if not self._lease.acquire():
            return False
        now = clock.read(self._db)
        current = transfer.Transfer(
            self._db, self._runtime.conf, self._runtime.catalogue,
            self._converter_class, now)
        is_complete, reason = False, None
        try:
            is_complete = self._import(current, stop)
        except exception.SourceDatabaseError as error:
            reason = str(error)
            self._metrics.import_failures.inc(1, (self.name,))
        finally:
            self._count(current.report)
        if reason and not self._is_unavailable:
            self._is_unavailable = True
            LOG.error('The database of %s, [import_%s] connection, cannot be '
                      'imported, and is tried again every %d seconds: %s',
                      self._converter_class.title, self.name,
                      self._options.interval, reason)
        if is_complete:
            import_position.store(self._db, self._position, now)
            self.finished_at = time.time()
            if self._is_unavailable:
                self._is_unavailable = False
                LOG.info('The database of %s is imported again',
                         self._converter_class.title)
        # The lease is kept until after the next import: the other processes
        # must not repeat this one.
        self._lease.renew(self._options.interval + LEASE_TTL)
        return is_complete

    def _import(self, current, stop):
        """Import batches; return True if they were the last ones."""
        read_until = import_position.read(self._db, self._position)
        with source.connect(self._url, self._converter_class,
                            self._options.any_revision) as table:
            for rows in table.batches(
                    self._options.batch_size,
                    read_until and read_until - OVERLAP):
                self._lease.renew()
                current.import_batch(rows)
                if stop.wait(_BATCH_DELAY):
                    return False
        return True

    def _count(self, report):
        numbers = report.numbers
        for result, number in (
                ('imported', numbers['new']), ('merged', numbers['merged']),
                ('deleted', numbers['deleted_there']),
                ('skipped', report.number_skipped)):
            if number:
                self._metrics.imported_rows.inc(number, (self.name, result))
        if numbers['new'] + numbers['merged'] + numbers['deleted_there']:
            LOG.info('Imported %d messages of %s, merged %d, deleted %d',
                     numbers['new'], self._converter_class.title,
                     numbers['merged'], numbers['deleted_there'])
        # The rows of the overlap are skipped again and again.
        skipped = list(report.skipped_lines())
        if skipped and skipped != self._skipped:
            LOG.warning('Rows of %s were skipped: %s',
                        self._converter_class.title, ' '.join(skipped))
        self._skipped = skipped


def _position_name(name, url):
    """Return the name of the position of a source database.

    Another database has another name: it is read from its beginning.
    """
    place = repr((url.host, url.port, url.database))
    return f'{name}:{hashlib.sha256(place.encode()).hexdigest()[:32]}'
