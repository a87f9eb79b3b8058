# SPDX-License-Identifier: Apache-2.0
"""What a process needs, built once and passed down."""

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


@dataclasses.dataclass(frozen=True)
class Runtime:
    """Everything that is configured. Several can live in one process.

    :param policy: None in the library, which authorises nothing
    """

    conf: cfg.ConfigOpts
    db: engine.Database
    catalogue: catalogue.Catalogue
    metrics: registry.Metrics
    outbox: writer.Outbox
    policy: policy.Policy | None


def prepare(argv=None, several=False):
    """The runtime of a process of usermsg's own; sets up its logging.

    :param argv: command line arguments without the program's name; None
        for a process whose command line belongs to somebody else
    :param several: this is one of several processes that serve the API, and
        add up their figures if ``[metrics] path`` shows them
    :raises usermsg.exception.ConfigurationError: says which file, which
        option or line, and why
    """
    conf = config.load_config(argv)
    config.set_up_logging(conf)
    runtime = make_runtime(conf, policy.Policy(conf),
                           _metrics(conf, several))
    if runtime.outbox.drivers:
        # Here, because it imports libraries; and at all, because nobody
        # would see that what goes into the outbox never leaves it.
        from usermsg.notifications.drivers import loader as drivers
        from usermsg.outbox import relay
        drivers.close(relay.load_drivers(conf))
    return runtime


def prepare_library():
    """The runtime inside another service: no command line, no logging."""
    return make_runtime(config.load_config(library=True))


def make_runtime(conf, rules=None, counters=None):
    """A runtime on options that :func:`usermsg.config.load_config` has read.

    :param rules: a :class:`usermsg.policy.Policy`, if anything is authorised
    :param counters: a :class:`usermsg.metrics.registry.Metrics`; without it
        one of this runtime alone
    """
    counters = counters or registry.Metrics()
    database = engine.Database(conf)
    return Runtime(
        conf=conf,
        db=database,
        catalogue=loader.load(conf.catalogue.overlay_dir,
                              on_unknown=counters.unknown_events.inc),
        metrics=counters,
        outbox=writer.Outbox(database, conf),
        policy=rules)


def _metrics(conf, several):
    """Shared by the processes of a server, if it is set up for that.

    Others may have the variable in their environment as well, and must not
    add to figures that aren't theirs.
    """
    directory = os.environ.get(registry.SHARED_DIRECTORY_VARIABLE)
    if not (directory and several and conf.metrics.path):
        return registry.Metrics()
    try:
        return registry.Metrics(shared=True)
    except (OSError, ValueError):
        raise exception.ConfigurationError(
            f'the environment variable {registry.SHARED_DIRECTORY_VARIABLE} '
            f'names no directory that can be written: {directory}'
        ) from None
