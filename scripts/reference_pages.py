"""Write docs/reference/cli.md from what `atrous VERB --help` prints: run after a change of a verb's options.

python scripts/reference_pages.py            # write
python scripts/reference_pages.py --check    # exit status 1 where the page is not what would be written
"""

import contextlib
import html
import importlib
import io
import os
import re
import sys
from pathlib import Path

os.environ.update(COLUMNS="119", NO_COLOR="1")  # tyro sets boxes side by side in wider terminals

from atrous.cli.main import ALIASES, VERBS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"
QUICKEST = re.compile(r"(--precision {float32,.*?)\(default: \w+\)")  # the recipe's default is the machine's
BOX, RULE, CELL = re.compile(r"^╭─ (.*?) ─*╮$"), re.compile(r"^│ ─+ │$"), re.compile(r"^│ (.*?) *│$")
HEAD = """# Command line

Every option is a field of a dataclass in `src/atrous/cli/`; this page is written from them by
`scripts/reference_pages.py`. `atrous VERB --help` prints the same (`atrous train --help-all`), and an unknown option is
answered with the most similar one. `atrous --version` prints versions and the device.

Exit status: 0 after success, 1 where `atrous doctor` found an error or left something out, 2 after bad input, with one
line that names file, value and remedy, 130 after an interrupt.
"""


def help_text(verb):
    """What the verb prints for --help-all."""
    shown = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # tyro draws boxes where letters allow it
    flag = "--help-all" if verb == "train" else "--help"
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        importlib.import_module(f"atrous.cli.{verb}").main([flag])
    shown.flush()
    return shown.buffer.getvalue().decode()


def escaped(text):
    """Text for a cell of a Markdown table."""
    return (
        text.replace("\\", "\\\\")
        .replace("|", "\\|")
        .replace("<", "&lt;")
        .replace("*", "\\*")
        .replace(" (default: )", "")
        .strip()
    )


def code(text):
    """Text for a code element, in which no sign of Markdown or of a table means anything."""
    return html.escape(text).replace("|", "&#124;").replace("*", "&#42;").replace("_", "&#95;")


def boxes(lines):
    """Title, description and (option, meaning) rows of each box that tyro draws."""
    title, cells = None, []
    for line in lines:
        if match := BOX.match(line):
            title, cells = match[1], []
        elif line.startswith("╰"):
            yield title, *parts(cells)
        elif title is not None:
            cells.append("─" if RULE.match(line) else CELL.match(line)[1])


def parts(cells):
    """Description above the rule, and rows below it."""
    rule = cells.index("─") if "─" in cells else -1
    rows = []
    for cell in cells[rule + 1 :]:
        option, _, meaning = cell.partition("  ")
        if cell.startswith(" "):
            rows[-1][1] = f"{rows[-1][1]} {cell.strip()}".strip()
        else:
            rows.append([option, meaning.strip()])
    return " ".join(cells[: max(rule, 0)]), rows


def section(verb):
    """Markdown of one verb."""
    text = help_text(verb)
    before, _, _ = text.partition("╭")
    usage, _, prose = before.partition("\n\n")
    prose, _, example = prose.partition("Example: ")
    out = [f"\n## atrous {verb}\n", f"`{' '.join(usage.removeprefix('usage: ').split())}`\n"]
    out += [escaped(" ".join(paragraph.split())) + "\n" for paragraph in prose.split("\n\n") if paragraph.strip()]
    if example.strip():
        out.append(f"```sh\n{' '.join(example.split())}\n```\n")
    for title, description, rows in boxes(text.splitlines()):
        rows = [row for row in rows if not row[0].startswith("-h")]
        if not rows:
            continue
        name = title.removesuffix(" options").capitalize() if title != "options" else "Options"
        out.append(f"### {verb}: {name.lower()}\n")
        if description:
            out.append(escaped(description) + "\n")
        out += ["| option | meaning |", "|---|---|"]
        out += [f"| <code>{code(option)}</code> | {escaped(meaning)} |" for option, meaning in rows]
        out.append("")
    return QUICKEST.sub(r"\1(default: the quickest of the device)", "\n".join(out))


def page():
    """The whole page."""
    aliases = ", ".join(f"`{alias}` for `{verb}`" for alias, verb in ALIASES.items())
    verbs = "\n".join(f"| [`{verb}`](#atrous-{verb}) | {summary} |" for verb, summary in VERBS.items())
    summary = f"\n| verb | does |\n|---|---|\n{verbs}\n\nOther programs' names are understood: {aliases}.\n"
    return HEAD + summary + "".join(section(verb) for verb in VERBS)


if __name__ == "__main__":
    written = page()
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text() == written else f"{PAGE.name} is old: python {sys.argv[0]}")
    PAGE.write_text(written)
