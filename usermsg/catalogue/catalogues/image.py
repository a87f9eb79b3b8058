# SPDX-License-Identifier: Apache-2.0
"""Messages of the image service."""

from usermsg.catalogue import entries
from usermsg.catalogue import resource_types


class Actions:
    CREATE = entries.Action('001', 'create image')
    IMPORT = entries.Action('002', 'import image')
    UPLOAD = entries.Action('003', 'upload image data')
    DOWNLOAD = entries.Action('004', 'download image data')
    COPY = entries.Action('005', 'copy image')
    DELETE = entries.Action('006', 'delete image')
    UPDATE_MEMBERS = entries.Action('007', 'update image members')
    UPDATE = entries.Action('008', 'update image')
    STAGE = entries.Action('009', 'stage image data')
    ADD_LOCATION = entries.Action('010', 'add image location')


class Details:
    UNKNOWN_ERROR = entries.Detail.temporary(
        '001',
        'The operation failed, and the cause is not known.')
    STORE_FULL = entries.Detail.temporary(
        '002',
        'The image store has no space left for the image data.',
        exceptions=('StorageFull',))
    OVER_QUOTA = entries.Detail.fixable(
        '003',
        'The request would exceed the image quota of your project.',
        'Delete images that you no longer need, or ask your operator for a '
        'larger quota.',
        exceptions=('StorageQuotaFull', 'LimitExceeded'))
    IMAGE_TOO_LARGE = entries.Detail.fixable(
        '004',
        'The image is larger than this cloud accepts.',
        'Make the image smaller, or use a format that takes less space.',
        exceptions=('ImageSizeLimitExceeded',))
    STORE_READ_ONLY = entries.Detail(
        '005',
        'The image store does not accept new data.',
        'Choose another image store if there is one, or give your operator '
        'the request id.',
        exceptions=('StorageWriteDenied', 'StoreAddDisabled'))
    STORE_UNAVAILABLE = entries.Detail.temporary(
        '006',
        'The image store is not available.',
        exceptions=('RemoteServiceUnavailable', 'NoServiceEndpoint',
                    'HostNotInitialized', 'BadStoreConfiguration',
                    'DriverLoadFailure'))
    STORE_UNKNOWN = entries.Detail.fixable(
        '007',
        'This cloud has no image store of the requested name or kind.',
        'List the available image stores, and choose one of them.',
        exceptions=('UnknownScheme',))
    STORE_COPY_FAILED = entries.Detail(
        '008',
        'The image data could not be saved in every requested image store.',
        'Check which stores contain the image, and copy it to the missing '
        'ones; if that fails too, give your operator the request id.',
        retryable=True,
        exceptions=('_NoStoresSucceeded',))
    ALREADY_IN_STORE = entries.Detail.fixable(
        '009',
        'The requested image store already contains this image.',
        'Use the image as it is, or choose another image store.',
        exceptions=('glance_store.exceptions.Duplicate',))
    STAGING_AREA_FULL = entries.Detail.temporary(
        '010',
        'There is no space left for image data that is waiting to be '
        'imported.')
    NO_STAGED_DATA = entries.Detail.fixable(
        '011',
        'No data was staged for this image, so there was nothing to import.',
        'Stage the image data, then import it again.')
    SOURCE_UNREACHABLE = entries.Detail.fixable(
        '012',
        'The source of the image data could not be reached.',
        'Check the address or region and that the source is running, then '
        'try again.',
        retryable=True,
        exceptions=('GlanceEndpointNotFound', 'urllib.error.URLError'))
    SOURCE_REFUSED = entries.Detail.fixable(
        '013',
        'The source does not have the image, or refuses access to it.',
        'Check the address, and that the image there is ready and may be '
        'downloaded by this cloud.',
        exceptions=('_InvalidGlanceDownloadImageStatus',
                    'urllib.error.HTTPError'))
    SOURCE_NOT_ALLOWED = entries.Detail.fixable(
        '014',
        'This cloud does not accept image data from the given address.',
        'Use another address, or download the data and upload it yourself.',
        exceptions=('BadStoreUri',))
    FORMAT_NOT_SUPPORTED = entries.Detail.fixable(
        '015',
        'This cloud does not support the disk format or container format of '
        'the image.',
        'Use the image in a format that this cloud supports.')
    FORMAT_MISMATCH = entries.Detail.fixable(
        '016',
        'The image data is not in the format that was declared for it.',
        'Declare the actual format of the data, or send data in the declared '
        'format.',
        exceptions=('InvalidImageData', 'ImageFormatError'))
    UNSAFE_CONTENT = entries.Detail.fixable(
        '017',
        'The image uses features that this cloud does not allow for security '
        'reasons, for example a backing file or another reference to '
        'external data.',
        'Make a self-contained copy of the image without such features, and '
        'use that one.',
        exceptions=('SafetyCheckFailed', 'SafetyViolation'))
    SIGNATURE_VERIFICATION_FAILED = entries.Detail.fixable(
        '018',
        'The signature of the image could not be verified.',
        'Check the signature properties and the data of the image, or sign '
        'the image again.',
        exceptions=('SignatureVerificationError',))
    SIGNING_CERTIFICATE_UNUSABLE = entries.Detail.fixable(
        '019',
        'The certificate for the signature of the image is missing, expired '
        'or not trusted.',
        'Sign the image again with a certificate that is valid and that this '
        'cloud trusts.')
    CHECKSUM_MISMATCH = entries.Detail.fixable(
        '020',
        'The checksum of the image data does not match the expected '
        'checksum.',
        'Check the data and the expected checksum, then try again.',
        retryable=True)
    SIZE_MISMATCH = entries.Detail.fixable(
        '021',
        'The size of the image data does not match the announced size.',
        'Check that the data is complete and the size is correct, then try '
        'again.',
        retryable=True)
    TRANSFER_INTERRUPTED = entries.Detail(
        '022',
        'The transfer of the image data was interrupted before it was '
        'complete.',
        'Start the transfer again; if it is interrupted again, check the '
        'network connection.',
        retryable=True)
    DECOMPRESSION_FAILED = entries.Detail.fixable(
        '023',
        'The compressed image data could not be unpacked.',
        'Check that the archive is intact and contains exactly one file, or '
        'use the image uncompressed.')
    CONVERSION_FAILED = entries.Detail.fixable(
        '024',
        'The image could not be converted to the format that this cloud '
        'uses.',
        'Try again, or convert the image yourself first; if it keeps '
        'failing, give your operator the request id.',
        retryable=True)
    CONVERSION_UNSUPPORTED = entries.Detail.fixable(
        '025',
        'This cloud cannot convert images from this format.',
        'Convert the image to a suitable format yourself, and use that one.')
    IMAGE_IN_USE = entries.Detail.fixable(
        '026',
        'The image is still in use, for example by a volume or server that '
        'was created from it.',
        'Delete the resources that depend on the image, then try again.',
        retryable=True,
        exceptions=('InUseByStore', 'HasSnapshot'))
    IMAGE_PROTECTED = entries.Detail.fixable(
        '027',
        'The image is protected against deletion.',
        'Remove the protection from the image, then delete it again.',
        exceptions=('ProtectedImageDelete',))
    IMAGE_INVALID_STATE = entries.Detail(
        '028',
        'The status of the image does not allow this operation.',
        'Check the status of the image, and try again once it has changed.',
        retryable=True,
        exceptions=('InvalidImageStatusTransition',))
    IMAGE_DEACTIVATED = entries.Detail(
        '029',
        'The image was deactivated, so its data cannot be used.',
        'Use another image, or ask your operator why this one was '
        'deactivated.')
    IMAGE_DELETED = entries.Detail.fixable(
        '030',
        'The image no longer exists.',
        'Create the image again if you still need it.',
        exceptions=('glance.common.exception.ImageNotFound',))
    IMAGE_DATA_MISSING = entries.Detail(
        '031',
        'The data of the image was not found in the image store.',
        'Give your operator the request id, or create the image again from '
        'a copy of your own.',
        exceptions=('glance_store.exceptions.NotFound',))
    IMAGE_BUSY = entries.Detail.fixable(
        '032',
        'The operation conflicted with another operation on the same image.',
        'Wait until no other operation is running on the image, then try '
        'again.',
        retryable=True,
        exceptions=('TaskAbortedError',))
    MEMBER_LIMIT = entries.Detail.fixable(
        '033',
        'The image would be shared with more projects than allowed.',
        'Remove members that no longer need the image, then try again.',
        exceptions=('ImageMemberLimitExceeded',))
    METADATA_LIMIT = entries.Detail.fixable(
        '034',
        'The image would have more properties, tags or locations than '
        'allowed.',
        'Remove those that you no longer need, then try again.',
        exceptions=('ImagePropertyLimitExceeded', 'ImageTagLimitExceeded',
                    'ImageLocationLimitExceeded'))
    ENCRYPTION_KEY_UNAVAILABLE = entries.Detail.fixable(
        '035',
        'The encryption key of the image could not be obtained.',
        'Check that the key exists and that your project may use it, then '
        'try again.',
        retryable=True,
        exceptions=('KeyManagerError', 'ManagedObjectNotFoundError'))
    NOT_PERMITTED = entries.Detail(
        '036',
        'You do not have permission for this operation on the image.',
        'Ask the owner of the image or your operator for permission.',
        exceptions=('ForbiddenPublicImage', 'ReadonlyProperty',
                    'ReservedProperty'))
    AUTHORIZATION_EXPIRED = entries.Detail.fixable(
        '037',
        'Your authorization expired before the operation was complete.',
        'Sign in again, then repeat the operation.',
        retryable=True,
        exceptions=('NotAuthenticated',))
    TIMED_OUT = entries.Detail.temporary(
        '038',
        'The operation took too long and was aborted.',
        exceptions=('builtins.TimeoutError',))
    INTERNAL_ERROR = entries.Detail.temporary(
        '039',
        'The image service could not store the image data because of an '
        'internal error.')
    UPLOAD_REJECTED = entries.Detail(
        '040',
        'The image service rejected the image data while it was being '
        'transferred.',
        'Check the status of the image and your permissions, then start the '
        'transfer again.',
        retryable=True)
    STORE_TIMED_OUT = entries.Detail.temporary(
        '041',
        'The image store did not respond in the time allowed.')


NAMESPACE = entries.Namespace(
    'IMAGE',
    resource_types=(resource_types.IMAGE,),
    actions=Actions, details=Details)
