# SPDX-License-Identifier: Apache-2.0
"""Settings of the plug-in and their defaults.

``local_settings.d/_6040_usermsg_options.py`` explains them.
"""

from django.conf import settings

_DEFAULTS = {
    'USERMSG_BADGE_INTERVAL': 30,
    'USERMSG_BADGE_PAUSE': 60,
    'USERMSG_VOLUME_TAB': False,
}


def badge_interval():
    """Return the seconds between two requests of a page's badge."""
    return max(1, int(_get('USERMSG_BADGE_INTERVAL')))


def badge_pause():
    """Return the seconds without requests after the service has failed."""
    return max(1, int(_get('USERMSG_BADGE_PAUSE')))


def replace_volume_tab():
    """Return True if the tab replaces that of Horizon for volumes."""
    return bool(_get('USERMSG_VOLUME_TAB'))


def _get(name):
    return getattr(settings, name, _DEFAULTS[name])
