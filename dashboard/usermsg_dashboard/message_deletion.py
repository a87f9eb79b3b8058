# SPDX-License-Identifier: Apache-2.0
"""Deletion of messages, after a confirmation."""

import urllib.parse
import uuid

from django import shortcuts
from django.urls import reverse
from django.utils import http
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from horizon import exceptions as horizon_exceptions
from horizon import messages as notices
from horizon import views
from keystoneauth1 import exceptions

from usermsg_dashboard.badge import unread_errors
from usermsg_dashboard import client
from usermsg_dashboard import connection
from usermsg_dashboard import problems
from usermsg_dashboard import rules

#: Messages whose texts the confirmation shows.
_MAX_SHOWN = 20


class MessageDeletionView(views.HorizonTemplateView):
    """Confirmation of a deletion, and the deletion itself.

    A form sends ``message`` with an id, several times for several messages,
    or ``only`` for one message, in place of all others.
    """

    template_name = 'usermsg/delete.html'
    page_title = _('Delete Messages')
    dashboard = 'project'

    def get(self, request, *args, **kwargs):
        return shortcuts.redirect(self._next_url)

    def post(self, request, *args, **kwargs):
        if not rules.permit_deletion(request, self.dashboard == 'admin'):
            raise horizon_exceptions.NotAuthorized()
        ids = (request.POST.getlist('only') or
               request.POST.getlist('message'))
        ids = list(dict.fromkeys(map(_normalize, ids)))
        if not ids:
            notices.info(request, _('Select the messages to delete first.'))
        elif 'confirmed' in request.POST:
            self._delete(ids)
        else:
            return self._confirm(ids)
        return shortcuts.redirect(self._next_url)

    @property
    def _next_url(self):
        """URL of the page that the user comes from, in this panel."""
        index = reverse(f'horizon:{self.dashboard}:usermsg:index')
        url = self.request.POST.get('next', '')
        return url if http.url_has_allowed_host_and_scheme(url, None) and (
            urllib.parse.urlsplit(url).path == index) else index

    def _confirm(self, ids):
        texts, problem = [], None
        try:
            messages = client.MessageClient(self.request)
            for message_id in ids[:_MAX_SHOWN]:
                try:
                    texts.append(messages.show(message_id).text)
                except exceptions.NotFound:
                    # The deletion will mention it.
                    pass
        except client.ERRORS as error:
            problem = problems.describe(error)
        return self.render_to_response(self.get_context_data(
            ids=ids, texts=texts, problem=problem, next_url=self._next_url,
            number_not_shown=max(0, len(ids) - _MAX_SHOWN)))

    def _delete(self, ids):
        deleted = missing = 0
        try:
            messages = client.MessageClient(self.request)
            for message_id in ids:
                try:
                    messages.delete(message_id)
                    deleted += 1
                except exceptions.NotFound:
                    missing += 1
        except connection.TimeUsedUp:
            self._explain_rest(len(ids) - deleted - missing, _(
                'The time for one request is used up. Select the others '
                'again.'))
        except client.ERRORS as error:
            self._explain_rest(len(ids) - deleted - missing,
                               problems.describe(error))
        if missing:
            notices.info(self.request, ngettext(
                '%(number)d message no longer existed.',
                '%(number)d messages no longer existed.', missing) % {
                    'number': missing})
        if deleted:
            unread_errors.forget(self.request)
            notices.success(self.request, ngettext(
                '%(number)d message was deleted.',
                '%(number)d messages were deleted.', deleted) % {
                    'number': deleted})

    def _explain_rest(self, number, reason):
        notices.error(self.request, '{} {}'.format(
            ngettext('%(number)d message was not deleted.',
                     '%(number)d messages were not deleted.', number) % {
                         'number': number}, reason))


def _normalize(message_id):
    """Return the canonical spelling of an id; other texts as they are."""
    try:
        return str(uuid.UUID(message_id))
    except ValueError:
        return message_id
