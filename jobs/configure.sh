#!/usr/bin/env bash
# Configures one preset of CMakePresets.json in the two cases in which CMake alone would stop.
#
#   jobs/configure.sh PRESET BUILD_FOLDER [-DNAME=VALUE ...]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=$1 folder=$2
shift 2

# A build folder that was copied or moved together with its checkout: start afresh.
home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$folder/CMakeCache.txt" 2>/dev/null || true)
if [ -n "$home" ] && [ "$home" != "$(pwd -P)" ]; then
    set -- --fresh "$@"
fi

# A path with a space: h5pcc, which CMake asks where HDF5 is, stumbles over it, and CMake then searches by itself.
if [[ $(pwd -P) == *[[:space:]]* ]]; then
    CMAKE_LIBRARY_PATH=$(pkg-config --libs-only-L hdf5-openmpi | sed 's/ *-L/:/g; s/^://; s/ *$//')
    CMAKE_INCLUDE_PATH=$(pkg-config --cflags-only-I hdf5-openmpi | sed 's/ *-I/:/g; s/^://; s/ *$//')
    export CMAKE_LIBRARY_PATH CMAKE_INCLUDE_PATH
fi

cmake --preset "$preset" "$@"
