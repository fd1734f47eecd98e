#!/usr/bin/env bash
# Prepares what the feature `cuda` needs to build, on a machine that needs no GPU and no CUDA of its own, in an
# ignored folder, and prints the exports: CUDA 13.0 from the wheels that pip serves, and a stand-in for the
# driver's library to link with.
#   scripts/cuda.sh [FOLDER]          default: .cuda
#   eval "$(scripts/cuda.sh)"         prepare (once) and export in this shell
# WHEELS=DIR uses wheels that are already there (no network). CUDA_COMPUTE_CAP is that of the GPU the program will
# run on, 90 (H100, H200) unless it is set. Takes 0.7 GB of downloads and 2 GB of disk.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mkdir -p "${1:-.cuda}" && cd "${1:-.cuda}" && pwd)
home=$folder/nvidia/cu13

prepare() {
    local wheels=${WHEELS:-$folder/wheels}
    if [ -z "${WHEELS:-}" ]; then
        python3 -m pip download --quiet --no-deps --only-binary :all: -d "$wheels" \
            nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-cuda-runtime==13.0.96 \
            nvidia-cuda-cccl==13.0.85 nvidia-cuda-nvrtc==13.0.88 nvidia-curand==10.4.0.35 nvidia-cublas==13.0.2.14
    fi
    rm -rf "$folder/nvidia"
    local wheel
    for wheel in "$wheels"/*.whl; do python3 -m zipfile -e "$wheel" "$folder"; done
    # The unpacker drops the permission to execute.
    chmod +x "$home"/bin/* "$home"/nvvm/bin/*
    ln -s lib "$home/lib64"
    local library
    for library in cublas.so.13 cublasLt.so.13 cudart.so.13 curand.so.10 nvrtc.so.13; do
        ln -sf "lib$library" "$home/lib/lib${library%.*}"
    done
    driver
    [ -n "${WHEELS:-}" ] || rm -rf "$wheels"
    touch "$folder/ready"
}

# A library with the names of the driver's functions, for the linker; the real one comes with the driver.
driver() {
    local bindings
    bindings=$(cargo metadata --format-version 1 --features cuda | python3 -c '
import json, os, sys
manifests = [p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == "cudarc"]
print(os.path.join(os.path.dirname(manifests[0]), "src/driver/sys/mod.rs"))')
    mkdir -p "$home/lib/stubs"
    grep -ohE 'pub (unsafe )?fn cu[A-Za-z0-9_]+' "$bindings" | awk '{ print $NF }' | sort -u |
        sed 's/.*/void &(void){}/' > "$home/lib/stubs/driver.c"
    [ -s "$home/lib/stubs/driver.c" ] || { echo "no function names in $bindings" >&2; return 1; }
    cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$home/lib/stubs/libcuda.so" "$home/lib/stubs/driver.c"
}

[ -e "$folder/ready" ] || prepare >&2
echo "export CUDA_HOME=$home CUDA_PATH=$home PATH=$home/bin:\$PATH CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-90}" \
    "LIBRARY_PATH=$home/lib:$home/lib/stubs\${LIBRARY_PATH:+:\$LIBRARY_PATH}"
