# SPDX-License-Identifier: Apache-2.0
"""Page about a message, and the way from there to its resource."""

import urllib.parse

from django import shortcuts
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from horizon import messages as notices
from horizon import views
from keystoneauth1 import exceptions

from usermsg_dashboard import client
from usermsg_dashboard import message_filters
from usermsg_dashboard import problems
from usermsg_dashboard import resources
from usermsg_dashboard import rows
from usermsg_dashboard import rules

#: Messages of the same request, and of the same resource.
_MAX_RELATED = 5


class MessageDetailView(views.HorizonTemplateView):
    """Message with others of the same request and of the same resource."""

    template_name = 'usermsg/detail.html'
    page_title = _('Message')
    dashboard = 'project'

    def get(self, request, *args, message_id, **kwargs):
        try:
            messages = client.MessageClient(request)
            message = messages.show(message_id)
        except exceptions.NotFound as error:
            notices.error(request, problems.describe(error))
            return shortcuts.redirect(self._index_url)
        except client.ERRORS as error:
            return self.render_to_response(
                self.get_context_data(problem=problems.describe(error)))
        return self.respond(messages, message)

    @property
    def _index_url(self):
        return reverse(f'horizon:{self.dashboard}:usermsg:index')

    def respond(self, messages, message, **context):
        """Return the page about a message.

        :param messages: the client
        """
        request = self.request
        sections = self._read_related(messages, message)
        # All at once, with one look-up of the names of projects.
        row, *others = rows.build(request, [message, *(
            other for section in sections.values()
            for other in section.get('messages', []))], self.dashboard)
        by_id = {other.message.id: other for other in others}
        for section in sections.values():
            section['rows'] = [by_id[other.id] for other in
                               section.get('messages', [])]
        is_admin = self.dashboard == 'admin'
        is_own = message.project_id == request.user.project_id
        return self.render_to_response(self.get_context_data(
            row=row, message=message, shows_project=is_admin or not is_own,
            can_delete=(is_admin or is_own) and rules.permit_deletion(
                request, is_admin),
            related=sections, **context))

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            dashboard=self.dashboard, index_url=self._index_url,
            namespace=f'horizon:{self.dashboard}:usermsg', **kwargs)

    def _read_related(self, messages, message):
        """Return a dict: title -> section of :meth:`_read_section`."""
        sections = {}
        if message.request_id:
            sections[_('Other messages of the same request')] = (
                self._read_section(messages, message, {
                    'request_id': message.request_id}))
        if message.resource_id:
            sections[_('Other messages of the same resource')] = (
                self._read_section(messages, message, {
                    'resource_id': message.resource_id}))
        return sections

    def _read_section(self, messages, message, filters):
        """Return a dict with ``messages``, ``more_url``, or ``problem``.

        :param filters: those of the form of the list
        """
        if self.dashboard == 'admin':
            filters['project'] = message.project_id
        parameters = message_filters.AllProjectsFilterForm.parameters
        try:
            page = messages.list(limit=_MAX_RELATED + 1, **{
                parameters[name]: value for name, value in filters.items()})
        except client.ERRORS as error:
            return {'problem': problems.describe(error)}
        others = [other for other in page.messages if other.id != message.id]
        url = f'{self._index_url}?{urllib.parse.urlencode(filters)}'
        return {
            'messages': others[:_MAX_RELATED],
            'more_url': (url if page.has_more or len(others) > _MAX_RELATED
                         else None)}


class ResourceView(MessageDetailView):
    """Redirection to the resource of a message, if it still exists."""

    def respond(self, messages, message, **context):
        page = resources.find_page(message, self.dashboard)
        if not (page and resources.can_open_pages(
                self.request, message.resource_type, self.dashboard)):
            problem = _('This resource has no page here.')
        elif resources.is_missing(self.request, message):
            problem = _('This resource was deleted, or is no longer visible '
                        'to you.')
        else:
            return shortcuts.redirect(page)
        return super().respond(messages, message, resource_problem=problem)
