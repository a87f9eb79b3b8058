# SPDX-License-Identifier: Apache-2.0
"""Badge with the number of unread errors, in the header of all pages."""

FEATURE = 'usermsg_badge'
ADD_HEADER_SECTIONS = ['usermsg_dashboard.badge.views.BadgeView']
ADD_SCSS_FILES = ['usermsg/badge.scss']
