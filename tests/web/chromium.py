"""The browser in which the page is tested, and what tests do in it."""

import base64
import shutil
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP photos.example 127.0.0.1",
]
SLOW = 60_000
"""Milliseconds that a restoration may take on a busy machine."""
DROP = """([kind, files]) => {
  const transfer = new DataTransfer();
  for (const [name, text] of files) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  }
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
    : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""


def give(page: Any, *files: tuple[str, bytes], kind: str = "drop") -> None:
    """Drop or paste files."""
    page.evaluate(DROP, [kind, [[name, base64.b64encode(data).decode()] for name, data in files]])


def ready(page: Any) -> Any:
    """The stage, when before and after are shown."""
    page.locator("#stage[data-ready]").wait_for()
    return page.locator("#stage")


def style(page: Any, selector: str, name: str) -> str:
    found: str = page.eval_on_selector(selector, f"element => getComputedStyle(element).{name}")
    return found


def save(page: Any, button: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.locator(button).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def serious(page: Any) -> list[str]:
    """What axe-core finds serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
