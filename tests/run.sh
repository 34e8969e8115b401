#!/usr/bin/env bash
# Installs what is missing, builds Kerf and runs every check and test; stops at the first stage that fails.
#
# The last stage is the whole of ctest with its summary. One test by hand: ctest --preset release -R NAME
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

stage=start

# run_stage TITLE COMMAND [ARGUMENT ...]
run_stage() {
    stage=$1
    shift
    printf '\n=== %s (after %d s) ===\n' "$stage" "$SECONDS"
    "$@"
}

# Tells which stage stopped the run; says nothing after a good one, whose last words are ctest's.
report() {
    local status=$?
    if [ "$status" -ne 0 ]; then
        printf '\ntests/run.sh: FAILED in the stage "%s" (after %d s)\n' "$stage" "$SECONDS"
    fi
    exit "$status"
}

install_packages() {
    jobs/install-packages.sh build test
}

build_release() {
    jobs/configure.sh release build -DBUILD_TESTING=ON -DKERF_WERROR=ON
    cmake --build --preset release
}

check_rooms() {
    tests/check_rooms.py build/libkerf_core.a
}

build_sanitized() {
    jobs/configure.sh asan build-asan -DBUILD_TESTING=ON
    cmake --build --preset asan
}

run_sanitized_tests() {
    # Slow unwinding, because the suppressions do not match without it; leaks of Kerf's own code are errors.
    ASAN_OPTIONS=fast_unwind_on_malloc=0:detect_leaks=1 \
        LSAN_OPTIONS="suppressions='$PWD/tests/lsan.supp':print_suppressions=0" \
        UBSAN_OPTIONS=print_stacktrace=1 \
        ctest --preset asan --label-regex '^(unit|sanitized)$' --no-tests=error --parallel "$(nproc)"
}

run_tests() {
    # All that the tests need is installed by now, so none has a reason to skip itself.
    KERF_NO_SKIP=1 ctest --preset release --no-tests=error --parallel "$(nproc)"
}

# What Open MPI needs on a small machine, for the tests that do not say so themselves.
prepare_mpi() {
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    export OMPI_MCA_rmaps_base_oversubscribe=1
    # Ranks of tests that run side by side would all be bound to the first cores.
    export OMPI_MCA_hwloc_base_binding_policy=none
    export OMPI_MCA_mpi_yield_when_idle=1
}

main() {
    trap report EXIT
    prepare_mpi
    run_stage "packages" install_packages
    run_stage "format" tests/check_format.sh
    run_stage "build (warnings are errors)" build_release
    run_stage "rooms" check_rooms
    run_stage "build with address and undefined-behaviour sanitizers" build_sanitized
    run_stage "unit tests and ranks with sanitizers" run_sanitized_tests
    run_stage "all tests" run_tests
}

main "$@"
