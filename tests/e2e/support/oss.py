"""Alibaba's OSS on the wire, and Tencent's COS, as far as they differ from S3: in front of a MinIO, which does the storing.

OSS's documents say: the bucket stands in the host's name, never in the path; put-if-absent is `x-oss-forbid-overwrite: true`, answered 409
FileAlreadyExists; ETags are in upper case; a range that ends past the object's end is no range, and all of the object comes, with 200. What
it makes of If-None-Match on PUT they do not say: here it is refused, or passed over in silence, which is worse.
"""

import hashlib
import hmac
import re
import time
from calendar import timegm
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.gateway import Answer, Gateway, Headers
from support.servers import REGION, Minio

HOST = "localhost"  # any name below it leads to loopback
_MATCHING = ("if-match", "if-none-match", "x-amz-copy-source-if-match")
_PASSED = {"content-type", "content-md5", "range", "if-modified-since", "x-amz-meta-upload", "x-amz-copy-source", "x-amz-copy-source-range",
           "x-amz-metadata-directive", *_MATCHING}
_TOLD = {"etag", "content-type", "content-length", "content-range", "last-modified", "date", "x-amz-meta-upload"}
_DIGEST = re.compile(rb"[0-9a-fA-F]{32}(-\d+)?(?=(\"|&quot;|&#34;)?</ETag>)")
_CONDITIONAL = ("PUT", "POST")


@dataclass(frozen=True)
class Dialect:
    name: str
    standard_condition: str = "refused"  # If-None-Match on PUT: "refused" or "ignored"
    path_style: bool = False
    strict_ranges: bool = False  # a range past the end is none
    upper_etags: bool = False

    @property
    def header(self) -> str:
        return f"x-{self.name}-forbid-overwrite"


OSS = Dialect("oss", strict_ranges=True, upper_etags=True)
COS = Dialect("cos")


class Oss(Gateway):
    """Knows one pair of keys, MinIO's own; `token` is a session token that must come with it, where there is one."""

    def __init__(self, minio: Minio, dialect: Dialect = OSS, token: str = ""):
        super().__init__()
        self.minio, self.dialect, self.token = minio, dialect, token
        self._port = urlsplit(self.url).port
        self.session = requests.Session()
        self.session.trust_env = False

    def store(self, bucket: str, prefix: str = "", options: str = "") -> str:
        """A store's URL; the condition is named, as the host's name can't tell it here."""
        host = "127.0.0.1" if self.dialect.path_style else f"{self.dialect.name}.{HOST}"
        return f"s3://{bucket}/{prefix}?endpoint=http://{host}:{self._port}&region={REGION}{options or '&if-absent=' + self.dialect.name}"

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        given = {name.lower(): value for name, value in headers}
        path, _, query = target.partition("?")
        refusal = verified(self, method, path, query, given, body)
        if refusal:
            return error(403, refusal)
        bucket, key = self._place(given["host"], path)
        if not bucket:
            return error(403, "SecondLevelDomainForbidden")
        if method in _CONDITIONAL and "if-none-match" in given:
            if self.dialect.standard_condition == "refused":
                return error(501, "NotImplemented")
            del given["if-none-match"]
        if method in _CONDITIONAL and given.get(self.dialect.header) == "true":
            given["if-none-match"] = "*"  # what MinIO calls it
        lenient = not self.dialect.strict_ranges or given.get("x-oss-range-behavior") == "standard"
        if not lenient and self._ends_past(bucket, key, given.get("range", "")):
            del given["range"]
        if self.dialect.upper_etags:
            given.update({name: given[name].lower() for name in _MATCHING if name in given})
            body = _DIGEST.sub(lambda found: found[0].lower(), body) if method == "POST" else body
        return self._native(self._pass_on(method, bucket, key, query, given, body))

    def _place(self, host: str, path: str) -> tuple[str, str]:
        if self.dialect.path_style:
            bucket, _, key = path[1:].partition("/")
            return bucket, key
        inside = re.fullmatch(rf"([a-z0-9.-]+)\.{self.dialect.name}\.{HOST}:{self._port}", host)
        return (inside[1], path[1:]) if inside else ("", "")

    def _ends_past(self, bucket: str, key: str, range: str) -> bool:
        end = re.fullmatch(r"bytes=\d+-(\d+)", range)
        if not end:
            return False
        head = self._pass_on("HEAD", bucket, key, "", {}, b"")
        return head.status_code == 200 and int(end[1]) >= int(head.headers["content-length"])

    def _pass_on(self, method: str, bucket: str, key: str, query: str, given: dict[str, str], body: bytes) -> requests.Response:
        """Signed anew, since MinIO is called another name."""
        own = "&".join(part for part in query.split("&") if not part.startswith("X-Amz-"))
        url = f"{self.minio.url}/{bucket}{'/' if key else ''}{key}" + (f"?{own}" if own else "")
        request = AWSRequest(method, url, {name: value for name, value in given.items() if name in _PASSED}, body)
        S3SigV4Auth(Credentials(self.minio.access_key, self.minio.secret_key), "s3", REGION).add_auth(request)
        prepared = requests.Request(method, url, dict(request.headers.items()), data=body).prepare()
        prepared.url = url  # as it was signed
        return self.session.send(prepared)

    def _native(self, response: requests.Response) -> Answer:
        if response.status_code == 412 and response.request.headers.get("if-none-match") == "*":
            return error(409, "FileAlreadyExists")
        headers = [(name, value.upper() if name.lower() == "etag" and self.dialect.upper_etags else value)
                   for name, value in response.headers.items() if name.lower() in _TOLD]
        is_xml = self.dialect.upper_etags and response.headers.get("content-type") == "application/xml"
        content = _DIGEST.sub(lambda found: found[0].upper(), response.content) if is_xml else response.content
        return Answer(response.status_code, [*headers, (f"x-{self.dialect.name}-request-id", "5C3D9175B6FC201293AD****")], content)


def error(status: int, code: str) -> Answer:
    body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{code}.</Message><RequestId>1</RequestId></Error>"
    return Answer(status, [("content-type", "application/xml")], body.encode())


def verified(oss: Oss, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> str:
    """AWS Signature Version 4, in a header or in the URL. What is wrong with it, as an error's code; empty: nothing."""
    arguments = dict(parse_qsl(query, keep_blank_values=True))
    presigned = "X-Amz-Signature" in arguments
    parsed = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=(\S+), ?SignedHeaders=(\S+), ?Signature=(\w+)", headers.get("authorization", ""))
    if presigned:
        credential, names, signature = (arguments[f"X-Amz-{part}"] for part in ("Credential", "SignedHeaders", "Signature"))
    elif parsed:
        credential, names, signature = parsed.groups()
    else:
        return "AccessDenied"
    moment = arguments["X-Amz-Date"] if presigned else headers.get("x-amz-date", "")
    payload = "UNSIGNED-PAYLOAD" if presigned else headers.get("x-amz-content-sha256", "")
    key_id, _, scope = credential.partition("/")
    token = arguments.get("X-Amz-Security-Token", "") if presigned else headers.get("x-amz-security-token", "")
    if key_id != oss.minio.access_key or token != oss.token:
        return "InvalidAccessKeyId"
    if abs(time.time() - timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ"))) > (int(arguments["X-Amz-Expires"]) if presigned else 900):
        return "RequestTimeTooSkewed"
    if not presigned and payload != hashlib.sha256(body).hexdigest():
        return "XAmzContentSHA256Mismatch"
    lines = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in names.split(";"))
    request = "\n".join([method, path, canonical(query), lines, names, payload])
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    return "" if hmac.compare_digest(signature, signed(oss.minio.secret_key, scope, text)) else "SignatureDoesNotMatch"


def canonical(query: str) -> str:
    pairs = [(quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, keep_blank_values=True)
             if name != "X-Amz-Signature"]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def signed(secret: str, scope: str, text: str) -> str:
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()
