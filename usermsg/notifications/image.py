# SPDX-License-Identifier: Apache-2.0
"""The lifecycle of images, told to other systems.

For a service that stores images::

    notifier = image.ImageNotifier(sink, catalogue)
    notifier.create(metadata)
    with notifier.upload(metadata, context) as upload:
        upload.stored(**store(data))    # size, checksum
        upload.update(status='active')
    with notifier.download(metadata, context) as sending:
        yield from sending.count(blocks)

The types, and what their payloads hold, are those that the image service
documents: metadata if all is well, the id alone once an image is deleted, six
keys of what was sent, and a text where something went wrong. That text is
one of the catalogue's: an exception's own words could say anything.

Nobody's task fails because it can't be told of: whatever prevents a
notification, wrong metadata for example, is logged and counted.
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

#: An image is recorded; its data may come later.
CREATE = 'image.create'
#: Its data begins to be stored.
PREPARE = 'image.prepare'
#: Its data is stored, or could not be.
UPLOAD = 'image.upload'
#: It is active: it is known where its data is.
ACTIVATE = 'image.activate'
#: Its data was sent to somebody, or part of it.
SEND = 'image.send'
#: Its attributes were changed.
UPDATE = 'image.update'
#: It is deleted.
DELETE = 'image.delete'

#: Event type -> what was being done when it goes wrong; ``SEND`` isn't here,
#: as its payload says how it ended.
ACTIONS = {
    CREATE: entries.Actions.CREATE,
    PREPARE: entries.Actions.UPLOAD,
    UPLOAD: entries.Actions.UPLOAD,
    ACTIVATE: entries.Actions.UPLOAD,
    UPDATE: entries.Actions.UPDATE,
    DELETE: entries.Actions.DELETE,
}

#: Characters of a text at most.
TEXT_LENGTH = 1024


class ImageNotifier:
    """Tells of images. Safe to share between threads.

    An image is a mapping of its attributes. Those of
    :class:`usermsg.objects.image_payload.Image` are told and no others;
    ``id``, ``status``, ``created_at`` and ``updated_at`` must be among them.

    :param sink: what takes notifications: ``send(notification)``
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`, which
        holds the texts
    :param properties: names of the only properties that are told
    :param publisher_id: the name of this host if left out
    :param messages: a :class:`usermsg.message.api.API`; with it the owner of
        an image gets a message when its upload fails
    :param metrics: a :class:`usermsg.metrics.registry.Metrics` that counts
        what could not be sent; one of its own if left out
    """

    def __init__(self, sink, catalogue, *, properties=(), publisher_id=None,
                 messages=None, metrics=None):
        # Not when this module is imported, for the reason that
        # usermsg.message.api has.
        from usermsg.objects import image_payload
        self._objects = image_payload
        self._sink = sink
        self._catalogue = catalogue
        self._properties = tuple(properties)
        self._messages = messages
        self._metrics = metrics or registry.Metrics()
        self._publisher = {} if publisher_id is None else {
            'publisher_id': publisher_id}

    @classmethod
    def of(cls, runtime, sink, messages=None):
        """As ``[notifications]`` of a runtime says."""
        options = runtime.conf.notifications
        return cls(sink, runtime.catalogue,
                   properties=options.image_properties,
                   publisher_id=options.publisher_id or None,
                   messages=messages, metrics=runtime.metrics)

    def create(self, image):
        """An image is recorded; its data may come later."""
        self._tell(CREATE, image)

    def prepare(self, image):
        """Its data begins to be stored."""
        self._tell(PREPARE, image)

    def uploaded(self, image):
        """Its data is stored."""
        self._tell(UPLOAD, image)

    def activate(self, image):
        """It is active: it is known where its data is."""
        self._tell(ACTIVATE, image)

    def update(self, image):
        """Its record has changed."""
        self._tell(UPDATE, image)

    def delete(self, image_id):
        """It is gone."""
        self._send(DELETE, {'id': image_id}, lambda: image_id)

    def failed(self, event_type, image_id, *, detail=None, exception=None,
               priority=notification.ERROR):
        """What an event type stands for went wrong.

        :param event_type: one of ``ACTIONS``
        :param detail: why: one of the catalogue's details
        :param exception: what was raised; where the catalogue knows its
            class it chooses the detail, and its text is never looked at
        :param priority: ``ERROR``, or ``WARN`` if the task goes on, to try
            it again for instance
        """
        self._send(event_type, {'id': image_id}, lambda: self._text(
            event_type, image_id, detail, exception), priority)

    def sent(self, image, receiver, bytes_sent, destination_ip=None,
             priority=notification.INFO):
        """Its data was sent to somebody.

        :param receiver: the context of who asked for it, None if unknown
        :param bytes_sent: how many really were
        :param priority: ``INFO`` if that was all of it, else ``ERROR``, or
            ``WARN`` if it goes on, from another store for instance
        """
        self._send(SEND, image, lambda: {
            'image_id': image['id'],
            'owner_id': self._known(image.get('owner')),
            'receiver_tenant_id': self._known(
                getattr(receiver, 'project_id', None)),
            'receiver_user_id': self._known(
                getattr(receiver, 'user_id', None)),
            'destination_ip': self._known(destination_ip),
            'bytes_sent': int(bytes_sent),
        }, priority)

    @contextlib.contextmanager
    def upload(self, image, context=None):
        """A context manager that tells of an upload: see :class:`Upload`.

        It tells that the upload begins; then that the data is stored, and
        that the image is active, when the block ends. If something is raised
        it tells that the step which it was at failed, and passes it on.

        :param image: what the image is when its upload begins
        :param context: of the request, for the owner's message
        """
        upload = Upload(self, image)
        self.prepare(upload.image)
        try:
            yield upload
        except BaseException as error:
            # What isn't an Exception ends the task from outside: the process
            # is stopped, or nobody waits for it any more.
            why = ({'exception': error} if isinstance(error, Exception)
                   else {'detail': entries.Details.TRANSFER_INTERRUPTED})
            self.failed(upload.step, upload.image.get('id'), **why)
            self.notify_owner(upload.image, context, **why)
            raise
        upload.stored()
        self.activate(upload.image)

    @contextlib.contextmanager
    def download(self, image, receiver, destination_ip=None, size=None):
        """A context manager that tells of a download: see :class:`Download`.

        It tells of it once, when the block ends: ``INFO`` if all was sent,
        ``ERROR`` if it was less or more, if the store failed, or if the
        receiver went away. If nobody knows how much it should be, all is what
        there was. It passes on whatever is raised.

        :param receiver: the context of who asked for it
        :param size: how many bytes are to be sent, if not the whole image
        """
        if size is None:
            # What is no mapping is logged when it is to be told.
            with contextlib.suppress(Exception):
                size = _mapping(image).get('size')
        download = Download()
        is_whole = False
        try:
            yield download
            is_whole = size in (None, download.bytes_sent)
        except GeneratorExit:
            # A receiver may leave as soon as it has all.
            is_whole = size == download.bytes_sent
            raise
        finally:
            self.sent(image, receiver, download.bytes_sent, destination_ip,
                      notification.INFO if is_whole else notification.ERROR)

    def notify_owner(self, image, context, **why):
        """Record a message for the owner, if there is a recorder.

        :param why: ``detail`` and ``exception``; see :meth:`failed`
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
                    resource_type=resource_types.IMAGE, **why)
        except Exception as error:
            LOG.error('The owner of image %s gets no message: %s',
                      self._known(image_id), errors.log_text(error))

    def _tell(self, event_type, image):
        self._send(event_type, image, lambda: (
            self._objects.Image.of(image, self._properties).payload()))

    def _send(self, event_type, image, make_payload,
              priority=notification.INFO):
        image_id = None
        try:
            image_id = _mapping(image).get('id')
            validation.uuid('id', image_id)
            self._sink.send(notification.Notification(
                event_type, make_payload(), image_id, priority,
                **self._publisher))
        except Exception as error:
            self._metrics.notifications_dropped.inc(
                1, (event_type, priority))
            LOG.error('The notification %s (%s) of image %s could not be '
                      'sent: %s', event_type, priority,
                      self._known(image_id),
                      errors.log_text(error, (delivery.NotDelivered,)))

    def _text(self, event_type, image_id, detail, exception):
        outcome = self._catalogue.resolve(
            action=ACTIONS[event_type], detail=detail, exception=exception,
            resource_type=resource_types.IMAGE)
        said = self._catalogue.describe(outcome.event_id).user_message
        # With the id, as a text alone leaves open which image it is about.
        return text.cleaned(said, TEXT_LENGTH) + f' (image {image_id})'

    def _known(self, value):
        """A value that needn't be there, bounded."""
        return None if value is None else text.cleaned(str(value))


def _mapping(image):
    if not hasattr(image, 'get'):
        raise errors.InvalidInput('image', 'must be a mapping.')
    return image


class Upload:
    """What becomes of an image while its data is stored.

    :param image: what the image is when its upload begins
    :ivar image: what it is now
    :ivar step: the event type of what comes next
    """

    def __init__(self, notifier, image):
        self._notifier = notifier
        self.step = UPLOAD
        self.image = {}
        # What is no mapping tells nothing; each step logs that.
        with contextlib.suppress(Exception):
            self.image = dict(image)

    def update(self, **attributes):
        """Attributes that have changed meanwhile."""
        self.image.update(attributes)

    def stored(self, **attributes):
        """Its data is stored; what is left is to make it active.

        Without this it counts as stored when the block ends.
        """
        self.update(**attributes)
        if self.step == UPLOAD:
            self.step = ACTIVATE
            self._notifier.uploaded(self.image)


class Download:
    """How much of an image has been sent."""

    def __init__(self):
        self.bytes_sent = 0

    def count(self, blocks):
        """The same blocks, each counted once the next is asked for.

        A block that the receiver never took doesn't count.
        """
        for block in blocks:
            yield block
            self.add(len(block))

    def add(self, number):
        """Bytes that were sent in another way."""
        self.bytes_sent += number
