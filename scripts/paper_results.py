"""Keep what `atrous paper` measured: a JSON file per folder in docs/papers, and the tables in docs/results.md.

    python scripts/paper_results.py OUT...

Each OUT is a folder that `atrous paper TABLE --out OUT` wrote; its file has its name. Only rows that were run stand in
the files; the tables of docs/results.md, between its two marks, are written anew from all of them.
"""

import json
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
TRAINING = ("iterations", "batch_size", "crop", "learning_rate")
"""Settings of the first row that can run, which those of the table are shares of."""

BEGIN, END = "<!-- tables of the papers: begin -->", "<!-- tables of the papers: end -->"


def kept(out: Path) -> dict:
    """Rows that were run, names of the others, statements with a measured difference, and the protocol."""
    rows = json.loads((out / "table.json").read_text())["rows"]
    done = [row for row in rows if row["ours"] is not None]
    diverged = {
        row["name"]: path.read_text().strip()
        for path in sorted(out.glob("rows/*/*-diverged.txt"))
        if (row := rows[int(path.parent.name.partition("-")[0]) - 1])["ours"] is None
    }
    statements = json.loads((out / "conclusions.json").read_text())["conclusions"]
    protocol = json.loads((out / "protocol.json").read_text())
    training = protocol["training"]
    return {
        "table": protocol["table"],
        "rows": done,
        "diverged": diverged,
        "not_run": [row["name"] for row in rows if row["ours"] is None and row["name"] not in diverged],
        "conclusions": [found for found in statements if found["ours"] is not None],
        "protocol": {name: protocol[name] for name in ("scale", "data", "software")},
        "training": {name: training[name] for name in ("backbone_weights", *TRAINING)},
    }


def shown(value: float | None, interval: list[float] | None, spec: str) -> str:
    """A number with its interval."""
    ends = f" ({interval[0]:{spec}} to {interval[1]:{spec}})" if interval else ""
    return "" if value is None else f"{value:{spec}}{ends}"


def scale(result: dict) -> str:
    """A sentence on the scale of a table."""
    chosen, training = result["protocol"]["scale"], result["training"]
    start, (height, width) = training["backbone_weights"], training["crop"]
    part = "head and decoder" if start else "all layers"
    narrowed = "" if chosen["width"] == 1 else f", {part} at width {chosen['width']:g}"
    return (
        f"{chosen['backbone'] or 'own network'} from {start or 'random weights'}{narrowed}; "
        f"{training['iterations']} steps of {training['batch_size']} crops of {height}x{width}, rate "
        f"{training['learning_rate']:g}, {chosen['seeds']} seed{'s' * (chosen['seeds'] > 1)}; "
        f"{result['protocol']['data']['validation']['images']} validation images."
    )


def section(name: str, result: dict) -> list[str]:
    """The Markdown of one table, below the name of its file."""
    lines = [f"### `{name}`", "", f"`atrous paper {result['table']}`: {scale(result)}", ""]
    lines += ["| row | paper | ours (95 %) | seconds |", "|---|---|---|---|"]
    for row in result["rows"]:
        paper = "" if row["paper"] is None else f"{row['paper']:.2f}"
        lines.append(
            f"| {row['name']} | {paper} | {shown(row['ours'], row['interval'], '.2f')} | {row['seconds']:.0f} |"
        )
    if result["conclusions"]:
        lines += ["", "| statement of the paper | paper | ours (95 %) | |", "|---|---|---|---|"]
    for found in result["conclusions"]:
        paper = "" if found["paper"] is None else f"{found['paper']:+.2f}"
        ours = shown(found["ours"], found["interval"], "+.2f")
        lines.append(f"| {found['statement']} | {paper} | {ours} | {found['verdict']} |")
    if result["diverged"]:
        lines += ["", *(f"Diverged: {name} ({text.partition(',')[0]})." for name, text in result["diverged"].items())]
    if result["not_run"]:
        lines += ["", f"Not run: {'; '.join(result['not_run'])}."]
    return [*lines, ""]


def tables() -> str:
    """The Markdown of all tables that are kept."""
    files = sorted((DOCS / "papers").glob("*.json"))
    kept_tables = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}
    return "\n".join(line for name, result in kept_tables.items() for line in section(name, result))


def main(folders: list[Path]) -> None:
    (DOCS / "papers").mkdir(exist_ok=True)
    for out in folders:
        result = kept(out)
        if result["rows"] or result["diverged"]:
            text = json.dumps(result, indent=1, ensure_ascii=False)
            (DOCS / "papers" / f"{out.resolve().name}.json").write_text(text + "\n", encoding="utf-8")
    results = DOCS / "results.md"
    before, rest = results.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    results.write_text(f"{before}{BEGIN}\n\n{tables()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:] if Path(folder, "table.json").exists()])
