# SPDX-License-Identifier: Apache-2.0
"""Import of batches of rows of another service's table of messages."""

import contextlib

from usermsg import exception
from usermsg.importer import report as reports
from usermsg.importer import store
from usermsg.message import api as message_api

_CLASH = 'id: another row of the same time has the same new id.'


class Transfer:
    """One import from a source database.

    :param db: a :class:`usermsg.db.engine.Database`, the destination
    :param conf: with the options of ``[messages]``
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :param converter_class: a subclass of
        :class:`usermsg.importer.conversion.Converter`
    :param now: current time, an aware datetime
    :param dry_run: count, and change nothing
    :ivar report: a :class:`usermsg.importer.report.Report`
    """

    def __init__(self, db, conf, catalogue, converter_class, now,
                 dry_run=False):
        self._db = db
        self._event_ids = catalogue.resolved_events
        self._converter = converter_class(
            catalogue, message_api.ttl_by_level(conf.messages), now)
        self._dry_run = dry_run
        self.report = reports.Report()

    def import_batch(self, rows):
        """Import a batch of rows in one transaction; return their number.

        :raises usermsg.exception.DatabaseUnavailable: the destination is
            unavailable
        :raises usermsg.exception.IdsInUse: see
            :func:`usermsg.importer.store.store`
        """
        new_messages, deleted = {}, []
        numbers = self.report.numbers
        for row in rows:
            if self._converter.is_deleted(row):
                numbers['deleted'] += 1
                with contextlib.suppress(exception.InvalidInput):
                    _message_id, key = self._converter.build_identity(row)
                    deleted.append(key)
                continue
            try:
                new_message = self._converter.convert(row)
            except exception.InvalidInput as error:
                self.report.skip(row.id, str(error))
                continue
            if new_message is None:
                numbers['expired'] += 1
            else:
                new_messages[new_message] = row.id
        results, clashes = store.store(
            self._db, list(new_messages), deleted, self._event_ids,
            self._dry_run)
        numbers.update(results)
        # These rows have been counted as deleted too.
        numbers['deleted'] -= results['deleted_there']
        for new_message in clashes:
            self.report.skip(new_messages.pop(new_message), _CLASH)
        for new_message in new_messages:
            if new_message.row.event_id not in self._event_ids:
                self.report.add_unknown(new_message.row.event_id)
        return len(rows)
