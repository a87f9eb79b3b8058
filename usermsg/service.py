# SPDX-License-Identifier: Apache-2.0
"""Composition root: the dependencies of a process, built in one place."""

import dataclasses
import os

from oslo_config import cfg

from usermsg.catalogue import catalogue
from usermsg.catalogue import loader
from usermsg import config
from usermsg.db import engine
from usermsg import exception
from usermsg.metrics import registry
from usermsg.outbox import writer
from usermsg import policy
from usermsg import rate_limit


@dataclasses.dataclass(frozen=True)
class Runtime:
    """Configured dependencies. One process can hold several runtimes.

    :param db: None in a process without an account in the database
    :param policy: None in the library, which authorizes nothing
    """

    conf: cfg.ConfigOpts
    db: engine.Database | None
    catalogue: catalogue.Catalogue
    metrics: registry.Metrics
    outbox: writer.Outbox
    rate_limit: rate_limit.RateLimit
    policy: policy.Policy | None


def prepare(argv=None, multiprocess=False):
    """Build the runtime of a usermsg process, and configure its logging.

    :param argv: command line arguments without the program's name; None
        for a process whose command line belongs to another program
    :param multiprocess: True if this is one of several processes that serve
        the API, and add up their metrics if ``[metrics] path`` is set
    :returns: a :class:`Runtime`
    :raises usermsg.exception.ConfigurationError: names the file, the option
        or line, and the reason
    """
    conf = config.load_config(argv)
    config.set_up_logging(conf)
    runtime = make_runtime(conf, policy.Policy(conf),
                           _build_metrics(conf, multiprocess))
    runtime.db.check_server()
    if runtime.outbox.drivers:
        # Imported here, because the drivers import large libraries. The
        # drivers are loaded to check them: otherwise an invalid driver would
        # go unnoticed while the outbox grows.
        from usermsg.notifications.drivers import loader as drivers
        from usermsg.outbox import relay
        drivers.close(relay.load_drivers(conf))
    return runtime


def prepare_library(has_database=True):
    """Build the runtime of the library inside another service.

    It has no command line, and leaves the logging of the service unchanged.

    :param has_database: False without an account in the database
    """
    return make_runtime(config.load_config(library=True),
                        has_database=has_database)


def make_runtime(conf, rules=None, counters=None, has_database=True):
    """Build a runtime from a loaded configuration.

    :param conf: result of :func:`usermsg.config.load_config`
    :param rules: a :class:`usermsg.policy.Policy`; None if the process
        authorizes nothing
    :param counters: a :class:`usermsg.metrics.registry.Metrics`; if None,
        the runtime has metrics that are not shared
    :param has_database: see :func:`prepare_library`
    """
    counters = counters or registry.Metrics()
    database = engine.Database(conf) if has_database else None
    return Runtime(
        conf=conf,
        db=database,
        catalogue=loader.load(conf.catalogue.overlay_dir,
                              on_unknown=counters.unknown_events.inc),
        metrics=counters,
        outbox=writer.Outbox(database, conf),
        rate_limit=rate_limit.RateLimit(conf.messages, counters),
        policy=rules)


def _build_metrics(conf, multiprocess):
    """Build metrics, shared by the processes of a server if configured so.

    Other processes may have the variable in their environment as well, and
    must not add to the metrics of the server.
    """
    directory = os.environ.get(registry.SHARED_DIRECTORY_VARIABLE)
    if not (directory and multiprocess and conf.metrics.path):
        return registry.Metrics()
    try:
        return registry.Metrics(shared=True)
    except (OSError, ValueError):
        raise exception.ConfigurationError(
            f'the environment variable {registry.SHARED_DIRECTORY_VARIABLE} '
            f'must name a writable directory: {directory}'
        ) from None
