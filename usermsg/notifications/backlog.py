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
"""Figures of the outbox, which are in the database, for Prometheus."""

import threading
import time

from oslo_log import log
from prometheus_client import core

from usermsg.db import clock
from usermsg import deadline
from usermsg import exception
from usermsg.objects import outbox

LOG = log.getLogger(__name__)

#: Seconds that figures are kept before the database is asked again.
KEPT = 10

#: Seconds that a scrape waits for the database. Then it has the figures of
#: before, unless those are older than this:
PATIENCE = 2
STALE = 120


class Figures:
    """Collects, for each driver, what is in the outbox for it.

    However many ask, one thread at most counts. If nothing is known there
    are no figures, rather than wrong ones; nothing is raised.

    :param db: a :class:`usermsg.db.Database`
    :param drivers: names that have figures even if nothing waits for them
    """

    def __init__(self, db, drivers, kept=KEPT, patience=PATIENCE,
                 stale=STALE):
        self._db = db
        self._drivers = drivers
        self._kept = kept
        self._stale = stale
        self._deadline = deadline.Deadline(patience, places=1,
                                           name='usermsg-outbox-figures')
        self._lock = threading.Lock()
        self._under_way = False
        self._ask_at = 0
        # What was found, when the database said it was, and when that was.
        self._found = None, None, 0

    def describe(self):
        """Their names; a registry would collect them otherwise."""
        return self._families()

    def collect(self):
        found, now, moment = self._current()
        waiting, set_aside, oldest = families = self._families()
        if found is None or time.monotonic() - moment > self._stale:
            return families
        for name in sorted({*found, *self._drivers}):
            backlog = found.get(name) or outbox.Backlog(0, 0, None)
            waiting.add_metric([name], backlog.waiting)
            set_aside.add_metric([name], backlog.set_aside)
            oldest.add_metric([name], 0 if backlog.oldest is None else max(
                0, (now - backlog.oldest).total_seconds()))
        return families

    def _families(self):
        return [core.GaugeMetricFamily(
            f'usermsg_outbox_{name}', text, labels=['driver'])
            for name, text in (
                ('waiting', 'Notifications that wait to be delivered.'),
                ('set_aside', 'Notifications that are not tried any more.'),
                ('oldest_seconds', 'For how long the first of those that '
                 'wait has done so; 0 if none does.'))]

    def _current(self):
        with self._lock:
            # A count that was given up goes on, and is there the next time.
            if not self._under_way and time.monotonic() >= self._ask_at:
                self._under_way = True
                try:
                    self._deadline.run(self._ask)
                except deadline.Expired:
                    pass
                except Exception:
                    self._under_way = False  # there may have been no thread
                    LOG.exception('The outbox cannot be counted.')
            return self._found

    def _ask(self):
        try:
            self._found = (outbox.backlog(self._db), clock.read(self._db),
                           time.monotonic())
        except exception.DatabaseUnavailable:
            pass  # has been logged
        finally:
            self._ask_at = time.monotonic() + self._kept
            self._under_way = False
