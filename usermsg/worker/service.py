# SPDX-License-Identifier: Apache-2.0
"""The worker, which runs beside the API, as an oslo.service service."""

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
    """Reaper and relays, in a process that oslo.service's launcher forks.

    SIGHUP ends the forked process, and a new one is forked. The launcher's
    process remains, and reads the configuration for all of them: it keeps the
    last valid one when the configuration becomes invalid.

    :param argv: the command line, see :func:`usermsg.service.prepare`
    :ivar runtime: the :class:`usermsg.service.Runtime` in force
    :raises usermsg.exception.ConfigurationError: as
        :func:`usermsg.service.prepare`
    """

    def __init__(self, argv):
        self._argv = argv
        self.runtime = None
        self.runtime = self._read()
        self._stop = threading.Event()
        self._threads = []

    def reload(self):
        """Reload the configuration, in the launcher's process."""
        reason = None
        try:
            self.runtime = self._read()
        except exception.ConfigurationError as error:
            reason = str(error)
        # Outside the except clause: oslo.log would add the exception to the
        # line, and the reason would be there twice.
        if reason:
            self._set_up_logging()
            LOG.error('Reloading the configuration failed, so the previous '
                      'one stays in force: %s', reason)

    def _read(self):
        runtime = service.prepare(self._argv)
        options = runtime.conf.metrics
        previous = self.runtime and self.runtime.conf.metrics
        # The port is checked in the launcher's process: it would replace a
        # forked process that exits because of the port again and again. The
        # running process listens on the port in force.
        in_use = previous and options.worker_port == previous.worker_port
        if options.worker_port and not (
                in_use and options.host == previous.host):
            exporter.check(options.host, 0 if in_use else options.worker_port)
        return runtime

    def _set_up_logging(self):
        # A valid configuration may refer to a file that has become unusable.
        with contextlib.suppress(exception.ConfigurationError):
            config.set_up_logging(self.runtime.conf)

    def start(self):
        # In the forked process: log handlers may have threads, which a fork
        # doesn't copy. The same is true of the metrics' collectors.
        self._set_up_logging()
        registry = self.runtime.metrics.registry
        registry.register(metrics.BacklogCollector(
            self.runtime.db, self.runtime.outbox.drivers))
        message_reaper = reaper.Reaper(self.runtime)
        registry.register(message_reaper)
        try:
            exporter.serve(self.runtime,
                           self.runtime.conf.metrics.worker_port)
        except exception.ConfigurationError as error:
            LOG.error('The metrics are not served: %s', error)
        loops = {'reaper': message_reaper.run}
        if self.runtime.outbox.drivers:
            loops['relays'] = functools.partial(
                relay.run_all, self.runtime)
        for name, run in loops.items():
            thread = threading.Thread(
                target=run, args=(self._stop,), name=name)
            thread.start()
            self._threads.append(thread)

    def stop(self):
        """Stop all threads, and wait for them.

        oslo.service limits the wait.
        """
        self._stop.set()
        self.wait()

    def wait(self):
        for thread in self._threads:
            thread.join()

    def reset(self):
        """Do nothing: oslo.service starts a new process instead."""
