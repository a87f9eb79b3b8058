# SPDX-License-Identifier: Apache-2.0
"""Panel Project > Messages."""

PANEL = 'usermsg'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'default'
ADD_PANEL = 'usermsg_dashboard.project.messages.panel.Messages'
