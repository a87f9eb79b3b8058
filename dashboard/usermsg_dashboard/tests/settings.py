# SPDX-License-Identifier: Apache-2.0
"""Settings of the unit tests: Horizon's own, with the plug-in."""

import pathlib

from horizon.test.settings import *  # noqa: F401,F403,H303
from openstack_dashboard.test.settings import *  # noqa: F401,F403,H303

import openstack_dashboard.enabled
from openstack_dashboard.utils import settings

import usermsg_dashboard.enabled

# Horizon's test settings have these from its own enabled files, which are read
# again here: the panels of the last call count.
for _name in ('dashboards', 'default_dashboard'):
    HORIZON_CONFIG.pop(_name, None)  # noqa: F405
settings.update_dashboards(
    [openstack_dashboard.enabled, usermsg_dashboard.enabled],
    HORIZON_CONFIG, INSTALLED_APPS)  # noqa: F405
INSTALLED_APPS = list(dict.fromkeys(INSTALLED_APPS))  # noqa: F405

# Horizon's test settings turn the rules off.
POLICY_CHECK_FUNCTION = 'openstack_auth.policy.check'
POLICY_FILES = {}
DEFAULT_POLICY_FILES = {}
# Horizon executes these files in the same way.
for _path in sorted((pathlib.Path(usermsg_dashboard.__file__).parent /
                     'local_settings.d').glob('*.py')):
    exec(_path.read_text(encoding='utf-8'))

# Pages only name their scripts and styles.
COMPRESS_ENABLED = False
COMPRESS_PRECOMPILERS = ()
# Tests clear the first cache. The other one is for Horizon's templates, which
# take long.
CACHES = {name: {
    'BACKEND': 'django.core.cache.backends.locmem.LocMemCache',
    'LOCATION': name} for name in ('default', 'template_fragments')}
# No test stores anything.
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3',
                         'NAME': ':memory:'}}
