"""Everything Andon raises on purpose.

    AndonError
    ├── ConfigError            a setting is wrong: whoever configures must change it
    ├── InUseError             another process owns the data directory, store or port
    ├── BackupError            a backup cannot be made, read or put back
    ├── BrokerError
    │   ├── BrokerStartError   the embedded broker did not come up
    │   │   └── BrokerFull     no room on the disk for its store; starting goes on by itself when there is
    │   ├── BrokerUnavailable  the broker does not answer now; trying again may help
    │   └── ObjectMissing      the broker's object store has no such bucket or object (yet)
    ├── StoreError
    │   ├── StoreFull          no room on the disk; recording continues by itself when there is
    │   ├── StoreUnavailable   the database cannot be opened, read or written now
    │   ├── StoreTooNew        a newer Andon wrote this database
    │   ├── QueryTooSlow       a question to the database reads more than its time allows: narrow it
    │   └── NotFound           the record asked for is not in the store
    │       └── UnknownName    nothing in the store is called so: a host, a place, a service, a field, a problem
    ├── MessageRejected        a published message cannot be understood; it is kept in ``rejects``
    ├── PictureRefused         a picture that came with a log is not kept; the log's notes say why
    ├── ActionError            something that was to leave the house did not, or nobody knows
    │   ├── ActionRefused      the service, or our own rules, will not have it: as it stands it never goes
    │   ├── TargetAway         nothing was done: the service is away or has no room, it is tried again
    │   └── OutcomeUnknown     it was sent, and no answer came: it may have been done
    └── ModelError
        ├── ModelUnavailable   the provider is away, or failed at this question: ask again later
        │   └── ModelBusy      the provider has no room now (429, 503): ask again when it says so
        ├── ModelMisconfigured the provider refuses us: key, model name or address must change
        └── ModelAnswerError   the provider answered with something that is not an answer

A message says what happened, to what, and what to do now; it is shown to users as it is.
"""

from __future__ import annotations


class AndonError(Exception):
    """Base of every error Andon raises on purpose; its text is meant for the user."""


class ConfigError(AndonError):
    """A setting is missing or wrong: change it and start again."""


class InUseError(AndonError):
    """Another process owns what we need (data directory, broker store, port): stop it or choose another.

    ``port`` is the number where it is a port.
    """

    def __init__(self, said: str, port: int | None = None) -> None:
        super().__init__(said)
        self.port = port


class BackupError(AndonError):
    """A backup cannot be made, read or put back: nothing was changed, the text says what to do."""


class BrokerError(AndonError):
    """Something is wrong with the message broker."""


class BrokerStartError(BrokerError):
    """The embedded broker did not come up: see the quoted line of its log."""


class BrokerFull(BrokerStartError):
    """No room is left for the broker's store: free some disk space, starting goes on by itself."""


class BrokerUnavailable(BrokerError):
    """The broker does not answer at the moment: check that it runs and that the address is right."""


class ObjectMissing(BrokerError):
    """The broker's object store has no such bucket or object: put it there, or correct the reference."""


class StoreError(AndonError):
    """Something is wrong with the database."""


class StoreFull(StoreError):
    """No room is left for the database: free some disk space, recording continues by itself."""


class StoreUnavailable(StoreError):
    """The database cannot be opened, read or written: check path, permissions and the disk."""


class StoreTooNew(StoreError):
    """The database was written by a newer Andon: install that version, or restore a backup."""


class QueryTooSlow(StoreError):
    """The question reads more of the database than its time allows: ask about a shorter time, or one host."""


class NotFound(StoreError):
    """Nothing with this id is stored: list first, then ask for an id that is there."""


class UnknownName(NotFound):
    """A filter names what no log names: the sentence tells how many there are, and which come nearest."""


class MessageRejected(AndonError):
    """A published message cannot be understood; it is kept with this reason in ``rejects``."""


class PictureRefused(AndonError):
    """A picture cannot be kept or shown; the text is the reason, to be read after the picture's name."""


class ActionError(AndonError):
    """What was to leave the house did not, or nobody knows."""


class ActionRefused(ActionError):
    """The service, or a rule of ours, refuses this: it never goes as it stands. The text has the service's words."""


class TargetAway(ActionError):
    """Nothing was done: the service is away, or has no room now. It is tried again, and so is what stands behind it.

    ``retry_after`` is the number of seconds the service asked us to wait, when it named one.
    """

    #: Whether an answer said so that may be of something in between: it is looked for before it is tried again.
    answered = False

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknown(ActionError):
    """It was sent and no answer came: it may have been done. Sent again only where that does no harm."""


class ModelError(AndonError):
    """The model gave no answer we can use."""

    #: What the call took all the same, as far as it is known.
    tokens = 0
    #: What to say instead where the provider passes its check, so that only this question met the failure.
    alone: str | None = None


class ModelUnavailable(ModelError):
    """The provider is away, failed or was too slow; the question stays queued and is asked again.

    ``retry_after`` is the number of seconds the provider asked us to wait, when it named one.
    """

    #: Whether the deadline passed, which may be the model's own slowness.
    late = False

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelBusy(ModelUnavailable):
    """The provider answers but has no room now; waiting helps, and the question is not at fault."""


class ModelMisconfigured(ModelError):
    """The provider refuses the request as configured: check key, model name and address."""

    #: Whether it says so of our account or our model, so that the next question would meet the same.
    standing = False
    #: Whether the question is longer than the model's context: a shorter one may fit.
    too_long = False


class ModelAnswerError(ModelError):
    """The provider answered, but not with an explanation (empty, cut off, not readable)."""

    #: Whether the model itself said something, which proves it well; a filter or something in its place did else.
    by_model = True
