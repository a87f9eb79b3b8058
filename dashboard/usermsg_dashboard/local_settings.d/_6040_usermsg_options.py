# SPDX-License-Identifier: Apache-2.0
"""Settings of the badge and of the tabs.

The values are the defaults. They can be changed here or in local_settings.py.
"""

# Seconds between two requests of an open page for the number of unread errors,
# which is cached for half of that time.
# USERMSG_BADGE_INTERVAL = 30

# Seconds for which the badge sends no request after the user messages service
# has failed or has not responded within a second.
# USERMSG_BADGE_PAUSE = 60

# The page of a volume has a tab Messages of Horizon's own, which reads them
# from the block storage service. True replaces it by the tab of this plug-in,
# as on the pages of snapshots and backups.
# USERMSG_VOLUME_TAB = False
