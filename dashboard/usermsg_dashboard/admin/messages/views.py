# SPDX-License-Identifier: Apache-2.0
"""Pages about the messages of all projects, for administrators."""

from usermsg_dashboard import message_list


class MessageListView(message_list.MessageListView):
    namespace = 'horizon:admin:usermsg'
    all_projects = True

    def build_query(self, form):
        return {**super().build_query(form), 'all_projects': 'true'}
