#!/usr/bin/env bash
# Builds llama.cpp for this processor from the source package of llama-cpp-python, once.
# Usage: llama.sh FOLDER PIP   prints the folder of its programs.
set -euo pipefail
folder=$1 pip=$2
version=0.3.36
programs=$folder/build-$version/bin
if [ ! -x "$programs/llama-batched-bench" ]; then
    mkdir -p "$folder"
    "$pip" install --quiet cmake==4.4.5 ninja==1.13.2 >&2
    bin=$(dirname "$pip")
    "$pip" download --quiet --no-deps --no-binary llama-cpp-python --dest "$folder" "llama-cpp-python==$version" >&2
    tar -xzf "$folder/llama_cpp_python-$version.tar.gz" -C "$folder"
    "$bin/cmake" -S "$folder/llama_cpp_python-$version/vendor/llama.cpp" -B "$folder/build-$version" -G Ninja \
        -DCMAKE_MAKE_PROGRAM="$bin/ninja" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON \
        -DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF \
        -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_TOOLS=ON >&2
    nice -n 15 "$bin/cmake" --build "$folder/build-$version" -j2 --target llama-batched-bench >&2
fi
echo "$programs"
