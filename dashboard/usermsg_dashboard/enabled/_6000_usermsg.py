# SPDX-License-Identifier: Apache-2.0
"""Templates, translations, styles and scripts, which all panels need."""

FEATURE = 'usermsg'
ADD_INSTALLED_APPS = ['usermsg_dashboard']
AUTO_DISCOVER_STATIC_FILES = True
ADD_SCSS_FILES = ['usermsg/usermsg.scss']
