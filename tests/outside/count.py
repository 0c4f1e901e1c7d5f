"""Counts the lines of each task in Kiln and of its peer: those that are neither blank nor comments, imports included.

The three lines around every Rust program do not count: `fn main() -> … {`, `Ok(())` and `}`. Neither do the checks of the test, after
the marker. Fails if a task needs more lines than its peer, apart from LONGER.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
# NumPy adds whole slices where Rust has a loop.
LONGER = {"plain_function"}
MARKER = "Checks of this test, not of the task."


def count(path):
    task, _, _ = path.read_text().partition(MARKER)
    comments = ("//", "fn main() ->") if path.suffix == ".rs" else ("#", '"""')
    lines = [line.strip() for line in task.splitlines()]
    return sum(line != "" and not line.startswith(comments) for line in lines)


total = [0, 0]
longer = []
print(f"{'task':<16}{'Kiln':>6}{'peer':>6}{'ratio':>8}")
for task in sorted((HERE / "tasks").glob("*.rs")):
    kiln, peer = count(task), count(HERE / "peers" / f"{task.stem}.py")
    total = [total[0] + kiln, total[1] + peer]
    longer += [task.stem] if kiln > peer and task.stem not in LONGER else []
    print(f"{task.stem:<16}{kiln:>6}{peer:>6}{kiln / peer:>8.2f}")
print(f"{'all':<16}{total[0]:>6}{total[1]:>6}{total[0] / total[1]:>8.2f}")
sys.exit(f"longer than the peer: {', '.join(longer)}" if longer else 0)
