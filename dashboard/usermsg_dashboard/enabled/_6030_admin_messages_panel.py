# SPDX-License-Identifier: Apache-2.0
"""Panel Admin > Messages."""

PANEL = 'usermsg'
PANEL_DASHBOARD = 'admin'
PANEL_GROUP = 'default'
ADD_PANEL = 'usermsg_dashboard.admin.messages.panel.Messages'
