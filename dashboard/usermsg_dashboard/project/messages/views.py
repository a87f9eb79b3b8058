# SPDX-License-Identifier: Apache-2.0
"""Pages about the messages of the current project."""

from usermsg_dashboard import message_list


class MessageListView(message_list.MessageListView):
    pass
