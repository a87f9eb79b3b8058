# SPDX-License-Identifier: Apache-2.0
"""Badge with the number of unread errors.

The section of the header contains only what is cached, so that it takes no
time. The script ``badge.js`` reads the number from a view of its own, which
leaves the session unchanged, and makes a link of the section's element.
"""

from django.http import JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import generic
from horizon import exceptions
from openstack_dashboard import policy

from usermsg_dashboard.badge import unread_errors
from usermsg_dashboard import navigation
from usermsg_dashboard import rules
from usermsg_dashboard import sessions


class BadgeView(generic.TemplateView):
    """Section of the header; empty if the user can't read messages."""

    template_name = 'usermsg/_badge.html'

    def get_context_data(self, **kwargs):
        request = self.request
        if _is_permitted(request):
            kwargs.update(is_permitted=True, **_describe(
                unread_errors.read_cached(request)))
        return super().get_context_data(**kwargs)


class UnreadErrorsView(generic.View):
    """Number of unread errors as JSON, for the script."""

    def get(self, request):
        sessions.discard_changes(request)
        try:
            return JsonResponse(_describe(unread_errors.read(request)))
        except exceptions.ServiceCatalogException:
            return JsonResponse({}, status=404)


def _is_permitted(request):
    user = request.user
    return (user.is_authenticated and user.project_id and
            navigation.has_panel('project') and
            navigation.has_service({'request': request}) and
            policy.check(rules.READ_UNREAD_ERRORS, request))


def _describe(unread):
    """Return a dict for the script: what is shown, and when to ask again.

    :param unread: :class:`unread_errors.UnreadErrors`
    """
    number = unread.number
    if number is None:
        text = _('Messages')
    elif unread.more:
        text = ngettext('At least %(number)s unread error',
                        'At least %(number)s unread errors', number)
    elif number:
        text = ngettext('%(number)s unread error',
                        '%(number)s unread errors', number)
    else:
        text = _('No unread errors')
    return {
        'number': number, 'text': text % {'number': number},
        'shown': f'{number}+' if unread.more else str(number or ''),
        'delay': unread.delay, 'failed': unread.failed}
