# SPDX-License-Identifier: Apache-2.0
"""Unit tests, which run with ``DJANGO_SETTINGS_MODULE`` set.

Horizon's modules read the settings when they are imported, so Django is set
up before the test modules are.
"""

import os

import django
from django.test import utils

os.environ.setdefault('DJANGO_SETTINGS_MODULE',
                      'usermsg_dashboard.tests.settings')
django.setup()
utils.setup_test_environment()
