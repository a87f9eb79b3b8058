# SPDX-License-Identifier: Apache-2.0
"""Messages of orchestration."""

from usermsg.catalogue import entries
from usermsg.catalogue import resource_types


class Actions:
    CREATE = entries.Action('001', 'create stack')
    DELETE = entries.Action('002', 'delete stack')
    UPDATE = entries.Action('003', 'update stack')
    ROLLBACK = entries.Action('004', 'roll back stack')
    SUSPEND = entries.Action('005', 'suspend stack')
    RESUME = entries.Action('006', 'resume stack')
    ADOPT = entries.Action('007', 'adopt resources into stack')
    SNAPSHOT = entries.Action('008', 'create snapshot of stack')
    CHECK = entries.Action('009', 'check stack')
    RESTORE = entries.Action('010', 'restore stack from snapshot')
    SCALE = entries.Action('011', 'scale group of stack')


class Details:
    UNKNOWN_ERROR = entries.Detail.temporary(
        '001',
        'The operation failed, and the cause is not known.')
    STACK_FAILED = entries.Detail(
        '002',
        'The operation failed, and the stack now has a failed status.',
        'Look at the failed resources and the events of the stack for the '
        'cause; correct it, then repeat the operation.',
        retryable=True)
    RESOURCE_FAILED = entries.Detail.fixable(
        '003',
        'A resource of the stack could not be created or changed.',
        'Look at the failed resources and the events of the stack for the '
        'cause; correct it, then repeat the operation.',
        retryable=True,
        exceptions=('ResourceFailure', 'ResourceInError',
                    'ResourceUnknownStatus', 'ResourceNotAvailable',
                    'ResourceActionNotSupported', 'ResourceActionRestricted'))
    TEMPLATE_INVALID = entries.Detail.fixable(
        '004',
        'The template of the stack is not valid.',
        'Correct the template, validate it, then repeat the operation.',
        exceptions=('StackValidationFailed', 'InvalidTemplateVersion',
                    'InvalidTemplateSection', 'InvalidTemplateAttribute',
                    'InvalidTemplateReference', 'InvalidSchemaError',
                    'CircularDependencyException',
                    'ResourcePropertyConflict', 'ResourcePropertyDependency',
                    'ResourcePropertyValueDependency',
                    'PropertyUnspecifiedError'))
    PARAMETER_INVALID = entries.Detail.fixable(
        '005',
        'A parameter of the stack is missing, unknown or cannot be changed.',
        'Compare the parameters of the request with those of the template, '
        'then repeat the operation.',
        exceptions=('UserParameterMissing', 'UnknownUserParameter',
                    'ImmutableParameterModified',
                    'InvalidMergeStrategyForParam',
                    'ConflictingMergeStrategyForParam'))
    RESOURCE_TYPE_UNAVAILABLE = entries.Detail.fixable(
        '006',
        'This cloud does not offer a resource type that the template uses.',
        'List the available resource types, and use one of them in the '
        'template.',
        exceptions=('ResourceTypeUnavailable', 'ClientNotAvailable'))
    LIMIT_EXCEEDED = entries.Detail.fixable(
        '007',
        'The stack would exceed a limit of orchestration or a quota of your '
        'project.',
        'Delete stacks that you no longer need, use fewer resources or ask '
        'your operator for a higher limit.',
        exceptions=('RequestLimitExceeded', 'StackResourceLimitExceeded'))
    OPERATION_IN_PROGRESS = entries.Detail.fixable(
        '008',
        'Another operation on the stack was in progress.',
        'Wait until other operations have finished, then try again.',
        retryable=True,
        exceptions=('ActionInProgress', 'ActionNotComplete',
                    'StopActionFailed', 'ConcurrentTransaction'))
    NOT_PERMITTED = entries.Detail(
        '009',
        'You do not have a permission that the operation needs.',
        'Ask your operator for the missing role, or leave the resource out '
        'of the stack.',
        retryable=True,
        exceptions=('Forbidden', 'NotAuthorized', 'AuthorizationFailure',
                    'NotAuthenticated', 'MissingCredentialError'))
    TIMED_OUT = entries.Detail.fixable(
        '010',
        'The operation did not finish within the timeout of the stack.',
        'Check the resources that were not ready, then try again, with a '
        'longer timeout if necessary.',
        retryable=True,
        exceptions=('heat.engine.scheduler.Timeout',))
    SCALING_FAILED = entries.Detail(
        '011',
        'The number of members of a group in the stack could not be '
        'changed.',
        'Check the quota of your project and the failed resources of the '
        'stack, then try again.',
        retryable=True)


NAMESPACE = entries.Namespace(
    'ORCHESTRATION',
    resource_types=(resource_types.STACK,),
    actions=Actions, details=Details)
