# SPDX-License-Identifier: Apache-2.0
"""``usermsg-worker``: the reaper and the relays, outside of the API."""

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
        service = worker.Worker(sys.argv[1:])
    except exception.ConfigurationError as error:
        sys.exit(f'usermsg-worker cannot start: {error}')
    LOG.info('Starting the worker')
    sys.exit(os_service.launch(
        _launcher_options(service), service,
        restart_method='mutate').wait())


def _launcher_options(service):
    """Return the launcher's options, without the configuration files.

    On SIGHUP the launcher would reload the files, and log the values that it
    can't parse, even a password. The worker reloads them instead.
    """
    options = cfg.ConfigOpts()
    service_opts.register_service_opts(options)
    options([], default_config_files=[], default_config_dirs=[])
    options.set_override('log_options', False)

    def copy_timeout():
        options.set_override('graceful_shutdown_timeout',
                             service.runtime.conf.graceful_shutdown_timeout)

    def reload(_options, _changed):
        service.reload()
        copy_timeout()

    copy_timeout()
    options.register_mutate_hook(reload)
    return options


if __name__ == '__main__':
    main()
