"""Bundles on S3: put one there, and see that what is there is what its manifest says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from emr.clients import explained
from emr.manifest import NAME, Manifest, parse_manifest, verify_parts
from streaming.aws import error_code
from streaming.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def split_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/prefix`` into bucket and prefix, the latter without slashes at its ends."""
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise UserError(f"{uri!r} is not an address on S3: write s3://BUCKET/PREFIX")
    return parts.netloc, parts.path.strip("/")


def upload_bundle(client: S3Client, folder: Path, to: str) -> str:
    """Put a bundle under ``to/<its identity>/`` and give that address.

    A bundle is never changed: an upload of the same one again writes the same objects. The manifest goes last, so
    that a bundle with a manifest is whole. S3 checks each upload against a SHA-256 that the client computes.
    """
    manifest = verify_parts(folder)
    bucket, prefix = split_uri(f"{to.rstrip('/')}/{manifest.identity}")
    for name in (*sorted(manifest.parts), NAME):
        with explained(f"upload {name} to {to}"):
            client.upload_file(
                str(folder / name), bucket, f"{prefix}/{name}", ExtraArgs={"ChecksumAlgorithm": "SHA256"}
            )
    return f"s3://{bucket}/{prefix}"


def fetch_manifest(client: S3Client, bundle: str) -> Manifest:
    """Read the manifest of a bundle on S3 and see that each part is there in its length."""
    bucket, prefix = split_uri(bundle)
    try:
        with explained(f"read {bundle}/{NAME}"):
            body = client.get_object(Bucket=bucket, Key=f"{prefix}/{NAME}")["Body"].read()
    except UserError as error:
        if not isinstance(error.__cause__, ClientError):
            raise
        raise UserError(
            f"{bundle} holds no bundle that can be read ({error_code(error.__cause__)}): make one with "
            "`soundgate emr bundle --upload s3://BUCKET/bundles` and pass the address that it prints"
        ) from error.__cause__
    manifest = parse_manifest(body, f"{bundle}/{NAME}")
    for name, part in manifest.parts.items():
        with explained(f"find {bundle}/{name}"):
            length = client.head_object(Bucket=bucket, Key=f"{prefix}/{name}")["ContentLength"]
        if length != part.bytes:
            raise UserError(f"{bundle}/{name} has {length} bytes, its manifest says {part.bytes}: upload it again")
    return manifest
