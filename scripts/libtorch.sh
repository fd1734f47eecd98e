#!/usr/bin/env bash
# Prepares libtorch 2.11.0 for the feature `tch`, CPU only, in an ignored folder, and prints the exports.
#   scripts/libtorch.sh [FOLDER]        default: .libtorch
#   eval "$(scripts/libtorch.sh)"       prepare (once) and export in this shell
# Takes what pip serves: no other download site, no CUDA libraries beyond the two small ones that
# libtorch_cpu.so itself asks for. WHEELS=DIR uses wheels that are already there (no network).
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mkdir -p "${1:-.libtorch}" && cd "${1:-.libtorch}" && pwd)
lib=$folder/libtorch/lib

prepare() {
    local wheels=${WHEELS:-$folder/wheels} unpacked=$folder/unpacked
    if [ -z "${WHEELS:-}" ]; then
        python3 -m pip download --quiet --no-deps --only-binary :all: -d "$wheels" --python-version 3.11 \
            torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
    fi
    local wheel
    for wheel in "$wheels"/*.whl; do python3 -m zipfile -e "$wheel" "$unpacked"; done
    rm -rf "$folder/libtorch"
    mkdir -p "$lib"
    mv "$unpacked/torch/include" "$folder/libtorch/include"
    mv "$unpacked"/torch/lib/{libtorch_cpu.so,libc10.so,libgomp.so.1} "$lib"
    mv "$unpacked"/nvidia/cu13/lib/{libcudart.so.13,libcupti.so.13} "$lib"
    # The wheel's own libtorch.so pulls in libtorch_cuda.so and through it gigabytes of CUDA.
    (cd "$lib" && cc -shared -o libtorch.so -Wl,-soname,libtorch.so -Wl,--no-as-needed -x c /dev/null -L. -ltorch_cpu \
        -Wl,--allow-shlib-undefined)
    rm -rf "$unpacked"
    [ -n "${WHEELS:-}" ] || rm -rf "$wheels"
    touch "$folder/ready"
}

[ -e "$folder/ready" ] || prepare >&2
echo "export LIBTORCH=$folder/libtorch LIBTORCH_BYPASS_VERSION_CHECK=1 LD_LIBRARY_PATH=$lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
