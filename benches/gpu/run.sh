#!/usr/bin/env bash
# Checks and measures Kiln on this machine's GPU. It needs the folder that `build.sh` has made, and no Rust:
#
#     FOLDER/run.sh OUT [DEVICE]
#
# DEVICE is a name of `kiln devices`, by default `cuda:0` where that exists, or else the first GPU. In OUT it leaves `gpu.json` with all
# figures, and the logs. Figures of PyTorch and JAX are in it where these are installed. `KILN_DATA_DIR` is a folder with MNIST.
set -uo pipefail
if [ $# -lt 1 ]; then
    sed -n '2,7s/^# \?//p' "$0" >&2
    exit 2
fi
here="$(cd "$(dirname "$0")" && pwd)"
mkdir -p "$1"
out="$(cd "$1" && pwd)"
[ -d "$here/cuda" ] && export CUDA_PATH="${CUDA_PATH:-$here/cuda}"
failures=0

# One step: its name, and a command whose output goes to a log. A failure is noted and the rest goes on.
step() {
    local name="$1" begin end
    shift
    begin="$(date +%s.%N)"
    if "$@" >"$out/$name.out" 2>"$out/$name.err"; then echo ok; else echo "failed ($?)"; fi >"$out/$name.status"
    end="$(date +%s.%N)"
    printf '%-24s %s, %.1f s\n' "$name" "$(cat "$out/$name.status")" "$(echo "$end - $begin" | bc -l 2>/dev/null || python3 -c "print($end - $begin)")"
    [ "$(cat "$out/$name.status")" = ok ] || failures=$((failures + 1))
}

nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader >"$out/card.txt" 2>/dev/null || true
step devices "$here/kiln" devices --json
device="${2:-$(python3 - "$out/devices.out" <<'P'
import json, sys

try:
    devices = json.load(open(sys.argv[1]))
    devices = devices.get("devices", devices) if isinstance(devices, dict) else devices
    names = [d["name"] for d in devices if d["kind"] == "gpu"]
    print(next((n for n in names if n.startswith("cuda")), names[0] if names else ""))
except Exception:
    print("")
P
)}"
if [ -z "$device" ]; then
    echo "no GPU: see $out/devices.out and $out/devices.err" >&2
    exit 1
fi
echo "device $device"
export KILN_GPU="$device" KILN_EXPECT_ADAPTER=1

# Training on the card ends where training on the CPU ends.
for where in "$device" cpu; do
    step "vae-${where%%:*}" "$here/kiln" train vae --data digits --epochs 5 --seed 0 --device "$where" --out "$out/run-${where%%:*}" --force
done
step tests "$here/gpu-tests" --nocapture --test-threads 1
step kiln "$here/gpu-bench" --device "$device"
for peer in torch jax; do
    if python3 -c "import $peer" 2>/dev/null; then
        step "$peer" python3 "$here/${peer}_peer.py"
    else
        echo "$peer is not installed"
    fi
done
if [ -n "${KILN_DATA_DIR:-}" ]; then
    for where in "$device" cpu; do
        step "mnist-${where%%:*}" "$here/kiln" train vae --data mnist --epochs 5 --seed 0 --device "$where" --out "$out/mnist-${where%%:*}" --force
    done
fi
python3 "$here/collect.py" "$out" "$device" >"$out/gpu.json"
echo "$out/gpu.json: $failures steps failed"
[ "$failures" = 0 ]
