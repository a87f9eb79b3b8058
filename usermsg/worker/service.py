# SPDX-License-Identifier: Apache-2.0
"""What runs beside the API: a service of oslo.service."""

import contextlib
import functools
import threading

from oslo_log import log
from oslo_service import service as os_service

from usermsg import config
from usermsg import exception
from usermsg.metrics import exporter
from usermsg.outbox import metrics
from usermsg.outbox import relay
from usermsg import service
from usermsg.worker import reaper

LOG = log.getLogger(__name__)


class Worker(os_service.ServiceBase):
    """Runs in a process of its own, forked by oslo.service's launcher.

    SIGHUP ends that process, and a new one is forked. The launcher's process
    stays, and reads the configuration for all of them: it has what was in
    force last if that can't be used any more.

    :param argv: the command line, see :func:`usermsg.service.prepare`
    :ivar runtime: what is in force
    :raises usermsg.exception.ConfigurationError: see there
    """

    def __init__(self, argv):
        self._argv = argv
        self.runtime = None
        self.runtime = self._read()
        self._stop = threading.Event()
        self._threads = []

    def reload(self):
        """Read the configuration anew, in the launcher's process."""
        reason = None
        try:
            self.runtime = self._read()
        except exception.ConfigurationError as error:
            reason = str(error)
        # Not while it is handled: oslo.log would say it twice.
        if reason:
            self._set_up_logging()
            LOG.error('The configuration stays as it was: %s', reason)

    def _read(self):
        runtime = service.prepare(self._argv)
        options = runtime.conf.metrics
        before = self.runtime and self.runtime.conf.metrics
        # Here, since a process that ended for it would be followed by others
        # without end. The one that runs has the port that is in force.
        taken = before and options.worker_port == before.worker_port
        if options.worker_port and not (taken and options.host == before.host):
            exporter.check(options.host, 0 if taken else options.worker_port)
        return runtime

    def _set_up_logging(self):
        # What was read once may refer to a file that can't be used any more.
        with contextlib.suppress(exception.ConfigurationError):
            config.set_up_logging(self.runtime.conf)

    def start(self):
        # Here, as what logs may have threads, which no fork brings along.
        self._set_up_logging()
        # Likewise.
        registry = self.runtime.metrics.registry
        registry.register(metrics.BacklogCollector(
            self.runtime.db, self.runtime.outbox.drivers))
        reaps = reaper.Reaper(self.runtime)
        registry.register(reaps)
        try:
            exporter.serve(self.runtime,
                           self.runtime.conf.metrics.worker_port)
        except exception.ConfigurationError as error:
            LOG.error('No figures are served: %s', error)
        loops = {'reaper': reaps.run}
        if self.runtime.outbox.drivers:
            loops['relays'] = functools.partial(
                relay.run_all, self.runtime)
        for name, run in loops.items():
            thread = threading.Thread(
                target=run, args=(self._stop,), name=name)
            thread.start()
            self._threads.append(thread)

    def stop(self):
        """Returns when all have ended; oslo.service doesn't wait for ever."""
        self._stop.set()
        self.wait()

    def wait(self):
        for thread in self._threads:
            thread.join()

    def reset(self):
        """Nothing: oslo.service starts a new process instead."""
