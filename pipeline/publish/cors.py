"""CORS: the rule that lets pages of any origin read a bucket, to be pasted. It opens no file."""

import json

_HEADERS = ["ETag", "Content-Length", "Content-Range", "Accept-Ranges"]
_MAX_AGE_SECONDS = 86400
_S3_RULE = {
    "AllowedOrigins": ["*"],
    "AllowedMethods": ["GET", "HEAD"],
    "AllowedHeaders": ["Range", "If-None-Match"],
    "ExposeHeaders": _HEADERS,
    "MaxAgeSeconds": _MAX_AGE_SECONDS,
}
_GS_RULE = {
    "origin": ["*"],
    "method": ["GET", "HEAD"],
    "responseHeader": ["Content-Type", *_HEADERS],
    "maxAgeSeconds": _MAX_AGE_SECONDS,
}


def describe_cors(target: str | None) -> str:
    """Return the instructions that let pages of every origin read the published zoo.

    For a bucket that is a command with its JSON, else "let the server send with every file: …".

    Args:
        target: The target as people write it; None where it is not known.
    """
    scheme, _, rest = (target or "").partition("://")
    bucket = rest.partition("/")[0]
    if scheme in {"s3", "s3a"}:
        command = (
            f"aws s3api put-bucket-cors --bucket {bucket} --cors-configuration file://cors.json"
        )
        rule = {"CORSRules": [_S3_RULE]}
        note = "on Cloudflare R2 the list alone, under Settings, CORS policy"
    elif scheme in {"gs", "gcs"}:
        command = f"gcloud storage buckets update gs://{bucket} --cors-file=cors.json"
        return f"save as cors.json and run: {command}\n{json.dumps([_GS_RULE], indent=2)}"
    else:
        return "let the server send with every file: Access-Control-Allow-Origin: *"
    return f"save as cors.json and run: {command}\n({note})\n{json.dumps(rule, indent=2)}"
