# SPDX-License-Identifier: Apache-2.0
"""Record the notifications that Magnum sends about failed clusters."""

import sys
from unittest import mock

import bus
from magnum.common import context
from magnum.common import rpc
from magnum.conductor import utils
import magnum.conf
from magnum import objects
from pycadf import cadftaxonomy
from pycadf import identifier
from pycadf import timestamp

CONF = magnum.conf.CONF


def make_cluster(request, name, status):
    cluster = objects.Cluster(
        request, uuid=bus.make_id(name), name=name, project_id=bus.PROJECT,
        user_id=bus.USER, cluster_template_id=bus.make_id('template'),
        keypair=None, docker_volume_size=None, labels={},
        master_flavor_id='1', flavor_id='1', stack_id=bus.make_id('stack'),
        status=status, health_status=None, create_timeout=60,
        status_reason=f'Resource CREATE failed: {bus.NASTY}',
        created_at=None, updated_at=None, api_address=None,
        discovery_url='https://etcd/hunter2')
    return cluster


def notify(name, action, status, outcome, user=True):
    """Notify of the end of an operation.

    :param user: False for the periodic task, which has no user
    """
    request = context.RequestContext(
        user_id=bus.USER, user_name='alice', project_id=bus.PROJECT,
        auth_token='hunter2', is_admin=False,
        request_id=bus.request_id(name)) if user else (
            context.make_admin_context(all_tenants=True))
    if not user:
        request.request_id = bus.request_id(name)
    cluster = make_cluster(request, name, status)
    # Nodes are in the database.
    with (mock.patch.object(objects.Cluster, 'nodegroups', new=[]),
          mock.patch.object(identifier, 'generate_uuid', bus.make_id(name)
                            .__str__),
          mock.patch.object(timestamp, 'get_utc_now',
                            '2026-11-21T21:00:00.000000+0000'.__str__)):
        utils.notify_about_cluster_operation(request, action, outcome, cluster)


def main(path):
    recorder = bus.Recorder('magnum', 'magnum', CONF)
    CONF([], project='magnum', default_config_files=[])
    CONF.set_override('host', bus.HOST)
    rpc.set_defaults(control_exchange='magnum')
    rpc.init(CONF)
    failure = cadftaxonomy.OUTCOME_FAILURE
    for action, name in ((cadftaxonomy.ACTION_CREATE, 'create'),
                         (cadftaxonomy.ACTION_UPDATE, 'update'),
                         (cadftaxonomy.ACTION_DELETE, 'delete')):
        notify(f'cluster-{name}', action, f'{name.upper()}_FAILED', failure)
        notify(f'periodic-{name}', action, f'{name.upper()}_FAILED', failure,
               user=False)
    notify('cluster-good', cadftaxonomy.ACTION_CREATE, 'CREATE_COMPLETE',
           cadftaxonomy.OUTCOME_SUCCESS)
    recorder.write(path, 'magnum', 'pycadf')


if __name__ == '__main__':
    main(sys.argv[1])
