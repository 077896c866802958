"""Adds restored pictures beside their originals in a photo server, through its API and that of ``jpegmend serve``.

    JPEGMEND_TOKEN=... PHOTO_SERVER_KEY=... python examples/photo_server.py http://photos.local:2283 --quality 60

Looks at every JPEG of the server once, restores those whose libjpeg quality, by tables or pixels, is at most
``--quality``, uploads the result with the original's dates, and stacks it under the original, which stays as it is.
What was looked at is noted in a file, so that a later run goes on. The API is that of Immich
(``/api/search/metadata``, ``/api/assets``, ``/api/stacks``); for another server, write its four calls into a class like
``Photos``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

JPEG = "image/jpeg"


class Photos:
    """The photo server.

    Args:
        address: such as ``http://photos.local:2283``.
        key: an API key that may read, upload and stack assets.
    """

    def __init__(self, address: str, key: str) -> None:
        self._http = httpx.Client(base_url=address, headers={"x-api-key": key}, timeout=120)

    def pictures(self) -> Iterator[dict[str, Any]]:
        """Every JPEG asset."""
        page: int | None = 1
        while page:
            asked = {"type": "IMAGE", "page": page, "size": 250}
            found = self._http.post("/api/search/metadata", json=asked).raise_for_status().json()["assets"]
            yield from (asset for asset in found["items"] if asset.get("originalMimeType", JPEG) == JPEG)
            page = int(found["nextPage"]) if found["nextPage"] else None

    def original(self, asset: dict[str, Any]) -> bytes:
        """The bytes of an asset's file."""
        return self._http.get(f"/api/assets/{asset['id']}/original").raise_for_status().content

    def upload(self, asset: dict[str, Any], name: str, data: bytes) -> str:
        """Upload a picture with the dates of an asset; returns the new asset's id."""
        facts = {
            "deviceId": "jpegmend",
            "deviceAssetId": f"jpegmend-{asset['id']}",
            "fileCreatedAt": asset["fileCreatedAt"],
            "fileModifiedAt": asset["fileModifiedAt"],
        }
        answer = self._http.post("/api/assets", data=facts, files={"assetData": (name, data)})
        return str(answer.raise_for_status().json()["id"])

    def stack(self, first: str, second: str) -> None:
        """Show two assets as one, the first on top."""
        self._http.post("/api/stacks", json={"assetIds": [first, second]}).raise_for_status()


class Mender:
    """``jpegmend serve``.

    Args:
        address: such as ``http://127.0.0.1:8017``.
        token: its token.
    """

    def __init__(self, address: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=900, trust_env=False
        )

    def quality(self, data: bytes) -> int | None:
        """The libjpeg quality by the tables or by the pixels, the lower of the two; None if neither is known."""
        facts = self._ask("/v1/inspect", data).json()
        known = [facts[key] for key in ("quality", "estimated_quality") if facts[key] is not None]
        return min(known, default=None)

    def restore(self, data: bytes, name: str, **options: str) -> bytes:
        """The restored picture."""
        return self._ask("/v1/restore", data, name=name, **options).content

    def _ask(self, path: str, data: bytes, **query: str) -> httpx.Response:
        while True:
            answer = self._http.post(path, params=query, content=data)
            if answer.status_code != 429:
                return answer.raise_for_status()
            time.sleep(int(answer.headers["Retry-After"]))


def add_restored(photos: Photos, mender: Mender, done: Path, *, quality: int, form: str) -> dict[str, int]:
    """Restore what needs it; returns the numbers of pictures restored, left and failed."""
    seen = set(done.read_text("utf-8").split()) if done.exists() else set()
    counts = {"restored": 0, "left": 0, "failed": 0}
    with done.open("a", encoding="utf-8") as notes:
        for asset in photos.pictures():
            if asset["id"] in seen or ".restored." in asset["originalFileName"]:
                continue
            try:
                outcome = _one(photos, mender, asset, quality, form)
            except httpx.HTTPStatusError as error:
                print(f"{asset['originalFileName']}: {error.response.status_code} {error.response.text[:200]}")
                counts["failed"] += 1
                continue
            counts[outcome] += 1
            notes.write(f"{asset['id']}\n")
            notes.flush()
    return counts


def _one(photos: Photos, mender: Mender, asset: dict[str, Any], quality: int, form: str) -> str:
    data, name = photos.original(asset), asset["originalFileName"]
    found = mender.quality(data)
    if found is None or found > quality:
        return "left"
    restored = mender.restore(data, name, format=form, mark="true")
    suffix = {"jpeg": ".jpg"}.get(form, f".{form}")
    added = photos.upload(asset, f"{Path(name).stem}.restored{suffix}", restored)
    photos.stack(asset["id"], added)
    print(f"{name}: quality {found}, restored")
    return "restored"


def main() -> int:
    """Run once over the whole server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", help="address of the photo server")
    parser.add_argument("--service", default="http://127.0.0.1:8017", help="address of jpegmend serve")
    parser.add_argument("--quality", type=int, default=60, help="greatest quality that is restored (60)")
    parser.add_argument("--format", default="jpeg", choices=("jpeg", "png", "webp", "tiff"))
    parser.add_argument("--done", type=Path, default=Path("photo-server-done.txt"), help="what was looked at")
    given = parser.parse_args()
    photos = Photos(given.server, os.environ["PHOTO_SERVER_KEY"])
    mender = Mender(given.service, os.environ["JPEGMEND_TOKEN"])
    counts = add_restored(photos, mender, given.done, quality=given.quality, form=given.format)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
