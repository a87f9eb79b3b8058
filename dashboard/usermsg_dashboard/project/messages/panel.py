# SPDX-License-Identifier: Apache-2.0
"""Panel Project > Messages."""

from django.utils.translation import gettext_lazy as _
import horizon

from usermsg_dashboard import navigation
from usermsg_dashboard import rules


class Messages(horizon.Panel):
    name = _('Messages')
    slug = 'usermsg'
    policy_rules = rules.READ
    nav = staticmethod(navigation.has_service)
