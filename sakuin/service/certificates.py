"""The certificate for TLS, in files that are replaced when it is renewed."""

import logging
import ssl
from pathlib import Path

from sakuin.files import state_of
from sakuin.service.served import ServiceError

_logger = logging.getLogger("sakuin.service")


class Certificate:
    """Has what TLS shows be what stands in the files."""

    def __init__(self, context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
        """See to a context that has the certificate already.

        Args:
            context: Of the connections.
            certificate: File of the certificate, and those that vouch for it.
            key: File of its private key; None where it stands in the same file.
        """
        self._context = context
        self._files = (certificate, key)
        self._seen = self._states()

    def refresh(self) -> None:
        """Take what the files have now for connections to come; what is unfit, or half replaced, changes nothing."""
        if (states := self._states()) == self._seen:
            return
        self._seen = states
        try:
            require_certificate(*self._files)
        except ServiceError as error:
            _logger.error("%s Until then the certificate before is shown.", error)
        else:
            self._context.load_cert_chain(*self._files, no_passphrase)

    def _states(self) -> list[tuple[int, int, int] | None]:
        return [state_of(file) for file in self._files if file]


def require_certificate(certificate: Path | None, key: Path | None) -> None:
    """Raise ServiceError where there is no TLS to be had with a certificate."""
    if certificate is None:
        if key is not None:
            raise ServiceError("--tls-key is the key of a certificate: give that with --tls-certificate.")
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, no_passphrase)
    except OSError as error:
        raise ServiceError(
            f"The certificate in {certificate} cannot be used ({error.strerror or error}): give a certificate in PEM's "
            f"form with --tls-certificate and its private key, without a passphrase, with --tls-key."
        ) from error


def no_passphrase() -> str:
    """What a key with a passphrase is opened by, in vain; otherwise a terminal would be asked."""
    return ""
