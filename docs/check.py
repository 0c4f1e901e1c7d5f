#!/usr/bin/env python3
"""Checks that the guide is true.

    python3 docs/check.py --kiln PATH/TO/kiln [--page tasks/vae.md …]

1. Runs the `sh` blocks of each page, in order, in a temporary folder. Lines that start with `cargo` are left out, and lines that train
   on MNIST unless KILN_DATA_DIR names a folder that holds it.
2. Runs the Python snippets, if NumPy and safetensors are installed; with PyTorch and JAX if they are.
3. Checks links, pictures and their sizes, cited tests, and that each `--flag` exists.

A comment before a block changes what is done with it:

    <!-- check: skip (reason) -->        the block is not run
    <!-- check: exit 2 -->               the block's last command ends with this code
    <!-- check: files NAME … -->         the files are made first (from FILES below, or from src/snippets)
    <!-- check: runs vae exam … -->      $RUN and the word RUN name a run of that model; several are made in turn
    <!-- check: python -->               a `python` block is run, with the same folder
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DOCS = Path(__file__).resolve().parent
SRC = DOCS / "src"
REPOSITORY = DOCS.parent
LARGEST_PICTURE = 60 * 1024

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[a-z]*)[^\n]*\n(?P<body>.*?)^(?P=indent)```$", re.M | re.S)
DIRECTIVE = re.compile(r"<!-- check: (.*?) -->\s*\Z", re.S)

# Small tables that pages use. `n` are weights, `z` is text.
ROWS = [
    (x, w, n, "yes" if (7 * x + 5 * w + i * 3) % 11 > 5 else "no", "a" if i % 3 else "b")
    for i, (x, w, n) in enumerate(((k * 37 % 50) / 10, (k * 17 % 40) / 8, 1 + k % 3) for k in range(60))
]
FILES = {
    "my.csv": "x,w,n,y\n" + "".join(f"{x},{w},{n},{y}\n" for x, w, n, y, _ in ROWS),
    "new.csv": "x,w,n\n" + "".join(f"{x},{w},{n}\n" for x, w, n, _, _ in ROWS[:5]),
    "points.csv": "a,b\n" + "".join(f"{(k * 37 % 10) / 10 + 3 * (k % 2)},{(k * 53 % 10) / 9 + 4 * (k % 2)}\n" for k in range(80)),
}
# How to make the run that stands for RUN on a page.
RUNS = {
    "vae": "kiln train vae --epochs 1 --hidden-dim 16 --latent-dim 4 --quiet --out RUN",
    "logistic": "kiln train logistic --data my.csv --target y --test-fraction 0.2 --quiet --out RUN",
    "optimiser": "kiln train logistic --data my.csv --target y --optimizer adam --epochs 3 --quiet --out RUN",
    "gmm": "kiln train gmm --data points.csv --quiet --out RUN",
    "svm": "kiln train svm --quiet --out RUN",
}


class Failures(list):
    def add(self, where, what):
        print(f"FAILED {where}: {what}", flush=True)
        self.append(where)


def blocks(text):
    """Each fenced block: its directives, language, body and line."""
    for match in FENCE.finditer(text):
        directives, before = [], text[: match.start()]
        while found := DIRECTIVE.search(before):
            # The last comment only: `.*?` may have begun in an earlier one.
            words = found.group(0).rsplit("<!-- check: ", 1)[1].split("-->")[0].strip()
            directives.insert(0, words)
            before = before[: before.rindex("<!-- check: ")]
        indent = match["indent"]
        body = "".join(line.removeprefix(indent) for line in match["body"].splitlines(keepends=True))
        yield directives, match["language"], body, text[: match.start()].count("\n") + 1


def run(script, folder, environment, python=None):
    command = [python, "-c", script] if python else ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=540)


def to_run(script, has_mnist):
    """The script without lines that build, and without those that need MNIST where it is not at hand."""
    left_out = ("cargo ",) if has_mnist else ("cargo ", "kiln train vae --data mnist", "kiln train logistic --data mnist")
    return "".join(line for line in script.splitlines(keepends=True) if not line.startswith(left_out))


def make_file(name, folder):
    if name in FILES:
        (folder / name).write_text(FILES[name])
    else:
        shutil.copy(SRC / "snippets" / name, folder / name)


def check_commands(page, arguments, failures):
    text = page.read_text()
    name = page.relative_to(DOCS.parent)
    count = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = f"{Path(arguments.kiln).resolve().parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path}
        has_mnist = (Path(environment.get("KILN_DATA_DIR", "/nowhere")) / "mnist").is_dir()
        for directives, language, body, line in blocks(text):
            words = [directive.split() for directive in directives]
            if any(first == "skip" for first, *_ in words):
                continue
            code, runs = 0, [None]
            for first, *rest in words:
                if first == "exit":
                    code = int(rest[0])
                if first == "files":
                    for file in rest:
                        make_file(file, folder)
                if first == "runs":
                    runs = rest
            if language == "python" and ["python"] in words:
                result = run(body, folder, environment, python=sys.executable)
                count += 1
                if result.returncode != 0:
                    failures.add(f"{name}:{line}", result.stderr[-1500:])
                continue
            if language != "sh":
                continue
            for kind in runs:
                script = to_run(body, has_mnist)
                if kind:
                    for file in FILES:
                        make_file(file, folder)
                    shutil.rmtree(folder / "RUN", ignore_errors=True)
                    made = run(RUNS[kind], folder, environment)
                    if made.returncode != 0:
                        failures.add(f"{name}:{line}", f"the {kind} run: {made.stderr}")
                        continue
                result = run(script, folder, environment)
                count += 1
                if result.returncode != code:
                    failures.add(f"{name}:{line}", f"exit code {result.returncode}, expected {code}\n{script}{result.stderr[-1500:]}")
    if count:
        print(f"{name}: {count} blocks run", flush=True)


def all_flags(kiln):
    """Each flag of each command, and the commands."""
    seen, flags, todo = set(), set(), [()]
    while todo:
        command = todo.pop()
        text = subprocess.run([kiln, *command, "--help"], capture_output=True, text=True).stdout
        flags.update(re.findall(r"--[a-z][a-z0-9-]*", text))
        section = re.search(r"^Commands:\n(.*?)\n\n", text, re.M | re.S)
        for found in re.findall(r"^  ([a-z][a-z-]*) ", section.group(1) if section else "", re.M):
            if found != "help" and (*command, found) not in seen:
                seen.add((*command, found))
                todo.append((*command, found))
    return flags, {" ".join(command) for command in seen}


# Flags of other programs that pages name.
FOREIGN = {"--workspace", "--release", "--path", "--features", "--locked", "--rename", "--example", "--bench", "--open", "--no-deps",
           "--no-default-features", "--logdir", "--doc", "--python", "--data", "--kiln", "--page", "--jobs", "--test", "--index-url", "--version", "--help",
           "--allow-run-as-root", "--hostfile", "--map-by", "--mca", "--mpi", "--nodes", "--ntasks-per-node", "--cpus-per-task", "--time", "--signal"}


def check_text(page, flags, commands, failures):
    text, name = page.read_text(), page.relative_to(REPOSITORY)
    prose = FENCE.sub("", text)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        if not path.exists():
            failures.add(name, f"the link {target} leads nowhere")
        elif anchor and path.suffix == ".md":
            titles = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            if anchor not in anchors:
                failures.add(name, f"the link {target}: no such heading")
        elif path.suffix == ".png" and path.stat().st_size > LARGEST_PICTURE:
            failures.add(name, f"{target} has {path.stat().st_size} bytes")
    for file, tests in re.findall(r"`((?:tests|crates)/[\w/.-]+\.rs)`((?:,? `[a-z0-9_]+`)*)", prose):
        path = REPOSITORY / file
        if not path.is_file():
            failures.add(name, f"{file} is not there")
            continue
        for test in re.findall(r"`([a-z0-9_]+)`", tests):
            if not re.search(rf"\b{test}\b", path.read_text()):
                failures.add(name, f"{file} has no {test}")
    for example in re.findall(r"`examples/([\w]+\.rs)`|--example ([\w]+)", text):
        file = (example[0] or f"{example[1]}.rs")
        if not (REPOSITORY / "examples" / file).is_file():
            failures.add(name, f"there is no example {file}")
    if flags:
        code = " ".join(re.findall(r"`[^`\n]+`", prose)) + "".join(b for _, language, b, _ in blocks(text) if language == "sh")
        for flag in sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", code)) - flags - FOREIGN):
            failures.add(name, f"no command has the flag {flag}")
        for command in sorted(set(re.findall(r"\bkiln ((?:train |lr-find |latent )?[a-z][a-z-]*)", code))):
            if command not in commands and command.split()[0] not in commands:
                failures.add(name, f"there is no command kiln {command}")


def check_summary(failures):
    listed = set(re.findall(r"\]\(([^)]+\.md)\)", (SRC / "SUMMARY.md").read_text()))
    there = {str(path.relative_to(SRC)) for path in SRC.rglob("*.md")} - {"SUMMARY.md"}
    for page in sorted(listed ^ there):
        failures.add("SUMMARY.md", f"{page} is {'missing' if page in listed else 'not listed'}")


def check_python(arguments, failures):
    """The snippet against the picture that `kiln reconstruct` writes, for a VAE that is trained here."""
    try:
        import numpy
        import safetensors  # noqa: F401
    except ImportError:
        print("Python snippets: not run, numpy and safetensors are not installed")
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        kiln = [str(Path(arguments.kiln).resolve())]
        subprocess.run([*kiln, "train", "vae", "--epochs", "2", "--hidden-dim", "32,16", "--activation", "relu", "--latent-dim", "4",
                        "--quiet", "--out", "run"],
                       cwd=folder, check=True)
        result = subprocess.run([sys.executable, SRC / "snippets/load_vae.py", "run"], cwd=folder, capture_output=True, text=True)
        print(result.stdout, end="")
        differences = [float(number) for number in re.findall(r"from numpy (\S+)", result.stdout)]
        if result.returncode != 0 or not differences or max(differences) > 1e-5:
            failures.add("snippets/load_vae.py", result.stderr or result.stdout)
            return
        difference = beside_the_picture(folder / "run", numpy)
        print(f"numpy beside reconstructions.png: largest difference {difference:.4f}, half a grey level is {0.5 / 255:.4f}")
        if difference > 0.5 / 255 + 1e-5:
            failures.add("snippets/load_vae.py", "the reconstructions are not those of kiln reconstruct")


def beside_the_picture(run_folder, numpy):
    """The largest difference between the snippet's reconstructions and those in the picture of 16 images of 8×8 pixels."""
    sys.path.insert(0, str(SRC / "snippets"))
    import load_vae
    from safetensors.numpy import load_file

    grid = read_png(run_folder / "reconstructions.png", numpy) / 255
    # Cells of 48 pixels with gaps of 2; each pixel of an image is a square of 6.
    cell = lambda row, column: grid[2 + 50 * row + 3 : 50 * (row + 1) : 6, 2 + 50 * column + 3 : 50 * (column + 1) : 6]
    above, below = (numpy.stack([cell(row, column).reshape(64) for column in range(16)]) for row in (0, 1))
    # The digits have 17 grey levels, k/16: the picture's bytes are rounded, the pixels are not.
    images = (numpy.round(above * 16) / 16).astype(numpy.float32)
    weights = load_file(run_folder / "model.safetensors")
    return float(numpy.abs(load_vae.reconstruct_numpy(weights, images) - below).max())


def read_png(path, numpy):
    """An 8-bit grey PNG without interlacing, as floats [height, width]."""
    import struct
    import zlib

    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        chunk = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height = struct.unpack(">II", chunk[:8])
        if kind == b"IDAT":
            packed += chunk
        at += 12 + length
    raw = numpy.frombuffer(zlib.decompress(packed), numpy.uint8).reshape(height, width + 1)
    rows = numpy.zeros((height, width), numpy.uint8)
    for y in range(height):
        method, line = raw[y, 0], raw[y, 1:]
        for x in range(width):
            a = int(rows[y, x - 1]) if x else 0
            b = int(rows[y - 1, x]) if y else 0
            c = int(rows[y - 1, x - 1]) if x and y else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            rows[y, x] = (int(line[x]) + [0, a, b, (a + b) // 2, paeth][method]) % 256
    return rows.astype(float)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kiln", help="the binary; without it no command is run")
    parser.add_argument("--page", action="append", help="a page, relative to docs/src; all pages by default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="pages whose commands run at a time; one per core by default")
    arguments = parser.parse_args()
    failures = Failures()
    pages = [SRC / page for page in arguments.page or []] or [REPOSITORY / "README.md", REPOSITORY / "README.zh.md", *sorted(SRC.rglob("*.md"))]
    pages = [page for page in pages if page.name != "SUMMARY.md" and page.exists()]
    flags, commands = all_flags(arguments.kiln) if arguments.kiln else (set(), set())
    check_summary(failures)
    for page in pages:
        check_text(page, flags, commands, failures)
    if arguments.kiln:
        # Each page has its own folder. Most commands use one core.
        with ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(lambda page: check_commands(page, arguments, failures), pages))
        if not arguments.page:
            check_python(arguments, failures)
    print(f"{len(pages)} pages: {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
