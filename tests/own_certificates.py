"""Certificates for servers of tests, signed by an authority that nobody else trusts."""

from dataclasses import dataclass
from pathlib import Path

import trustme

from pizzashop.local.ports import HOST


@dataclass(frozen=True)
class Certificates:
    """The files of a server on loopback: its certificate, its key, and its authority, which clients have to trust."""

    certificate: Path
    key: Path
    authority: Path

    @classmethod
    def create(cls, directory: Path) -> "Certificates":
        """Write new ones to the directory."""
        directory.mkdir(parents=True, exist_ok=True)
        files = cls(directory / "server.pem", directory / "server.key", directory / "authority.pem")
        authority = trustme.CA()
        server = authority.issue_cert(HOST, "localhost")
        server.cert_chain_pems[0].write_to_path(str(files.certificate))
        server.private_key_pem.write_to_path(str(files.key))
        files.key.chmod(0o600)
        authority.cert_pem.write_to_path(str(files.authority))
        return files
