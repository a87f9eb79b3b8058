# SPDX-License-Identifier: Apache-2.0
"""Page with the catalogue of permitted messages."""

from django.utils.translation import gettext_lazy as _
from horizon import views

from usermsg_dashboard import client
from usermsg_dashboard import problems


class PermittedMessagesView(views.HorizonTemplateView):
    template_name = 'usermsg/permitted.html'
    page_title = _('Permitted Messages')

    def get_context_data(self, **kwargs):
        definitions, problem = [], None
        try:
            definitions = client.MessageClient(self.request).definitions()
        except client.ERRORS as error:
            problem = problems.describe(error)
        return super().get_context_data(
            definitions=definitions, problem=problem, **kwargs)
