"""People who may log in, their sessions, and tokens of programs. What becomes of them is in the audit."""

from andon.store.people.program_tokens import Token, add_token, revoke_token, token_of, token_used, tokens_listed
from andon.store.people.sessions import (
    IDLE,
    LONGEST,
    TOUCHED_AFTER,
    Session,
    log_in,
    log_out,
    note_failed,
    session_of,
    touch,
)
from andon.store.people.users import (
    Stored,
    User,
    add,
    any_enabled,
    listing,
    set_enabled,
    set_password,
    set_role,
    stored,
)

__all__ = [
    "IDLE",
    "LONGEST",
    "TOUCHED_AFTER",
    "Session",
    "Stored",
    "Token",
    "User",
    "add",
    "add_token",
    "any_enabled",
    "listing",
    "log_in",
    "log_out",
    "note_failed",
    "revoke_token",
    "session_of",
    "set_enabled",
    "set_password",
    "set_role",
    "stored",
    "token_of",
    "token_used",
    "tokens_listed",
    "touch",
]
