"""Certificates that are thrown away: authorities of a test's own, and what they vouch for."""

import subprocess
from pathlib import Path

from support.servers import Nginx, Servers


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    """Its own certificate is `certificate`, a bundle of one."""

    def __init__(self, folder: Path, name: str = "authority"):
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.key, self.certificate = self.folder / "key.pem", self.folder / "ca.pem"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                 "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
                 "-keyout", self.key, "-out", self.certificate)

    def vouch(self, *names: str) -> tuple[Path, Path]:
        """Key and certificate of a server with these DNS names."""
        key, request, certificate = (self.folder / f"{names[0]}.{kind}" for kind in ("key", "csr", "crt"))
        (self.folder / "extensions").write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={names[0]}",
                 "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "30",
                 "-extfile", self.folder / "extensions", "-out", certificate)
        return key, certificate


def terminator(servers: Servers, authority: Authority, upstream: str, *names: str) -> Nginx:
    """HTTPS under these names in front of an HTTP server; its url is of the first."""
    key, certificate = authority.vouch(*names)
    running = servers.nginx("""
        server {
            listen 127.0.0.1:{{port}} ssl;
            ssl_certificate %s;
            ssl_certificate_key %s;
            location / {
                proxy_pass %s;
                proxy_http_version 1.1;
                proxy_set_header Host $http_host;
                proxy_set_header Connection "";
            }
        }""" % (certificate, key, upstream))
    running.url = running.url.replace("http://127.0.0.1", f"https://{names[0]}")
    return running
