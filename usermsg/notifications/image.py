# SPDX-License-Identifier: Apache-2.0
"""Notifications about the lifecycle of images.

For a service that stores images::

    notifier = image.ImageNotifier(sink, catalogue)
    notifier.create(metadata)
    with notifier.upload(metadata, context) as upload:
        upload.stored(**store(data))    # size, checksum
        upload.update(status='active')
    with notifier.download(metadata, context) as download:
        yield from download.count(blocks)

Event types and payloads are those that the image service documents: the
metadata of the image after a success, only the id after a deletion unless the
metadata is configured, six keys about a download, and a text after a failure.
That text is from the catalogue: the text of an exception could contain
anything.

A notification that can't be sent never makes the operation of the service
fail: the cause, invalid metadata for example, is logged and counted.
"""

import contextlib

from oslo_log import log

from usermsg.catalogue.catalogues import image as entries
from usermsg.catalogue import resource_types
from usermsg import exception as errors
from usermsg.metrics import registry
from usermsg.notifications import errors as delivery
from usermsg.notifications import notification
from usermsg import text
from usermsg import validation

LOG = log.getLogger(__name__)

#: The record of an image was created; its data may follow later.
CREATE = 'image.create'
#: The upload of the data of an image starts.
PREPARE = 'image.prepare'
#: The data of an image was stored, or could not be.
UPLOAD = 'image.upload'
#: An image became active: the location of its data is recorded.
ACTIVATE = 'image.activate'
#: The data of an image, or a part of it, was sent to a client.
SEND = 'image.send'
#: The attributes of an image were changed.
UPDATE = 'image.update'
#: An image was deleted.
DELETE = 'image.delete'

#: A project became a member of an image, which is shared with it.
MEMBER_CREATE = 'image.member.create'
#: The status of a member was changed: it has accepted the image, for example.
MEMBER_UPDATE = 'image.member.update'
#: A project is no longer a member of an image.
MEMBER_DELETE = 'image.member.delete'

#: Event type -> action in the text of a failure; without ``SEND``, whose
#: payload contains its result.
ACTIONS = {
    CREATE: entries.Actions.CREATE,
    PREPARE: entries.Actions.UPLOAD,
    UPLOAD: entries.Actions.UPLOAD,
    ACTIVATE: entries.Actions.UPLOAD,
    UPDATE: entries.Actions.UPDATE,
    DELETE: entries.Actions.DELETE,
}

#: Payloads of ``DELETE``.
DELETE_PAYLOADS = ('id', 'metadata')

#: Maximum length of a text, in characters.
TEXT_LENGTH = 1024


class ImageNotifier:
    """Notifier of a service that stores images. Thread-safe.

    An image is a mapping of its attributes. A notification contains those of
    :class:`usermsg.objects.image_payload.Image` and no others; ``id``,
    ``status``, ``created_at`` and ``updated_at`` are required.

    :param sink: an object with ``send(notification)``, for example the outbox
        of a runtime
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`, the
        source of the texts
    :param properties: names of the properties that notifications may contain
    :param delete_payload: payload of ``DELETE``, one of ``DELETE_PAYLOADS``
    :param disabled: types that are not sent, ``image.*`` for all
    :param publisher_id: name of the publisher; by default that of this host
    :param messages: a :class:`usermsg.message.api.API`; if given, the owner
        of an image gets a message when its upload fails
    :param metrics: a :class:`usermsg.metrics.registry.Metrics` that counts
        the notifications that could not be sent; by default a new one
    :param clock: function that returns the current time, an aware datetime
    :raises usermsg.exception.InvalidInput: ``delete_payload`` is another
    """

    def __init__(self, sink, catalogue, *, properties=(), delete_payload='id',
                 disabled=(), publisher_id=None, messages=None, metrics=None,
                 clock=notification.now):
        if delete_payload not in DELETE_PAYLOADS:
            raise errors.InvalidInput(
                'delete_payload',
                f'must be one of {", ".join(DELETE_PAYLOADS)}.')
        # Not when this module is imported, for the reason given in
        # usermsg.message.api.
        from usermsg.objects import image_member_payload
        from usermsg.objects import image_payload
        self._image_class = image_payload.Image
        self._member_class = image_member_payload.ImageMember
        self._sink = sink
        self._catalogue = catalogue
        self._properties = tuple(properties)
        self._delete_payload = delete_payload
        self._clock = clock
        self._disabled = tuple(disabled)
        self._messages = messages
        self._metrics = metrics or registry.Metrics()
        self._publisher = {} if publisher_id is None else {
            'publisher_id': publisher_id}

    @classmethod
    def from_runtime(cls, runtime, sink, messages=None):
        """Create a notifier from ``[notifications]`` of a runtime.

        :param runtime: a :class:`usermsg.service.Runtime`
        :param sink: see the class
        :param messages: see the class
        """
        options = runtime.conf.notifications
        return cls(sink, runtime.catalogue,
                   properties=options.image_properties,
                   delete_payload=options.image_delete_payload,
                   disabled=options.disabled,
                   publisher_id=options.publisher_id or None,
                   messages=messages, metrics=runtime.metrics)

    def create(self, image):
        """Notify that the record of an image was created."""
        self._notify(CREATE, image)

    def prepare(self, image):
        """Notify that the upload of its data starts."""
        self._notify(PREPARE, image)

    def uploaded(self, image):
        """Notify that its data was stored."""
        self._notify(UPLOAD, image)

    def activate(self, image):
        """Notify that it became active: its data can be located."""
        self._notify(ACTIVATE, image)

    def update(self, image):
        """Notify that its attributes were changed."""
        self._notify(UPDATE, image)

    def delete(self, image):
        """Notify that it was deleted.

        :param image: its last attributes, or the id alone if that is the
            payload. The metadata has the status ``deleted`` and
            ``deleted_at``, which is the current time by default.
        """
        if self._delete_payload == 'id':
            if isinstance(image, str):
                image = {'id': image}
            self._send(DELETE, image, lambda: image['id'])
            return
        now = self._clock()
        self._send(DELETE, image, lambda: self._metadata({
            **image, 'status': 'deleted', 'deleted': True,
            'deleted_at': image.get('deleted_at') or now}), timestamp=now)

    def member_created(self, member):
        """Notify that a project became a member of an image.

        :param member: a mapping of ``image_id``, ``member_id``, the id of the
            project, ``status``, ``created_at`` and ``updated_at``
        """
        self._notify_member(MEMBER_CREATE, member)

    def member_updated(self, member):
        """Notify that the status of a member was changed."""
        self._notify_member(MEMBER_UPDATE, member)

    def member_deleted(self, member):
        """Notify that a project is no longer a member.

        :param member: as for :meth:`member_created`; ``deleted_at`` is the
            current time by default
        """
        now = self._clock()
        self._send(
            MEMBER_DELETE, member, lambda: self._member_payload({
                **member, 'deleted_at': member.get('deleted_at') or now}),
            id_name='image_id', timestamp=now)

    def failed(self, event_type, image_id, *, detail=None, exception=None,
               priority=notification.ERROR):
        """Notify that an operation failed.

        :param event_type: event type of the operation, a key of ``ACTIONS``
        :param detail: the reason, a detail of the catalogue
        :param exception: the exception that was raised; the catalogue maps
            its class to a detail, and its text is never used
        :param priority: ``ERROR``, or ``WARN`` if the operation continues,
            for instance with another attempt
        """
        self._send(event_type, {'id': image_id}, lambda: self._failure_text(
            event_type, image_id, detail, exception), priority)

    def sent(self, image, receiver, bytes_sent, destination_ip=None,
             priority=notification.INFO):
        """Notify that its data was sent to a client.

        :param receiver: request context of the receiver, None if unknown
        :param destination_ip: address of the receiver, None if unknown
        :param bytes_sent: number of bytes that were sent
        :param priority: ``INFO`` if these are all bytes, else ``ERROR``, or
            ``WARN`` if the download continues, for instance from another
            store
        """
        self._send(SEND, image, lambda: {
            'image_id': image['id'],
            'owner_id': self._bounded(image.get('owner')),
            'receiver_tenant_id': self._bounded(
                getattr(receiver, 'project_id', None)),
            'receiver_user_id': self._bounded(
                getattr(receiver, 'user_id', None)),
            'destination_ip': self._bounded(destination_ip),
            'bytes_sent': int(bytes_sent),
        }, priority)

    @contextlib.contextmanager
    def upload(self, image, context=None):
        """Context manager for an upload; see :class:`Upload`.

        It sends ``PREPARE`` at the start, and ``UPLOAD`` and ``ACTIVATE`` at
        the end of the block. If the block raises, the step that failed,
        ``UPLOAD`` or ``ACTIVATE``, is sent as an ``ERROR``, and the exception
        propagates.

        :param image: the image at the start of its upload
        :param context: request context, for the message to the owner
        """
        upload = Upload(self, image)
        self.prepare(upload.image)
        try:
            yield upload
        except BaseException as error:
            # A BaseException that isn't an Exception ends the operation from
            # outside: the process is stopped, or the client has disconnected.
            reason = ({'exception': error} if isinstance(error, Exception)
                      else {'detail': entries.Details.TRANSFER_INTERRUPTED})
            self.failed(upload.step, upload.image.get('id'), **reason)
            self.notify_owner(upload.image, context, **reason)
            raise
        upload.stored()
        self.activate(upload.image)

    @contextlib.contextmanager
    def download(self, image, receiver, destination_ip=None, size=None):
        """Context manager for a download; see :class:`Download`.

        It sends ``SEND`` once, at the end of the block: ``INFO`` if all bytes
        were sent, ``ERROR`` if fewer or more were, if the store failed, or if
        the receiver disconnected early. If the size is unknown, a block that
        ends without an exception has sent all bytes. An exception propagates.

        :param receiver: request context of the receiver
        :param destination_ip: address of the receiver, None if unknown
        :param size: number of bytes to send, by default the size of the image
        """
        if size is None:
            # An image that isn't a mapping is logged when SEND is sent.
            with contextlib.suppress(Exception):
                size = _mapping(image).get('size')
        download = Download()
        is_whole = False
        try:
            yield download
            is_whole = size in (None, download.bytes_sent)
        except GeneratorExit:
            # A receiver may disconnect as soon as it has all bytes.
            is_whole = size == download.bytes_sent
            raise
        finally:
            self.sent(image, receiver, download.bytes_sent, destination_ip,
                      notification.INFO if is_whole else notification.ERROR)

    def notify_owner(self, image, context, **reason):
        """Record a message for the owner, if ``messages`` was given.

        :param context: request context
        :param reason: ``detail`` or ``exception``; see :meth:`failed`
        """
        if self._messages is None:
            return
        image_id = None
        try:
            attributes = _mapping(image)
            image_id = attributes.get('id')
            if attributes.get('owner'):
                self._messages.create(
                    context, project_id=attributes['owner'],
                    action=ACTIONS[UPLOAD], resource_uuid=image_id,
                    resource_type=resource_types.IMAGE, **reason)
        except Exception as error:
            LOG.error('The message for the owner of image %s could not be '
                      'recorded: %s', self._bounded(image_id),
                      errors.log_text(error))

    def _notify(self, event_type, image):
        self._send(event_type, image, lambda: self._metadata(image))

    def _metadata(self, image):
        return self._image_class.from_mapping(
            image, self._properties).payload()

    def _notify_member(self, event_type, member):
        self._send(event_type, member, lambda: self._member_payload(member),
                   id_name='image_id')

    def _member_payload(self, member):
        return self._member_class.from_mapping(member).payload()

    def _send(self, event_type, attributes, make_payload,
              priority=notification.INFO, id_name='id', timestamp=None):
        """Send a notification whose subject is an image.

        :param attributes: a mapping
        :param make_payload: function without arguments
        :param id_name: name of the attribute with the id of the image
        :param timestamp: time of the event, by default now
        """
        if notification.is_disabled(event_type, self._disabled):
            return
        image_id = None
        try:
            image_id = _mapping(attributes).get(id_name)
            validation.uuid(id_name, image_id)
            self._sink.send(notification.Notification(
                event_type, make_payload(), image_id, priority,
                timestamp=timestamp or self._clock(), **self._publisher))
        except Exception as error:
            self._metrics.notifications_dropped.inc(
                1, (event_type, priority))
            LOG.error('The notification %s (%s) of image %s could not be '
                      'sent: %s', event_type, priority,
                      self._bounded(image_id),
                      errors.log_text(error, (delivery.NotDelivered,)))

    def _failure_text(self, event_type, image_id, detail, exception):
        resolved = self._catalogue.resolve(
            action=ACTIONS[event_type], detail=detail, exception=exception,
            resource_type=resource_types.IMAGE)
        reason = self._catalogue.describe(resolved.event_id).user_message
        # With the id, since the text alone doesn't identify the image.
        return text.cleaned(reason, TEXT_LENGTH) + f' (image {image_id})'

    def _bounded(self, value):
        """Return an optional value as a text of bounded length."""
        return None if value is None else text.cleaned(str(value))


def _mapping(attributes):
    if not hasattr(attributes, 'get'):
        raise errors.InvalidInput('attributes', 'must be a mapping.')
    return attributes


class Upload:
    """An upload in progress.

    :param image: the image at the start of its upload
    :ivar image: its current attributes
    :ivar step: event type of the next step
    """

    def __init__(self, notifier, image):
        self._notifier = notifier
        self.step = UPLOAD
        self.image = {}
        # An image that isn't a mapping is never sent; each step logs that.
        with contextlib.suppress(Exception):
            self.image = dict(image)

    def update(self, **attributes):
        """Set attributes that have changed since the start."""
        self.image.update(attributes)

    def stored(self, **attributes):
        """Notify that its data was stored; only the activation remains.

        Without this call, the data counts as stored at the end of the block.
        """
        self.update(**attributes)
        if self.step == UPLOAD:
            self.step = ACTIVATE
            self._notifier.uploaded(self.image)


class Download:
    """A download in progress.

    :ivar bytes_sent: number of bytes sent so far
    """

    def __init__(self):
        self.bytes_sent = 0

    def count(self, blocks):
        """Iterate over blocks; count each when the next one is requested.

        So a block that the receiver never accepted doesn't count.
        """
        for block in blocks:
            yield block
            self.add(len(block))

    def add(self, number):
        """Count bytes that were sent without :meth:`count`."""
        self.bytes_sent += number
