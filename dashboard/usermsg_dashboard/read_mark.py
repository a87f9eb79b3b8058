# SPDX-License-Identifier: Apache-2.0
"""Movement of the user's read mark."""

import uuid

from django import shortcuts
from django.utils.translation import gettext_lazy as _
from django.views import generic
from horizon import messages as notices

from usermsg_dashboard.badge import unread_errors
from usermsg_dashboard import client
from usermsg_dashboard import problems


class ReadMarkView(generic.View):
    """Form action that marks messages as read, up to ``message``."""

    def get(self, request):
        return shortcuts.redirect('horizon:project:usermsg:index')

    def post(self, request):
        try:
            message_id = str(uuid.UUID(request.POST.get('message', '')))
            position = client.MessageClient(request).mark_read(message_id)
        except ValueError:
            notices.error(request, _('This message no longer exists.'))
        except client.ERRORS as error:
            notices.error(request, problems.describe(error))
        else:
            unread_errors.forget(request)
            if position >= message_id:
                notices.success(request, _('All messages are marked as read.'))
            else:
                notices.success(request, _(
                    'The messages are marked as read, except those of the '
                    'last seconds.'))
        return self.get(request)
