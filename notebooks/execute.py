"""Runs the notebook on a finished OUT_DIR, without a browser.

    python notebooks/execute.py OUT_DIR [--figures DIR]

Fails on the first cell that fails, and when a figure is missing: three for every run, two more where the groups
were compared. With --figures, writes each figure as PNG.
"""

import argparse
import base64
import json
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOK = Path(__file__).with_name("read_a_finished_run.ipynb")


def main():
    arguments = parsed_arguments()
    out = arguments.out_dir.resolve()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    os.environ["NULLCLINE_OUT"] = str(out)
    try:
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    except CellExecutionError as error:
        sys.exit(f"the notebook failed on {out}:\n{error}")
    figures = figures_of(notebook)
    if arguments.figures:
        write(figures, arguments.figures)
    needed = figures_needed(out)
    if len(figures) < needed:
        sys.exit(f"need {needed} figures, found {len(figures)}")
    print(f"{len(figures)} figures")


def parsed_arguments():
    parser = argparse.ArgumentParser(description="Run the notebook on a finished OUT_DIR.")
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write each figure as PNG")
    return parser.parse_args()


def figures_of(notebook):
    """The PNG images among the outputs, in order."""
    return [
        base64.b64decode(output["data"]["image/png"])
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def figures_needed(out):
    path = out / "group/group_desc-comparison_statistics.json"
    compared = path.exists() and json.loads(path.read_text())["comparison"] is not None
    return 5 if compared else 3


def write(figures, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for number, png in enumerate(figures, start=1):
        (folder / f"figure{number}.png").write_bytes(png)


if __name__ == "__main__":
    main()
