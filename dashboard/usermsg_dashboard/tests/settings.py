# SPDX-License-Identifier: Apache-2.0
"""Settings of the unit tests: Horizon's own, with the plug-in."""

import pathlib

from horizon.test.settings import *  # noqa: F401,F403,H303
from openstack_dashboard.test.settings import *  # noqa: F401,F403,H303

import openstack_dashboard.enabled
from openstack_dashboard.utils import settings

import usermsg_dashboard.enabled

settings.update_dashboards(
    [usermsg_dashboard.enabled, openstack_dashboard.enabled],
    HORIZON_CONFIG, INSTALLED_APPS)  # noqa: F405
INSTALLED_APPS = list(dict.fromkeys(INSTALLED_APPS))  # noqa: F405

# Horizon executes these files in the same way.
for _path in sorted((pathlib.Path(usermsg_dashboard.__file__).parent /
                     'local_settings.d').glob('*.py')):
    exec(_path.read_text(encoding='utf-8'))

# No test stores anything.
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3',
                         'NAME': ':memory:'}}
