# SPDX-License-Identifier: Apache-2.0
"""``usermsg-worker``: what is done beside answering requests."""

import sys

from usermsg.concurrency import backend

backend.use_threads()

from oslo_config import cfg  # noqa: E402
from oslo_log import log  # noqa: E402
from oslo_service import opts as service_opts  # noqa: E402
from oslo_service import service as os_service  # noqa: E402

from usermsg import exception  # noqa: E402
from usermsg.worker import service as worker  # noqa: E402

LOG = log.getLogger(__name__)


def main():
    try:
        made = worker.Worker(sys.argv[1:])
    except exception.ConfigurationError as error:
        sys.exit(f'usermsg-worker cannot start: {error}')
    LOG.info('Starting the worker')
    sys.exit(os_service.launch(
        _launcher_options(made), made, restart_method='mutate').wait())


def _launcher_options(made):
    """What the launcher needs of the configuration, and without its files.

    On SIGHUP the launcher reads them again, and what it can't parse it
    repeats in its log, be it a password. The worker does it instead.
    """
    options = cfg.ConfigOpts()
    service_opts.register_service_opts(options)
    options([], default_config_files=[], default_config_dirs=[])
    options.set_override('log_options', False)

    def take():
        options.set_override('graceful_shutdown_timeout',
                             made.runtime.conf.graceful_shutdown_timeout)

    def reload(_options, _changed):
        made.reload()
        take()

    take()
    options.register_mutate_hook(reload)
    return options


if __name__ == '__main__':
    main()
