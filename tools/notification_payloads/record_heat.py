# SPDX-License-Identifier: Apache-2.0
"""Record the notifications that Heat sends about failed stacks."""

import datetime
import sys
import types

import bus
from heat.common import config  # noqa: F401 (registers options)
from heat.common import context
from heat.common import messaging
from heat.engine.notification import autoscaling
from heat.engine.notification import stack as stack_notification
from oslo_config import cfg

ACTIONS = ('CREATE', 'DELETE', 'UPDATE', 'ROLLBACK', 'SUSPEND', 'RESUME',
           'ADOPT', 'SNAPSHOT', 'CHECK', 'RESTORE')


def make_stack(action, status, name=None):
    name = name or f'stack-{action.lower()}'
    # oslo.messaging removes secrets from the context of a notification; older
    # versions don't.
    request = context.RequestContext(
        username='alice', password='hunter2', user_id=bus.USER,
        user_name='alice', project_id=bus.PROJECT, project_name='web',
        aws_creds={'ec2Credentials': {'access': 'AKIA', 'secret': 'hunter2'}},
        auth_token='gAAAAABhunter2', auth_token_info={'token': {'roles': []}},
        trust_id='trust-hunter2', roles=['member'], is_admin=False,
        request_id=bus.request_id(name), overwrite=False)
    moment = datetime.datetime(2026, 11, 21, 21, 0, 0)
    return types.SimpleNamespace(
        context=request, id=bus.make_id(name), name=name, action=action,
        status=status, state=(action, status), COMPLETE='COMPLETE',
        FAILED='FAILED', IN_PROGRESS='IN_PROGRESS', t=None, tags=['web'],
        status_reason=f'Resource {action} failed: ResourceInError: '
                      f'resources.server: {bus.NASTY}',
        created_time=moment, updated_time=moment)


def main(path):
    recorder = bus.Recorder('heat', 'heat')
    cfg.CONF([], project='heat')
    cfg.CONF.set_override('host', bus.HOST)
    messaging.setup('fake://')
    for action in ACTIONS:
        stack_notification.send(make_stack(action, 'FAILED'))
    stack_notification.send(make_stack('CREATE', 'IN_PROGRESS', 'good'))
    stack_notification.send(make_stack('CREATE', 'COMPLETE', 'good'))
    autoscaling.send(
        make_stack('UPDATE', 'COMPLETE', 'stack-scaling'), adjustment=1,
        adjustment_type='change_in_capacity', capacity=1, groupname='web',
        message=bus.NASTY, suffix='error')
    recorder.write(path, 'openstack-heat')


if __name__ == '__main__':
    main(sys.argv[1])
