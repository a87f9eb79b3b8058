# SPDX-License-Identifier: Apache-2.0
"""Messages of compute."""

from usermsg.catalogue import entries
from usermsg.catalogue import resource_types


class Actions:
    CREATE = entries.Action('001', 'create instance')
    DELETE = entries.Action('002', 'delete instance')
    START = entries.Action('003', 'start instance')
    STOP = entries.Action('004', 'stop instance')
    REBOOT = entries.Action('005', 'reboot instance')
    REBUILD = entries.Action('006', 'rebuild instance')
    RESIZE = entries.Action('007', 'resize instance')
    CONFIRM_RESIZE = entries.Action('008', 'confirm resize')
    REVERT_RESIZE = entries.Action('009', 'revert resize')
    MIGRATE = entries.Action('010', 'migrate instance')
    LIVE_MIGRATE = entries.Action('011', 'live-migrate instance')
    EVACUATE = entries.Action('012', 'evacuate instance')
    ATTACH_VOLUME = entries.Action('013', 'attach volume')
    DETACH_VOLUME = entries.Action('014', 'detach volume')
    SWAP_VOLUME = entries.Action('015', 'replace attached volume')
    EXTEND_VOLUME = entries.Action('016', 'extend attached volume')
    ATTACH_INTERFACE = entries.Action('017', 'attach network interface')
    DETACH_INTERFACE = entries.Action('018', 'detach network interface')
    ATTACH_SHARE = entries.Action('019', 'attach share')
    DETACH_SHARE = entries.Action('020', 'detach share')
    CREATE_SNAPSHOT = entries.Action('021', 'create snapshot of instance')
    BACKUP = entries.Action('022', 'back up instance')
    SHELVE = entries.Action('023', 'shelve instance')
    SHELVE_OFFLOAD = entries.Action(
        '024', 'free resources of shelved instance')
    UNSHELVE = entries.Action('025', 'unshelve instance')
    RESCUE = entries.Action('026', 'rescue instance')
    UNRESCUE = entries.Action('027', 'end rescue of instance')
    PAUSE = entries.Action('028', 'pause instance')
    UNPAUSE = entries.Action('029', 'unpause instance')
    SUSPEND = entries.Action('030', 'suspend instance')
    RESUME = entries.Action('031', 'resume instance')
    SOFT_DELETE = entries.Action('032', 'soft-delete instance')
    RESTORE = entries.Action('033', 'restore deleted instance')
    CHANGE_PASSWORD = entries.Action('034', 'change administrator password')
    TRIGGER_CRASH_DUMP = entries.Action('035', 'trigger crash dump')


class Details:
    UNKNOWN_ERROR = entries.Detail.temporary(
        '001',
        'The operation failed, and the cause is not known.')
    NO_VALID_HOST = entries.Detail.fixable(
        '002',
        'No host was found that can run the instance with the requested '
        'flavor and options.',
        'Choose a smaller flavor or another availability zone, or try again '
        'later.',
        retryable=True,
        exceptions=('NoValidHost', 'RequestFilterFailed'))
    RETRIES_EXHAUSTED = entries.Detail.temporary(
        '003',
        'The operation failed on every host that was tried for the instance.',
        exceptions=('MaxRetriesExceeded',))
    NOT_ENOUGH_RESOURCES = entries.Detail.fixable(
        '004',
        'The host chosen for the instance no longer had enough resources.',
        'Try again, or choose a smaller flavor.',
        retryable=True,
        exceptions=('ComputeResourcesUnavailable', 'AllocationCreateFailed'))
    OVER_QUOTA = entries.Detail.fixable(
        '005',
        'The operation would exceed a quota of your project.',
        'Delete resources that you no longer need or ask your operator for a '
        'larger quota, then try again.',
        exceptions=('OverQuota', 'TooManyInstances', 'MetadataLimitExceeded',
                    'GroupMemberLimitExceeded', 'SecurityGroupLimitExceeded'))
    PORT_QUOTA_EXCEEDED = entries.Detail.fixable(
        '006',
        'The instance needs another network port, but the port quota of your '
        'project is used up.',
        'Delete ports that you no longer need or ask your operator for a '
        'larger quota, then try again.',
        exceptions=('PortLimitExceeded',))
    IMAGE_NOT_ACTIVE = entries.Detail.fixable(
        '007',
        'The image is not active, so it cannot be used.',
        'Wait until the image is active or choose another one, then try '
        'again.',
        retryable=True,
        exceptions=('ImageNotActive',))
    IMAGE_NOT_FOUND = entries.Detail.fixable(
        '008',
        'The image needed for the operation does not exist, or you may not '
        'use it.',
        'Name an image that your project can use; for a shelved instance '
        'whose image is gone, give your operator the request id.',
        exceptions=('ImageNotFound', 'ImageNotAuthorized', 'InvalidImageRef',
                    'UnshelveException'))
    IMAGE_NOT_USABLE = entries.Detail.fixable(
        '009',
        'The image is damaged, or its format or properties are not accepted.',
        'Check the disk format and the properties of the image, or choose '
        'another image.',
        exceptions=('ImageUnacceptable', 'InvalidImageFormat',
                    'InvalidDiskFormat', 'UnsupportedImageModel'))
    IMAGE_SERVICE_FAILED = entries.Detail.temporary(
        '010',
        'The image could not be read from the image service or written to '
        'it.',
        exceptions=('GlanceConnectionFailed', 'CouldNotFetchImage',
                    'CouldNotUploadImage'))
    IMAGE_SPACE_EXHAUSTED = entries.Detail.fixable(
        '011',
        'There is not enough quota or space left to store the new image.',
        'Delete images that you no longer need or ask your operator for a '
        'larger quota, then try again.',
        exceptions=('ImageQuotaExceeded',))
    IMAGE_SIGNATURE_INVALID = entries.Detail.fixable(
        '012',
        'The signature of the image could not be verified.',
        'Check the signature properties of the image and the trusted '
        'certificates in the request, or choose another image.',
        exceptions=('CertificateValidationFailed',
                    'SignatureVerificationError'))
    IMAGE_TOO_LARGE = entries.Detail.fixable(
        '013',
        'The image is larger than the disk of the flavor.',
        'Choose a flavor with a larger disk or a smaller image, or boot from '
        'a volume that is large enough.',
        exceptions=('FlavorDiskSmallerThanImage',))
    FLAVOR_DISK_TOO_SMALL = entries.Detail.fixable(
        '014',
        'The disk of the flavor is smaller than the image requires.',
        'Choose a flavor with a larger disk, or another image.',
        exceptions=('FlavorDiskTooSmall', 'FlavorDiskSmallerThanMinDisk'))
    FLAVOR_MEMORY_TOO_SMALL = entries.Detail.fixable(
        '015',
        'The flavor has less memory than the image requires.',
        'Choose a flavor with more memory, or another image.',
        exceptions=('FlavorMemoryTooSmall',))
    BOOT_VOLUME_TOO_SMALL = entries.Detail.fixable(
        '016',
        'The boot volume is smaller than the image requires.',
        'Request a larger boot volume, or choose another image.',
        exceptions=('VolumeSmallerThanMinDisk',))
    BOOT_VOLUME_REQUIRED = entries.Detail.fixable(
        '017',
        'The flavor has no disk of its own, so the instance must boot from a '
        'volume.',
        'Boot from a volume, or choose a flavor with a disk.',
        exceptions=('BootFromVolumeRequiredForZeroDiskFlavor',))
    FLAVOR_IMAGE_CONFLICT = entries.Detail.fixable(
        '018',
        'Properties of the image contradict the flavor or go beyond what it '
        'permits.',
        'Choose another flavor or image, or change the properties of the '
        'image.',
        exceptions=('FlavorImageConflict', 'FlavorImageLockedMemoryConflict',
                    'ImageCPUPinningForbidden',
                    'ImageCPUThreadPolicyForbidden',
                    'ImageNUMATopologyForbidden',
                    'ImagePCINUMAPolicyForbidden', 'MemoryPageSizeForbidden',
                    'LockMemoryForbidden', 'ImageVCPULimitsRangeExceeded',
                    'ImageVCPUTopologyRangeExceeded',
                    'ImageSerialPortNumberExceedFlavorValue',
                    'RequestedVRamTooHigh'))
    NETWORK_NOT_USABLE = entries.Detail.fixable(
        '019',
        'The requested network cannot be used for the instance, or the '
        'request does not make clear which network to use.',
        'Name a network that your project may use, and check its subnets and '
        'port security.',
        exceptions=('NetworkNotFound', 'NetworkAmbiguous',
                    'NetworkRequiresSubnet', 'ExternalNetworkAttachForbidden',
                    'UnableToAutoAllocateNetwork',
                    'InterfaceAttachFailedNoNetwork',
                    'SecurityGroupCannotBeApplied'))
    NETWORK_SETUP_FAILED = entries.Detail.temporary(
        '020',
        'The network connection of the instance could not be set up.',
        exceptions=('VirtualInterfaceCreateException',
                    'VirtualInterfacePlugException',
                    'VirtualInterfaceMacAddressException'))
    NO_MORE_FIXED_IPS = entries.Detail.fixable(
        '021',
        'The network has no free IP address left.',
        'Free addresses in the network or choose another network, then try '
        'again.',
        retryable=True,
        exceptions=('NoMoreFixedIps',))
    ADDRESS_IN_USE = entries.Detail.fixable(
        '022',
        'The requested IP address is already in use.',
        'Choose another address, or leave the choice open.',
        exceptions=('FixedIpAlreadyInUse',))
    PORT_IN_USE = entries.Detail.fixable(
        '023',
        'The requested network port is already in use.',
        'Detach the port from where it is used now, or choose another port.',
        exceptions=('PortInUse',))
    PORT_NOT_USABLE = entries.Detail.fixable(
        '024',
        'The requested network port does not exist or cannot be used for '
        'this instance.',
        'Check the project, type, addresses and DNS name of the port, or '
        'choose another port.',
        exceptions=('PortNotFound', 'PortNotUsable', 'PortNotUsableDNS',
                    'PortRequiresFixedIP', 'AttachSRIOVPortNotSupported'))
    PORT_BINDING_FAILED = entries.Detail.temporary(
        '025',
        'A network port of the instance could not be bound to its host.',
        exceptions=('PortBindingFailed', 'PortBindingActivationFailed',
                    'PortUpdateFailed'))
    INTERFACE_ATTACH_FAILED = entries.Detail.temporary(
        '026',
        'The network interface could not be attached to the instance.',
        exceptions=('InterfaceAttachFailed',
                    'InterfaceAttachResourceAllocationFailed'))
    DEVICE_DETACH_FAILED = entries.Detail.fixable(
        '027',
        'A device could not be detached from the instance.',
        'Make sure that the guest no longer uses the device (unmount a '
        'volume, for example), or stop the instance, then try again.',
        retryable=True,
        exceptions=('DeviceDetachFailed', 'VolumeDetachFailed',
                    'InterfaceDetachFailed', 'PciDeviceDetachFailed'))
    VOLUME_NOT_USABLE = entries.Detail.fixable(
        '028',
        'A volume does not exist, is not in a suitable state or does not '
        'suit the instance.',
        'Check the status, the size and the availability zone of the volume, '
        'or choose another volume, then try again.',
        retryable=True,
        exceptions=('InvalidVolume', 'VolumeNotFound',
                    'MismatchVolumeAZException'))
    VOLUME_CREATE_FAILED = entries.Detail(
        '029',
        'A volume for the instance could not be created, or not in the time '
        'allowed.',
        'Try again, or first create the volume from the image and then boot '
        'from it when it is available.',
        retryable=True,
        exceptions=('VolumeNotCreated',))
    VOLUME_ATTACH_FAILED = entries.Detail.temporary(
        '030',
        'A volume could not be attached to the instance.',
        exceptions=('VolumeAttachFailed', 'StaleVolumeMount'))
    VOLUME_SERVICE_FAILED = entries.Detail.temporary(
        '031',
        'The block storage service could not be reached or could not '
        'complete its part of the operation.',
        exceptions=('CinderConnectionFailed', 'ReimageException'))
    BLOCK_DEVICE_INVALID = entries.Detail.fixable(
        '032',
        'The disks and volumes requested for the instance are not valid or '
        'do not fit together.',
        'Check the sources, sizes, boot order and device names in the block '
        'device mapping, and whether the boot volume is bootable.',
        exceptions=('InvalidBDM', 'InvalidBDMSnapshot', 'InvalidBDMVolume',
                    'InvalidBDMImage', 'InvalidBDMBootSequence',
                    'InvalidBDMLocalsLimit', 'InvalidBDMEphemeralSize',
                    'InvalidBDMSwapSize', 'InvalidBDMFormat',
                    'InvalidBDMForLegacy', 'InvalidBDMVolumeNotBootable',
                    'InvalidBDMDiskBus', 'InvalidDevicePath',
                    'DevicePathInUse'))
    TOO_MANY_DISKS = entries.Detail.fixable(
        '033',
        'The instance would have more disks than it can hold.',
        'Detach volumes that you no longer need, or use fewer but larger '
        'volumes.',
        exceptions=('TooManyDiskDevices',))
    MULTIATTACH_UNSUPPORTED = entries.Detail.fixable(
        '034',
        'The volume can be attached to several instances, which this '
        'operation does not support.',
        'Use a volume whose type does not allow several attachments.',
        exceptions=('MultiattachNotSupportedByVirtDriver',
                    'MultiattachToShelvedNotSupported',
                    'MultiattachSwapVolumeNotSupported',
                    'VolumeBDMIsMultiAttach'))
    SHARE_CONNECTION_FAILED = entries.Detail.fixable(
        '035',
        'A share could not be connected to the instance or disconnected from '
        'it.',
        'Check the status and the protocol of the share, then try again; if '
        'it keeps failing, give your operator the request id.',
        retryable=True,
        exceptions=('ShareNotFound', 'ShareStatusIncorect',
                    'ShareProtocolNotSupported', 'ShareMissingExportLocation',
                    'ShareError', 'ShareErrorUnexpectedStatus',
                    'ShareMountError', 'ShareUmountError',
                    'ShareAccessNotFound', 'ShareAccessGrantError',
                    'ShareAccessRemovalError', 'ManilaConnectionFailed'))
    PCI_DEVICE_UNAVAILABLE = entries.Detail.fixable(
        '036',
        'No suitable PCI device was free for the instance.',
        'Try again later, or choose a flavor or a network port that needs no '
        'such device.',
        retryable=True,
        exceptions=('PciDeviceRequestFailed', 'PciDevicePoolEmpty',
                    'PciDeviceNotFound', 'PciDeviceNotFoundById',
                    'InterfaceAttachPciClaimFailed'))
    ACCELERATOR_UNAVAILABLE = entries.Detail.fixable(
        '037',
        'The accelerator that the flavor or the port requires could not be '
        'provided.',
        'Try again later, or choose a flavor or a port without an '
        'accelerator; if it keeps failing, give your operator the request '
        'id.',
        retryable=True,
        exceptions=('AcceleratorRequestOpFailed',
                    'AcceleratorRequestBindingFailed', 'DeviceProfileError'))
    CPU_POLICY_NOT_SATISFIABLE = entries.Detail.fixable(
        '038',
        'The CPU, NUMA or memory page layout that the flavor or image '
        'requires is not possible.',
        'Choose another flavor or image, or try again later.',
        retryable=True,
        exceptions=('NUMATopologyUnsupported', 'MemoryPagesUnsupported',
                    'MemoryPageSizeNotSupported', 'MemoryPageSizeInvalid',
                    'CPUPinningInvalid', 'CPUPinningUnknown',
                    'RealtimeConfigurationInvalid',
                    'CPUThreadPolicyConfigurationInvalid',
                    'InvalidNetworkNUMAAffinity', 'InvalidPCINUMAAffinity',
                    'ImageVCPULimitsRangeImpossible',
                    'ImageNUMATopologyIncomplete',
                    'ImageNUMATopologyAsymmetric',
                    'ImageNUMATopologyCPUOutOfRange',
                    'ImageNUMATopologyCPUDuplicates',
                    'ImageNUMATopologyCPUsUnassigned',
                    'ImageNUMATopologyMemoryOutOfRange',
                    'ImageNUMATopologyRebuildConflict'))
    AFFINITY_VIOLATED = entries.Detail.fixable(
        '039',
        'The host selected for the instance would violate the affinity rule '
        'of its server group.',
        'Try again later, or use a server group with a less strict affinity '
        'rule.',
        retryable=True,
        exceptions=('GroupAffinityViolation',))
    HOST_UNAVAILABLE = entries.Detail.temporary(
        '040',
        'A host needed for the operation is down or did not respond.',
        exceptions=('ComputeServiceUnavailable', 'HypervisorUnavailable',
                    'VirtDriverNotReady', 'MessagingTimeout'))
    HYPERVISOR_ERROR = entries.Detail.temporary(
        '041',
        'The hypervisor could not carry out the operation.',
        exceptions=('libvirtError', 'nova.exception.InternalError',
                    'InstanceDeployFailure',
                    'InstancePowerOnFailure', 'InstancePowerOffFailure',
                    'InstanceRebootFailure', 'InstanceSuspendFailure',
                    'InstanceResumeFailure', 'InstanceTerminationFailure',
                    'InstanceRescueFailure', 'InstanceUnRescueFailure'))
    RESCUE_NOT_POSSIBLE = entries.Detail.fixable(
        '042',
        'The instance cannot be rescued in the requested way.',
        'Use another rescue image, or check the rescue properties of the '
        'image; if that does not help, give your operator the request id.',
        exceptions=('InstanceNotRescuable', 'UnsupportedRescueImage',
                    'UnsupportedRescueBus', 'UnsupportedRescueDevice'))
    MIGRATION_PRECHECK_FAILED = entries.Detail(
        '043',
        'The instance was not moved because the instance or the destination '
        'does not meet a condition of the move.',
        'Give your operator the request id.',
        exceptions=('MigrationPreCheckError', 'UnableToMigrateToSelf',
                    'CannotMigrateToSameHost', 'InvalidCPUInfo',
                    'InvalidHypervisorType', 'DestinationHypervisorTooOld',
                    'DestinationDiskExists', 'InvalidSharedStorage',
                    'InvalidLocalStorage'))
    MIGRATION_FAILED = entries.Detail.temporary(
        '044',
        'The instance could not be moved to another host.',
        exceptions=('MigrationError', 'MigrationSchedulerRPCError',
                    'LiveMigrationNotSubmitted',
                    'LiveMigrationURINotAvailable'))
    LIVE_MIGRATION_TIMED_OUT = entries.Detail.fixable(
        '045',
        'The live migration did not finish in the time allowed and was '
        'aborted.',
        'Reduce the load in the instance, or stop it, and ask your operator '
        'to try the migration again.',
        retryable=True)
    LIVE_MIGRATION_ABORTED = entries.Detail(
        '046',
        'The live migration was aborted. The instance stays where it was.',
        retryable=True)
    RESIZE_NOT_POSSIBLE = entries.Detail.fixable(
        '047',
        'The disks of the instance cannot be changed to suit the new flavor.',
        'Choose a flavor whose disks are at least as large as those of the '
        'current one.',
        exceptions=('ResizeError', 'CannotResizeDisk'))
    OPERATION_NOT_SUPPORTED = entries.Detail(
        '048',
        'The operation is not supported for this instance or with the '
        'options given.',
        'Repeat the request with fewer options, for example without a device '
        'tag; if that does not help, ask your operator what the instance '
        'supports.',
        exceptions=('NotSupported',
                    'OperationNotSupportedForSEV',
                    'OperationNotSupportedForVTPM',
                    'OperationNotSupportedForVDPAInterface',
                    'ForbiddenWithAccelerators', 'ForbiddenWithShare',
                    'ForbiddenSharesNotSupported',
                    'ForbiddenPortsWithAccelerator',
                    'ForbiddenWithRemoteManagedPorts',
                    'AttachInterfaceNotSupported',
                    'AttachInterfaceWithQoSPolicyNotSupported',
                    'AttachWithExtendedQoSPolicyNotSupported',
                    'NetworkInterfaceTaggedAttachNotSupported',
                    'VolumeTaggedAttachNotSupported',
                    'VolumeTaggedAttachToShelvedNotSupported',
                    'VolumeEncryptionNotSupported', 'ExtendVolumeNotSupported',
                    'InstanceEvacuateNotSupported',
                    'SetAdminPasswdNotSupported',
                    'TriggerCrashDumpNotSupported'))
    INSTANCE_WRONG_STATE = entries.Detail.fixable(
        '049',
        'The instance is not in a state that permits the operation, or '
        'another operation is in progress.',
        'Check the status of the instance, wait until other operations have '
        'finished, then try again.',
        retryable=True,
        exceptions=('InstanceInvalidState', 'UnshelveInstanceInvalidState',
                    'InstanceNotRunning', 'InstanceNotReady',
                    'InstanceNotInRescueMode', 'InvalidMigrationState',
                    'InstanceUpdateConflict', 'UnknownInstanceUpdateConflict',
                    'UnexpectedTaskStateError'))
    INSTANCE_LOCKED = entries.Detail.fixable(
        '050',
        'The instance is locked against changes.',
        'Unlock the instance and try again; if you are not permitted to '
        'unlock it, ask your operator.',
        exceptions=('InstanceIsLocked',))
    INSTANCE_NOT_FOUND = entries.Detail(
        '051',
        'The instance does not exist, or it was being deleted during the '
        'operation.',
        exceptions=('InstanceNotFound', 'UnexpectedDeletingTaskStateError'))
    SNAPSHOT_NOT_SUPPORTED = entries.Detail(
        '052',
        'Snapshots are not supported for this instance.',
        'Back up the data from within the instance, or take snapshots of its '
        'volumes.')
    GUEST_AGENT_UNAVAILABLE = entries.Detail.fixable(
        '053',
        'The guest agent that the operation needs is not enabled or could '
        'not complete its part.',
        'Make sure that the image enables the guest agent and that the agent '
        'runs in the instance, then try again.',
        retryable=True,
        exceptions=('InstanceAgentNotEnabled', 'QemuGuestAgentNotEnabled',
                    'InstanceQuiesceNotSupported', 'InstanceQuiesceFailed',
                    'InstancePasswordSetFailed'))
    KEY_MANAGER_FAILED = entries.Detail.fixable(
        '054',
        'A key or secret of the instance could not be stored or read.',
        'Check that the secret still exists and that you have access to it, '
        'then try again; if it keeps failing, give your operator the request '
        'id.',
        retryable=True,
        exceptions=('KeyManagerError', 'EphemeralEncryptionSecretNotFound',
                    'VTPMSecretNotFound', 'VTPMSecretForbidden'))
    USER_DATA_INVALID = entries.Detail.fixable(
        '055',
        'The user data, files or config drive settings for the instance are '
        'not valid or too large.',
        'Correct or shorten them, then try again.',
        exceptions=('ConfigDriveInvalidValue', 'InvalidImageConfigDrive',
                    'InstanceUserDataMalformed', 'OnsetFileLimitExceeded',
                    'OnsetFilePathLimitExceeded',
                    'OnsetFileContentLimitExceeded'))
    NOT_ENOUGH_DISK_SPACE = entries.Detail.fixable(
        '056',
        'There was not enough disk space for the operation.',
        'Try again later, or choose a flavor or image that needs less disk '
        'space.',
        retryable=True)
    OPERATION_TIMED_OUT = entries.Detail.temporary(
        '057',
        'The operation did not finish in the time allowed.',
        exceptions=('InstanceEventTimeout',))


NAMESPACE = entries.Namespace(
    'COMPUTE',
    resource_types=(resource_types.INSTANCE,),
    actions=Actions, details=Details)
