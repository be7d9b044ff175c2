"""Fill the tables of docs/performance.md and draw its charts from performance.json, the one place of their numbers.

python docs/charts/draw.py            # needs the extra `docs`
python docs/charts/draw.py --tables   # the tables only
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "performance.md"
OURS = "taskhub"
STORES = ("PostgreSQL", "SQLite")
LIGHT, DARK = "#1f2328", "#e6edf3"  # of words and lines, by the reader's theme
BARS = {True: "#2f81f7", False: "#8b949e"}  # ours, others: seen on white and on black
MARKER = "<!-- {}: {} -->"
CHARTS = (
    ("drain.svg", "drain", "Tasks a second that one worker drains", False),
    (
        "pickup.svg",
        "pickup_p50",
        "Milliseconds until an idle worker starts a task (logarithmic)",
        True,
    ),
)

Data = dict[str, Any]


def main(arguments: list[str]) -> None:
    data = read()
    PAGE.write_text(filled(PAGE.read_text(), data))
    if "--tables" not in arguments:
        for file, key, title, is_logarithmic in CHARTS:
            (HERE / file).write_text(chart(data, key, title, is_logarithmic=is_logarithmic))


def read() -> Data:
    return json.loads((HERE / "performance.json").read_text())


def filled(page: str, data: Data) -> str:
    """Return the page with the tables between its markers made anew."""
    for name, table in (
        ("targets", targets(data)),
        ("systems", systems(data)),
        ("machine", machine(data)),
        ("pages", pages(data)),
        ("tab", tab(data)),
    ):
        begin, end = MARKER.format(name, "begin"), MARKER.format(name, "end")
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{table}\n{end}{after}"
    return page


def targets(data: Data) -> str:
    """Return a line for each figure: its target, ours, and the best of the others on the same database."""
    rows = [["", "target", "taskhub, PostgreSQL", "best of the others on PostgreSQL"]]
    for metric in data["metrics"]:
        key, unit = metric["key"], metric["unit"]
        on_postgres = [one for one in ranked(data, metric) if one["store"] == "PostgreSQL"]
        ours = [one["figures"][key] for one in on_postgres if is_ours(one)]
        others = [one for one in on_postgres if not is_ours(one)]
        best = (
            f"{number(others[0]['figures'][key])} {unit} ({others[0]['name']})" if others else "–"
        )
        told = f"{number(ours[0])} {unit}" if ours else "–"
        rows.append([metric["label"], metric["target"] or "–", told, best])
    return markdown(rows)


def systems(data: Data) -> str:
    """Return a line for each system, by what keeps its tasks and by how fast it drains."""
    metrics = data["metrics"]
    rows = [["", "keeps tasks in", *(metric["head"] for metric in metrics)]]
    stores = list(dict.fromkeys(one["store"] for one in data["systems"]))
    for one in sorted(
        data["systems"],
        key=lambda one: (stores.index(one["store"]), -(one["figures"]["drain"] or 1e9)),
    ):
        name = " ".join(filter(None, (one["name"], one["version"])))
        setup = f" ({one['setup']})" if one["setup"] else ""
        figures = [number(one["figures"][metric["key"]]) for metric in metrics]
        rows.append(
            [f"**{name}**{setup}" if is_ours(one) else name + setup, one["store"], *figures]
        )
    return markdown(rows)


def pages(data: Data) -> str:
    """Return a line for each page of the dashboard, and where and when they were measured."""
    kinds = {"best": "ms", "cpu": "CPU ms", "statements": "statements"}
    rows = [["", *(f"{store}, {kind}" for store in STORES for kind in kinds.values())]]
    for page, found in data["pages"].items():
        figures = [found.get(store, {}).get(kind) for store in STORES for kind in kinds]
        rows.append([page, *map(number, figures)])
    where = "; ".join(data["pages_measured"].values())
    return f"{markdown(rows)}\n\nMeasured on {where}."


def tab(data: Data) -> str:
    """Return what one open tab costs."""
    kinds = {
        "look": "a look at the overview, ms", "statements": "statements a second",
        "cpu": "CPU of the web process, %", "database": "waiting for the database, %",
    }  # fmt: skip
    rows = [["", *STORES]]
    for kind, told in kinds.items():
        rows.append([told, *(number(data["tab"].get(store, {}).get(kind)) for store in STORES)])
    return markdown(rows)


def machine(data: Data) -> str:
    """Return a sentence about where and when it was measured."""
    told = ", ".join(f"{name} {value}" for name, value in data["machine"].items() if value)
    return f"Measured on {data['measured_on'] or 'different days'}, one machine: {told}."


def markdown(rows: list[list[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *body])


def number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def is_ours(system: Data) -> bool:
    return bool(system["name"] == OURS)


def ranked(data: Data, metric: Data) -> list[Data]:
    """Return the systems that have this figure, the best first."""
    key = metric["key"]
    known = [one for one in data["systems"] if one["figures"][key] is not None]
    return sorted(known, key=lambda one: one["figures"][key], reverse=metric["better"] == "more")


def chart(data: Data, key: str, title: str, *, is_logarithmic: bool) -> str:
    """Return an SVG with a bar for each system, the best on top."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": key, "font.family": "sans-serif"})
    [metric] = [metric for metric in data["metrics"] if metric["key"] == key]
    found = ranked(data, metric)[::-1]
    values = [one["figures"][key] for one in found]
    figure, axes = plt.subplots(figsize=(8, 0.32 * len(found) + 0.8), layout="constrained")
    bars = axes.barh(
        [f"{one['name']} ({one['store']})" for one in found],
        values,
        color=[BARS[is_ours(one)] for one in found],
        height=0.72,
        log=is_logarithmic,
    )
    axes.bar_label(bars, [number(value) for value in values], padding=4, fontsize=9)
    axes.set_title(title, loc="left", fontsize=11)
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.xaxis.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.margins(y=0.01)
    axes.set_xlim(
        0.5 if is_logarithmic else 0, max(values, default=1) * (2 if is_logarithmic else 1.1)
    )
    path = HERE / f"{key}.tmp"
    figure.savefig(path, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    svg = path.read_text()
    path.unlink()
    return themed(svg, title)


def themed(svg: str, title: str) -> str:
    """Let the reader's theme colour the words; what reads the page aloud gets the title."""
    style = (
        f"<title>{title}</title><style>text {{ fill: {LIGHT} !important }} "
        f"@media (prefers-color-scheme: dark) {{ text {{ fill: {DARK} !important }} }}</style>"
    )
    head, opened, rest = svg.partition("<svg ")
    attributes, closed, body = rest.partition(">")
    lines = f"{head}{opened}{attributes}{closed}\n {style}{body}".splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
