#!/usr/bin/env bash
# From a fresh checkout to a first result: installs what is missing, builds Kerf, runs one scenario.
#
#   jobs/quickstart.sh [SCENARIO]
#
# SCENARIO     a scenario file, or the name of one in scenarios/ (default: kimi-k2.6-single-stream)
# KERF_RANKS   number of MPI ranks (default: one for each core, at most 4)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() {
    printf 'quickstart: %s\n' "$*" >&2
}

fail() {
    say "$@"
    exit 2
}

# Prints the file that the user means, below the checkout as a relative path so that messages stay short.
find_scenario() {
    local candidate file
    for candidate in "$1" "$root/$1" "$root/scenarios/$1" "$root/scenarios/$1.yaml"; do
        if [ -f "$candidate" ]; then
            file=$(realpath "$candidate")
            printf '%s\n' "${file#"$root"/}"
            return 0
        fi
    done
    fail "no scenario '$1'; scenarios/ has: $(cd "$root/scenarios" && echo *.yaml)"
}

# mpirun counts cores and not hardware threads; nproc knows what this process may use.
count_cores() {
    local allowed cores
    allowed=$(nproc)
    cores=$(lscpu --parse=Core,Socket 2>/dev/null | grep -v '^#' | sort -u | wc -l) || cores=0
    if [ "$cores" -lt 1 ] || [ "$cores" -gt "$allowed" ]; then
        cores=$allowed
    fi
    echo "$cores"
}

build() {
    local configured
    configured=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' build/CMakeCache.txt 2>/dev/null || true)
    # What is configured stays as it is: Ninja runs CMake again when that is needed.
    if [ ! -f build/build.ninja ] || [ "$configured" != "$root" ]; then
        # The tests need packages that a first run does without; tests/run.sh turns them on.
        jobs/configure.sh release build -DBUILD_TESTING=OFF
    fi
    cmake --build --preset release --target kerf
}

main() {
    local scenario ranks cores result launcher
    case ${1:-} in
    -h | --help)
        sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    esac
    [ $# -le 1 ] || fail "one scenario at a time (see --help)"
    scenario=$(find_scenario "${1:-kimi-k2.6-single-stream}")
    cores=$(count_cores)
    ranks=${KERF_RANKS:-$((cores < 4 ? cores : 4))}
    [[ $ranks =~ ^[1-9][0-9]*$ ]] || fail "KERF_RANKS must be a positive number (got '$ranks')"

    cd "$root"
    jobs/install-packages.sh build
    build

    # Not bound to cores: another mpirun on this machine would be bound to the very same ones.
    launcher=(mpirun --bind-to none)
    if [ "$ranks" -gt "$cores" ]; then
        launcher+=(--oversubscribe)
    fi
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    mkdir -p results
    result=results/$(basename "$scenario" .yaml).h5
    say "mpirun -n $ranks kerf run $scenario -o $result"
    "${launcher[@]}" -n "$ranks" build/bin/kerf run "$scenario" -o "$result"
    say "the result is in $root/$result"
}

main "$@"
