# SPDX-License-Identifier: Apache-2.0
"""Panel Project > Permitted Messages."""

PANEL = 'usermsg_permitted'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'default'
ADD_PANEL = ('usermsg_dashboard.project.permitted_messages.panel.'
             'PermittedMessages')
