"""Define every error that this package raises.

InstructorError                  code             exit
├── UserError                                     2     the request, a file or a setting has to change
│   ├── InvalidArguments         invalid_arguments
│   │   └── UnknownModel         unknown_model
│   ├── UnknownTask              unknown_task
│   ├── UnknownCollection        unknown_collection
│   ├── UnknownInstruction       unknown_instruction
│   ├── InvalidRegistry          invalid_registry
│   ├── InvalidSettings          invalid_settings
│   ├── InvalidCheckpoint        invalid_checkpoint
│   ├── CheckpointUnavailable    checkpoint_unavailable
│   ├── UnreadableSource         unreadable_source
│   ├── IdentityMismatch         identity_mismatch
│   ├── MissingExtra             missing_extra
│   ├── OpenClawMissing          openclaw_missing
│   ├── ConsentNeeded            consent_needed
│   ├── UnsupportedInput         unsupported_input
│   ├── Forbidden                forbidden
│   └── InvalidData              invalid_data
└── ServiceError                                  1     our side: retry, or report it
    ├── Busy                     busy
    ├── ModelLoading             model_loading
    ├── DaemonUnavailable        daemon_unavailable
    ├── OpenClawFailed           openclaw_failed
    └── StoreError               store_error
        └── VectorsUnavailable   store_error

Each message names what is wrong, where, and the fix. `code` is stable: HTTP bodies, MCP errors and `--json` carry it.
"""

from __future__ import annotations

from openclaw_instructor.untrusted import error_message


class InstructorError(Exception):
    """Base of every error of this package; `code` is its stable machine-readable name."""

    code = "internal"
    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def as_dict(self) -> dict[str, object]:
        """Return the error as JSON: `code`, and `message` within bounds, whatever value from outside it quotes."""
        return {"code": self.code, "message": error_message(self.message)}


class UserError(InstructorError):
    """The request, a file or a setting has to change."""

    exit_code = 2


class InvalidArguments(UserError):
    """An argument of the call cannot be used; `param` is its name, where it is one."""

    code = "invalid_arguments"

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class UnknownModel(InvalidArguments):
    """The caller asks for another model than the one that is served."""

    code = "unknown_model"


class UnknownTask(UserError):
    """No task has that name."""

    code = "unknown_task"


class UnknownCollection(UserError):
    """No collection has that name."""

    code = "unknown_collection"


class UnknownInstruction(UserError):
    """No instruction has that name."""

    code = "unknown_instruction"


class InvalidRegistry(UserError):
    """An `instructions.yaml` is broken."""

    code = "invalid_registry"


class InvalidSettings(UserError):
    """The configuration is broken."""

    code = "invalid_settings"


class InvalidCheckpoint(UserError):
    """A folder is no checkpoint that this package can run."""

    code = "invalid_checkpoint"


class CheckpointUnavailable(UserError):
    """A checkpoint is not available: it does not exist, or the hub cannot be reached."""

    code = "checkpoint_unavailable"


class UnreadableSource(UserError):
    """A file or folder cannot be read or written."""

    code = "unreadable_source"


class IdentityMismatch(UserError):
    """Stored vectors were made by another checkpoint than the current one."""

    code = "identity_mismatch"


class MissingExtra(UserError):
    """An optional dependency is absent; the message holds the `pip install` line."""

    code = "missing_extra"


class OpenClawMissing(UserError):
    """The `openclaw` program, or the Node it needs, was not found."""

    code = "openclaw_missing"


class ConsentNeeded(UserError):
    """OpenClaw needs its owner's consent to the tools of a plugin."""

    code = "consent_needed"


class UnsupportedInput(UserError):
    """A decision is asked for that is not answered here, or about more than the checkpoint reads."""

    code = "unsupported_input"


class Forbidden(UserError):
    """The caller's token or session does not allow this."""

    code = "forbidden"


class InvalidData(UserError):
    """A training or evaluation file does not have the documented form."""

    code = "invalid_data"


class ServiceError(InstructorError):
    """An error that is not the caller's; `retry_after` is in seconds if trying again may help."""

    code = "service_error"
    retry_after: float | None = None


class Busy(ServiceError):
    """The queue is full, or another process holds a lock; `retry_after` says when to try again."""

    code = "busy"

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelLoading(Busy):
    """The model is still loading; try again after `retry_after` seconds."""

    code = "model_loading"


class DaemonUnavailable(ServiceError):
    """No daemon answers."""

    code = "daemon_unavailable"


class OpenClawFailed(ServiceError):
    """An `openclaw` command or a call of its Gateway failed; the message holds what it said."""

    code = "openclaw_failed"


class StoreError(ServiceError):
    """The index or another file of home cannot be read or written."""

    code = "store_error"


class VectorsUnavailable(StoreError):
    """The server that keeps the vectors cannot be used; texts and vectors are in the index, so nothing is lost."""
