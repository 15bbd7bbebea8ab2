"""Certificates on disk, and clients that trust them."""

import ssl
from pathlib import Path

import trustme


class TlsFiles:
    """A server's certificate from an authority of its own, and an authority for clients."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.clients = trustme.CA()
        self.cert, self.key = folder / "tls.crt", folder / "tls.key"
        self.client_ca = folder / "clients.pem"
        self.renew()
        self.trust_clients_of(self.clients)

    def renew(self) -> None:
        """Write another certificate and key over the old ones."""
        made = self.authority.issue_cert("127.0.0.1", "localhost")
        self.cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        self.key.write_bytes(made.private_key_pem.bytes())

    def trust_clients_of(self, authority: trustme.CA) -> None:
        self.client_ca.write_bytes(authority.cert_pem.bytes())

    def client(
        self, of: trustme.CA | None = None, *, only: ssl.TLSVersion | None = None
    ) -> ssl.SSLContext:
        """What a client uses that trusts the server; with a certificate of its own, if given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        if of:
            of.issue_cert("scraper.example").configure_cert(context)
        if only:
            context.minimum_version = context.maximum_version = only
        return context
