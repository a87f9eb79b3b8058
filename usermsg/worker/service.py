# SPDX-License-Identifier: Apache-2.0
"""The worker, which runs beside the API, as an oslo.service service."""

import contextlib
import functools
import threading

from oslo_log import log
from oslo_service import service as os_service

from usermsg import config
from usermsg import exception
from usermsg.listener import assembly
from usermsg.metrics import exporter
from usermsg.outbox import metrics
from usermsg.outbox import relay
from usermsg import service
from usermsg.worker import importer
from usermsg.worker import liveness
from usermsg.worker import reaper
from usermsg.worker import watchdog

LOG = log.getLogger(__name__)


class Worker(os_service.ServiceBase):
    """Listener, importers, reaper and relays, in a forked process.

    The launcher, which forks it, is that of oslo.service. SIGHUP ends the
    forked process, and a new one is forked. The launcher's process remains,
    and reads the configuration for all of them: it keeps the last valid one
    when the configuration becomes invalid.

    :param argv: the command line, see :func:`usermsg.service.prepare`
    :ivar runtime: the :class:`usermsg.service.Runtime` in force
    :raises usermsg.exception.ConfigurationError: as
        :func:`usermsg.service.prepare`
    """

    def __init__(self, argv):
        self._argv = argv
        self.runtime = None
        self.runtime, self._listener_files = self._read()
        self._stop = liveness.StopEvent()
        self._threads = []
        self._watchdog = watchdog.Watchdog()

    def reload(self):
        """Reload the configuration, in the launcher's process."""
        reason = None
        previous = self.runtime.conf
        try:
            self.runtime, self._listener_files = self._read()
        except exception.ConfigurationError as error:
            reason = str(error)
        # Outside the except clause: oslo.log would add the exception to the
        # line, and the reason would be there twice.
        if reason:
            self._set_up_logging()
            LOG.error('Reloading the configuration failed, so the previous '
                      'one stays in force: %s', reason)
            return
        # Without their values, which may be secret.
        LOG.info('Reloaded the configuration; changed options: %s', ', '.join(
            config.changed_options(previous, self.runtime.conf)) or 'none')
        LOG.info('Reloaded the catalogue: %d entries',
                 len(list(self.runtime.catalogue.texts())))
        if self._listener_files:
            LOG.info('Reloaded the rules of the listener: %d rules',
                     len(self._listener_files.rules.rules))
        LOG.info('A new process replaces the running one')

    def _read(self):
        runtime = service.prepare(self._argv)
        importer.load(runtime)  # to check the URLs
        options = runtime.conf.metrics
        previous = self.runtime and self.runtime.conf.metrics
        # The port is checked in the launcher's process: it would replace a
        # forked process that exits because of the port again and again. The
        # running process listens on the port in force.
        in_use = previous and options.worker_port == previous.worker_port
        if options.worker_port and not (
                in_use and options.host == previous.host):
            exporter.check(options.host, 0 if in_use else options.worker_port)
        return runtime, (assembly.read_files(runtime)
                         if runtime.conf.listener.enabled else None)

    def _set_up_logging(self):
        # A valid configuration may refer to a file that has become unusable.
        with contextlib.suppress(exception.ConfigurationError):
            config.set_up_logging(self.runtime.conf)

    def start(self):
        # In the forked process: log handlers may have threads, which a fork
        # doesn't copy. The same is true of the metrics' collectors.
        self._set_up_logging()
        conf = self.runtime.conf
        # A delivery may take a third of the lease.
        self._stop.timeout = max(liveness.TIMEOUT, conf.relay.lease_ttl)
        registry = self.runtime.metrics.registry
        registry.register(metrics.BacklogCollector(
            self.runtime.db, self.runtime.outbox.drivers))
        loops = {'watchdog': self._watchdog.run}
        if conf.reaper.enabled:
            message_reaper = reaper.Reaper(self.runtime)
            registry.register(message_reaper)
            loops['reaper'] = message_reaper.run
        if conf.relay.enabled and self.runtime.outbox.drivers:
            loops['relays'] = functools.partial(
                relay.run_all, self.runtime)
        importers = importer.load(self.runtime)
        registry.register(importer.Collector(importers))
        loops.update({f'importer-{each.name}': each.run
                      for each in importers})
        if conf.listener.enabled:
            listener = assembly.Listener(
                self.runtime, self._listener_files.rules)
            consumers = listener.build_consumers(self._listener_files.sources)
            for collector in listener.build_collectors(consumers):
                registry.register(collector)
            if conf.listener.correlator_enabled:
                loops['correlator'] = listener.build_correlator(
                    consumers).run
            loops.update({f'listener-{each.name}': each.run
                          for each in consumers})
        try:
            exporter.serve(self.runtime, conf.metrics.worker_port,
                           self._stop.unresponsive)
        except exception.ConfigurationError as error:
            LOG.error('The metrics are not served: %s', error)
        LOG.info('The worker process runs %s', ', '.join(loops))
        for name, run in loops.items():
            thread = threading.Thread(
                target=run, args=(self._stop,), name=name)
            thread.start()
            self._stop.require(thread)
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
