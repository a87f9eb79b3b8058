# SPDX-License-Identifier: Apache-2.0
"""An application that sends through ``qpid``, for a server that forks.

It sends one when it is loaded, before the fork, and one for each request.
"""

import os

from oslo_config import cfg

from usermsg.notifications.drivers.qpid import driver as qpid
from usermsg.notifications import notification


def _send(text):
    sent = notification.Notification('request', text)
    _driver.notify({}, sent.body(), 'info', -1)


def application(environ, start_response):
    _send(str(os.getpid()))
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [str(os.getpid()).encode()]


_conf = cfg.ConfigOpts()
_conf(['--config-file', os.environ['TEST_QPID_CONF']], project='service')
_driver = qpid.QpidDriver(_conf, ['notifications'])
_send('before the fork')
