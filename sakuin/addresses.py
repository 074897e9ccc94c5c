"""Addresses that commands listen on: IPv4, IPv6 or names."""

import errno
import ipaddress
import os
import socket

from sakuin.errors import SakuinError

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that stand for all of this machine's, and what this machine reaches itself by then."""


class AddressError(SakuinError):
    """An address or port that cannot be listened on."""

    code = "address_unavailable"


def bare(host: str) -> str:
    """An address without the brackets that IPv6 has in URLs."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only; of names only localhost is taken to be one."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def in_url(host: str) -> str:
    """An address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections; raises AddressError where there can be none."""
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        if os.name == "posix":
            # What ended a moment ago does not keep its port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        if listener:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            remedy = "is in use: end the program that uses it, or choose another with --port"
        else:
            remedy = f"cannot be had ({error.strerror or error}): choose others with --port and --host"
        raise AddressError(f"Port {port} of {host} {remedy}.") from error
    return listener


def free_address(host: str, port: int) -> str:
    """The number that a name or address stands for; raises AddressError where nothing could listen there."""
    with listening(host, port) as listener:
        return str(listener.getsockname()[0])
