#!/usr/bin/env python3
"""Counts the public types that a user constructs, and those with a tested example in their documentation.

    python3 docs/examples.py            fails below 90%, and if the front page of the documentation lacks a link to one of them
    python3 docs/examples.py --list     also names every type

A user constructs any public enum, and a struct that implements `Default` or `From`, derives Burn's `Config`, or has an associated
function without `self` that returns it. Errors do not count, nor do the types in RETURNED, which Kiln returns. An example counts
in the documentation of the type or of one of its associated functions.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ["src", *(f"crates/kiln-{name}/src" for name in ("tensor", "dist", "optim", "data", "train", "models"))]
SHARE = 0.9

# Results, and the state of the solvers, which they make themselves.
RETURNED = {"ColumnKind", "Evaluations", "First", "Heading", "Inertia", "Memory", "Move", "Origin", "PixelDistribution"}
RETURNED |= {"Presence", "Status", "SviStatus", "TrainStatus"}

TYPE = re.compile(r"pub (struct|enum) (\w+)")
IMPL = re.compile(r"impl(?:<.*?>)? (?:([\w:]+)(?:<.*>)? for )?(\w+)")
FAMILY = re.compile(r"    (\w+) \{$")
FUNCTION = re.compile(r"\s+pub (?:const )?fn \w+")
FENCES = {"```", "```rust", "```no_run", "```rust,no_run"}


def documentation(lines, at):
    """The attributes and comments above a line."""
    first = at
    while first and lines[first - 1].lstrip().startswith(("///", "#[")):
        first -= 1
    return [line.strip() for line in lines[first:at]]


def has_example(lines):
    fences = [line[3:].strip() for line in lines if line.startswith("///") and line[3:].strip().startswith("```")]
    return any(fence in FENCES for fence in fences[::2])


def returns_itself(lines, at, name):
    """Whether the function at this line makes a value of the type without having one."""
    signature = ""
    for line in lines[at : at + 15]:
        signature += line.strip() + " "
        if line.rstrip().endswith("{"):
            break
    arguments, _, result = signature[signature.index("(") :].partition("->")
    takes_self = re.match(r"\(\s*(&\s*)?(mut )?self\b", arguments)
    return not takes_self and re.search(rf"\bSelf\b|\b{name}\b", result) is not None


def types_of(folder):
    """The public types of a crate: name, whether a user makes it, whether there is an example, where."""
    types, impls = {}, []
    for path in sorted((ROOT / folder).rglob("*.rs")):
        lines = path.read_text().split("#[cfg(test)]\nmod ")[0].split("\n")
        own = None
        for at, line in enumerate(lines):
            if match := TYPE.match(line):
                above = documentation(lines, at)
                derives = any(re.search(r"\b(Default|Config)\b", each) for each in above if each.startswith("#[derive"))
                where = f"{path.relative_to(ROOT)}:{at + 1}"
                types[match[2]] = [derives or match[1] == "enum", has_example(above), where]
            elif (match := FAMILY.match(line)) and lines[at - len(documentation(lines, at)) - 1] == "family! {":
                types[match[1]] = [True, has_example(documentation(lines, at)), f"{path.relative_to(ROOT)}:{at + 1}"]
            elif match := IMPL.match(line.replace("->", "")):
                own = match[2] if match[1] is None else None
                if match[1] in ("Default", "From"):
                    impls.append((match[2], True, False))
            elif line.startswith("}"):
                own = None
            elif own and FUNCTION.match(line):
                impls.append((own, returns_itself(lines, at, own), has_example(documentation(lines, at))))
    for name, makes, example in impls:
        if name in types:
            types[name][0] |= makes
            types[name][1] |= example
    return types


def main():
    types = {}
    for folder in SOURCES:
        types |= types_of(folder)
    made = {
        name: value
        for name, value in types.items()
        if value[0] and name not in RETURNED and not name.endswith("Error")
    }
    page = "\n".join(line for line in (ROOT / "src/lib.rs").read_text().split("\n") if line.startswith("//!"))
    missing = sorted(name for name, (_, example, _) in made.items() if not example)
    unlinked = sorted(name for name in made if not re.search(rf"\[`{name}`\]", page))
    if "--list" in sys.argv:
        for name, (_, example, where) in sorted(made.items()):
            print(f"{name:28} {'example' if example else '-':8} {where}")
    share = 1 - len(missing) / len(made)
    print(f"{len(made) - len(missing)} of {len(made)} public types that a user constructs have an example ({share:.0%})")
    for name in missing:
        print(f"no example: {name} ({made[name][2]})")
    for name in unlinked:
        print(f"src/lib.rs, the front page, does not link to {name} ({made[name][2]})")
    return int(share < SHARE or bool(unlinked))


if __name__ == "__main__":
    sys.exit(main())
