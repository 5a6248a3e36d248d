"""Time an exported page in headless Chromium: `python benchmarks/web_page.py FOLDER`, on one thread and on several.

The image is generated, of unsigned bytes, and goes through the page's own modules: from bytes in memory to class ids.
"""

import os
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from playwright.sync_api import Browser, sync_playwright

TIME = """async ([side, runs]) => {
  const { Network, THREADS } = await import("./network.js");
  const about = await (await fetch("model.json")).json();
  const network = new Network(about.file, "wasm", () => {});
  await network.open();
  const times = [];
  for (let run = 0; run < runs; run++) {
    const pixels = Uint8Array.from({ length: side * side * 3 }, (_, place) => (place * 2654435761) >>> 24);
    times.push((await network.compute({ pixels, width: side, height: side })).milliseconds);
  }
  return { times, threads: THREADS, name: about.name };
}"""


@dataclass(frozen=True)
class Options:
    """Time an exported page in headless Chromium, on one thread and on several."""

    folder: tyro.conf.Positional[Path]
    """Folder that `atrous export --format web` has written."""
    side: int = 513
    """Height and width of the image in pixels."""
    runs: int = 9
    """Images; the first, which also allocates memory, is left out."""
    chromium: Path = Path("/usr/bin/chromium")
    """Program of the browser."""


def time_page(browser: Browser, command: Sequence[str], options: Options) -> None:
    """Print the times of one server's page."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        port = re.findall(r"(?:127\.0\.0\.1:|port )(\d+)", server.stdout.readline())[0]
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        found = page.evaluate(TIME, [options.side, options.runs])
        page.close()
        server.terminate()
    times = sorted(found["times"][1:])
    print(
        f"{found['name']} {options.side}x{options.side} {found['threads']} threads: "
        f"median {statistics.median(times):.0f} ms, least {times[0]:.0f} ms, most {times[-1]:.0f} ms; "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    )


def main(options: Options) -> None:
    """Time both ways of serving the folder."""
    plain = ("-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(options.folder))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        print(f"Chromium {browser.version}")
        for arguments in (plain, (str(options.folder / "serve.py"), "0")):
            time_page(browser, [sys.executable, *arguments], options)
        browser.close()


if __name__ == "__main__":
    main(tyro.cli(Options))
