"""Encrypts a credential that the target issued, so that its plain bytes leave the call at once."""

from componentize_py_types import Err
from wit_world.imports import seal, types

from . import errors
from .types import issue


def to(recipients: list[str], name: str, media_type: str, plain: bytes) -> list[types.Sealed]:
    """One ciphertext for each recipient (the operation's context names them)."""
    try:
        return seal.seal(name, media_type, plain, recipients)
    except Err as failure:
        match failure.value:
            case seal.SealError_UnknownRecipient(who):
                words = f"`{who}` has no key to seal to"
                unknown = issue("/recipients", "unknown_recipient", words)
                raise errors.InvalidInput([unknown]) from None
            case seal.SealError_TooLarge():
                raise errors.BadData("the issued credential is too large") from None
            case _:
                raise errors.Unavailable() from None
