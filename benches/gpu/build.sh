#!/usr/bin/env bash
# Builds what `run.sh` needs on a machine with a GPU, which then needs no Rust, into one folder:
#
#     benches/gpu/build.sh FOLDER [FEATURES]
#
# FEATURES are those of the build, by default `cuda,vulkan`. With `cuda`, run `tools/llvm-from-pypi` first, where GitHub cannot be reached.
# Optimised: as `cargo build --release` does.
set -euo pipefail
if [ $# -lt 1 ]; then
    sed -n '2,7s/^# \?//p' "$0" >&2
    exit 2
fi
mkdir -p "$1"
folder="$(cd "$1" && pwd)"
features="${2:-cuda,vulkan}"
cd "$(dirname "$0")/../.."
# The name that Cargo gives a test or a bench has a hash in it.
executable() {
    cargo build --release --locked --features "$features" --message-format=json "$@" |
        python3 -c 'import json, sys; print([m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable")][-1])'
}
cp "$(executable -p kiln-ml-cli --bin kiln)" "$folder/kiln"
cp "$(executable --test gpu)" "$folder/gpu-tests"
cp "$(executable --bench gpu)" "$folder/gpu-bench"
strip -s "$folder/kiln" "$folder/gpu-tests" "$folder/gpu-bench"
cp benches/gpu/run.sh benches/gpu/torch_peer.py benches/gpu/jax_peer.py benches/gpu/collect.py "$folder/"
case ",$features," in
    *,cuda,*)
        # The mathematical functions of CUDA, which kernels are linked with when they are first compiled.
        mkdir -p "$folder/cuda/nvvm/libdevice"
        python3 -m pip download --quiet --no-deps --dest "$folder/cuda" nvidia-nvvm==13.0.88
        python3 - "$folder/cuda" <<'P'
import pathlib, sys, zipfile

folder = pathlib.Path(sys.argv[1])
wheel = next(folder.glob("*.whl"))
with zipfile.ZipFile(wheel) as archive:
    name = next(n for n in archive.namelist() if n.endswith("libdevice.10.bc"))
    (folder / "nvvm/libdevice/libdevice.10.bc").write_bytes(archive.read(name))
wheel.unlink()
P
        ;;
esac
du -sh "$folder"
