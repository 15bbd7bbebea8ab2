"""Certificate files, and clients that trust them."""

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
        self.write_certificate()
        self.trust_clients(self.clients)

    def write_certificate(self) -> None:
        """Write another certificate and key over the old ones."""
        certificate = self.authority.issue_cert("127.0.0.1", "localhost")
        self.cert.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        self.key.write_bytes(certificate.private_key_pem.bytes())

    def trust_clients(self, authority: trustme.CA) -> None:
        self.client_ca.write_bytes(authority.cert_pem.bytes())

    def build_client_context(
        self,
        client_authority: trustme.CA | None = None,
        *,
        tls_version: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        """Settings of a client that trusts the server; with a certificate of its own, if given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        if client_authority:
            client_authority.issue_cert("scraper.example").configure_cert(context)
        if tls_version:
            context.minimum_version = context.maximum_version = tls_version
        return context
