# SPDX-License-Identifier: Apache-2.0
"""Tabs Messages on the pages of resources, at the end of their tabs."""

_PROJECT = 'openstack_dashboard.dashboards.project'
_ADMIN = 'openstack_dashboard.dashboards.admin'
_SHARES = 'manila_ui.dashboards'
_TABS = 'usermsg_dashboard.resource_tabs'

FEATURE = 'usermsg_tabs'
EXTRA_TABS = {
    group: ((100, f'{_TABS}.{tab}'),) for group, tab in {
        f'{_PROJECT}.instances.tabs.InstanceDetailTabs': 'InstanceTab',
        f'{_ADMIN}.instances.tabs.AdminInstanceDetailTabs': 'InstanceTab',
        f'{_PROJECT}.volumes.tabs.VolumeDetailTabs': 'VolumeTab',
        f'{_ADMIN}.volumes.tabs.VolumeDetailTabs': 'VolumeTab',
        f'{_PROJECT}.snapshots.tabs.SnapshotDetailTabs': 'SnapshotTab',
        f'{_ADMIN}.snapshots.tabs.SnapshotDetailsTabs': 'SnapshotTab',
        f'{_PROJECT}.backups.tabs.BackupDetailTabs': 'BackupTab',
        f'{_ADMIN}.backups.tabs.AdminBackupDetailTabs': 'BackupTab',
        f'{_SHARES}.project.shares.tabs.ShareDetailTabs': 'ShareTab',
        f'{_SHARES}.admin.shares.tabs.ShareDetailTabs': 'ShareTab',
        'heat_dashboard.content.stacks.tabs.StackDetailTabs': 'StackTab',
    }.items()}
