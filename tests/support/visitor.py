"""Somebody in front of a browser: goes to pages, fills forms, presses buttons, and sees what is there."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.chromium import Tab
from tests.support.node import installed_packages

AXE = Path(__file__).parents[1] / "end_to_end" / "console" / "package-lock.json"
DESKTOP = (1280, 800)
PHONE = (390, 844)
SERIOUS = frozenset({"serious", "critical"})

# Looks again and again: pages change by themselves.
UNTIL = """
    new Promise((done) => {
      const until = Date.now() + 60000;
      const look = () => {
        let found;
        try { found = EXPRESSION; } catch { found = null; }
        if (found || Date.now() > until) done(found ?? null); else setTimeout(look, 30);
      };
      look();
    })
"""


class Visitor:
    """Whoever looks at one gateway's pages."""

    def __init__(self, tab: Tab, address: str) -> None:
        self.tab = tab
        self.address = address
        for domain in ("Network", "Runtime", "Log"):
            tab.call(f"{domain}.enable")
        self.resize(DESKTOP)

    def open(self, path: str) -> None:
        """Goes to a page of the gateway."""
        self.tab.events.clear()
        self.tab.open(f"{self.address}{path}")

    def resize(self, size: tuple[int, int]) -> None:
        """Gives the window another size; narrow ones are phones."""
        width, height = size
        self.tab.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < DESKTOP[0],
        )

    def scheme(self, word: str) -> None:
        """Prefers `light` or `dark`."""
        self.tab.call(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": word}]
        )

    def leave(self) -> None:
        """Ends the page, which may be asking for something just now, and forgets who one was."""
        self.tab.open("about:blank")
        self.tab.call("Network.clearBrowserCookies")

    def sign_in(self, key: str, path: str = "/console") -> None:
        """Begins anew with this key, by the form."""
        self.leave()
        self.open(f"/console/sign-in?next={path}")
        self.fill("#key", key)
        self.press("main form button")

    def fill(self, selector: str, value: str) -> None:
        """Types into a field, or chooses in a list."""
        self.run(
            f"const field = document.querySelector({json.dumps(selector)});"
            f"field.value = {json.dumps(value)};"
            'field.dispatchEvent(new Event("input", {bubbles: true}));'
            'field.dispatchEvent(new Event("change", {bubbles: true}));'
        )

    def press(self, selector: str) -> None:
        """Presses what leads to another page, and waits for that; says yes to every question."""
        self.run("window.confirm = () => true;")
        before = len(self.tab.events)
        self.click(selector)
        self.tab.until_loaded(since=before)

    def click(self, selector: str) -> None:
        """Presses what changes this page."""
        self.run(f"document.querySelector({json.dumps(selector)}).click();")

    def run(self, script: str) -> Any:
        """The value of statements in the page, should they return one."""
        return self.tab.run(f"(async () => {{ {script} }})()")

    def until(self, expression: str) -> Any:
        """The value of an expression in the page, once it is true; of an element say `!!`."""
        found = self.tab.run(UNTIL.replace("EXPRESSION", expression))
        assert found, f"never came: {expression}\n{self.text()}"
        return found

    def text(self, selector: str = "body") -> str:
        """What is to be read there."""
        return str(self.tab.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def texts(self, selector: str) -> list[str]:
        """The same of all that there are."""
        found = f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.innerText.trim())"
        return list(self.tab.run(found))

    @property
    def path(self) -> str:
        """Where one is, with the query."""
        return str(self.tab.run("location.pathname + location.search"))

    def faults(self) -> list[str]:
        """What the page did wrong since it was opened: errors, and whatever was blocked."""
        told = []
        for event in self.tab.events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                told.append(str(params["exceptionDetails"].get("exception", {}).get("description")))
            if event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
                told.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        return told

    def strangers(self) -> list[str]:
        """Addresses of other hosts that the browser was made to ask."""
        asked = [
            event["params"]["request"]["url"]
            for event in self.tab.events
            if event["method"] == "Network.requestWillBeSent"
        ]
        own = urlsplit(self.address).netloc
        return [
            url for url in asked if urlsplit(url).netloc != own and not url.startswith(("data:", "blob:"))
        ]

    def loaded_bytes(self) -> int:
        """How much the page and all that belongs to it weighed on the wire."""
        return sum(
            int(event["params"]["encodedDataLength"])
            for event in self.tab.events
            if event["method"] == "Network.loadingFinished"
        )

    def barriers(self) -> list[str]:
        """What axe-core finds serious: what keeps people from using the page."""
        axe = installed_packages(AXE) / "axe-core" / "axe.min.js"
        self.tab.call("Runtime.evaluate", expression=axe.read_text())
        found = self.tab.run("axe.run(document, {resultTypes: ['violations']}).then((all) => all.violations)")
        return [
            f"{one['id']}: {node['html'][:200]} ({node.get('failureSummary', '')})"
            for one in found
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]

    def is_wider_than_window(self) -> bool:
        """Whether the page has to be pushed from side to side."""
        # A phone's own `innerWidth` grows with what does not fit.
        root = "document.documentElement"
        return bool(self.tab.run(f"{root}.scrollWidth > {root}.clientWidth"))

    def check_page(self) -> None:
        """What every page of ours keeps: no fault, no stranger, no barrier, on a desk and on a phone."""
        assert self.faults() == []
        assert self.strangers() == []
        assert self.barriers() == []
        self.resize(PHONE)
        try:
            assert not self.is_wider_than_window()
            self.scheme("dark")
            assert self.barriers() == []
        finally:
            self.scheme("light")
            self.resize(DESKTOP)

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """A picture of the page."""
        taken = self.tab.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(b64decode(taken["data"]))
