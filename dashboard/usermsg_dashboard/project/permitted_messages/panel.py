# SPDX-License-Identifier: Apache-2.0
"""Panel Project > Permitted Messages."""

from django.utils.translation import gettext_lazy as _
import horizon

from usermsg_dashboard import navigation
from usermsg_dashboard import rules


class PermittedMessages(horizon.Panel):
    name = _('Permitted Messages')
    slug = 'usermsg_permitted'
    policy_rules = rules.READ_DEFINITIONS
    nav = staticmethod(navigation.has_service)
