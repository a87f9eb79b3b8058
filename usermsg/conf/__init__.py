# SPDX-License-Identifier: Apache-2.0
"""Configuration options, a module for each group.

Nothing is registered by importing: :func:`register_opts` does it on the
ConfigOpts that it is given, so that one process can hold several.
"""

import copy

from oslo_db import options as db_options

from usermsg.conf import api
from usermsg.conf import catalogue
from usermsg.conf import facades
from usermsg.conf import messages
from usermsg.conf import metrics
from usermsg.conf import notifications
from usermsg.conf import qpid
from usermsg.conf import rabbit
from usermsg.conf import reaper
from usermsg.conf import relay
from usermsg.conf import worker

_GROUPS = (
    *((module.GROUP, module.OPTS) for module in (
        api, catalogue, messages, metrics, notifications, qpid, rabbit,
        reaper, relay)),
    *facades.GROUPS)


def register_opts(conf):
    for group, options in _GROUPS:
        # A copy: all ConfigOpts would share what oslo.config keeps in it,
        # overridden values too.
        conf.register_group(copy.deepcopy(group))
        conf.register_opts(options, group=group)
    conf.register_opts(worker.OPTS)
    conf.register_opts(db_options.database_opts, group='database')


def list_opts():
    """Of this project only; the libraries list theirs themselves.

    :returns: a list of groups, each with its options; None is ``[DEFAULT]``
    """
    return [(None, worker.OPTS), *_GROUPS]
