# SPDX-License-Identifier: Apache-2.0
"""Configuration options, one module for each group.

Importing registers nothing: :func:`register_opts` registers the options on
the ConfigOpts that it is passed, so that one process can hold several.
"""

import copy

from oslo_db import options as db_options

from usermsg.conf import api
from usermsg.conf import catalogue
from usermsg.conf import facades
from usermsg.conf import importer
from usermsg.conf import listener
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
        api, catalogue, listener, messages, metrics, notifications, qpid,
        rabbit, reaper, relay)),
    (listener.TRANSPORT_GROUP, listener.TRANSPORT_OPTS),
    *facades.GROUPS, *importer.GROUPS)


def register_opts(conf):
    for group, options in _GROUPS:
        # A copy: oslo.config keeps state in the group, including overridden
        # values, which all ConfigOpts would otherwise share.
        conf.register_group(copy.deepcopy(group))
        conf.register_opts(options, group=group)
    conf.register_opts(worker.OPTS)
    conf.register_opts(db_options.database_opts, group='database')


def list_opts():
    """Return the options of this project; libraries list their own.

    :returns: a list of (group, options); the group None is ``[DEFAULT]``
    """
    return [(None, worker.OPTS), *_GROUPS]
