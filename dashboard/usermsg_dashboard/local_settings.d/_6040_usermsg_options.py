# SPDX-License-Identifier: Apache-2.0
"""Settings of the badge.

The values are the defaults. They can be changed here or in local_settings.py.
"""

# Seconds between two requests of an open page for the number of unread errors,
# which is cached for half of that time.
# USERMSG_BADGE_INTERVAL = 30

# Seconds for which the badge sends no request after the user messages service
# has failed or has not responded within a second.
# USERMSG_BADGE_PAUSE = 60
