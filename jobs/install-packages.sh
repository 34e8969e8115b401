#!/usr/bin/env bash
# The one place that lists the Debian packages Kerf needs; installs those that are missing.
#
#   jobs/install-packages.sh [--dry-run] build|test|lint ...
#
# build: compile and run the simulator.  test: everything tests/run.sh needs on top.
# lint:  nice to have while working on Kerf; nothing fails without it.
# --dry-run says what would be installed, and exits with 1 if that is anything.
set -euo pipefail

build_packages=(
    gcc libc6-dev cmake ninja-build pkg-config
    openmpi-bin libopenmpi-dev
    libhdf5-openmpi-dev
    libpetsc-real-dev libscotch-dev
    libfyaml-dev libcsv-dev libxxhash-dev librandom123-dev
)
test_packages=(
    libcmocka-dev valgrind
    git clang-format
    hdf5-tools
    slurm-wlm munge
    python3 python3-pytest
    python3-h5py python3-h5netcdf python3-numpy python3-pandas python3-xarray python3-matplotlib
    jupyter-nbconvert python3-nbclient python3-ipykernel
)
lint_packages=(shellcheck clang-tidy)

say() {
    printf 'install-packages: %s\n' "$*" >&2
}

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

# Prints those of its arguments that are not installed, one a line.
missing_of() {
    local installed package
    # dpkg-query fails when it does not know one of the names; the others are printed all the same.
    installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        grep -qxF "installed $package" <<<"$installed" || printf '%s\n' "$package"
    done
}

# Sets `privileged` to the words that run a command as root, or says what somebody else has to do.
find_privilege() {
    privileged=()
    [ "$(id -u)" -ne 0 ] || return 0
    if command -v sudo >/dev/null; then
        # Without a terminal nobody can type a password, so only a sudo that asks for none is of use.
        if [ -t 0 ] || sudo -n true 2>/dev/null; then
            privileged=(sudo)
            return 0
        fi
    fi
    say "these packages are missing, and installing them takes root or sudo. Ask an administrator for:"
    say "  apt-get install --no-install-recommends $*"
    exit 1
}

install() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get
        -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
    find_privilege "$@"
    say "installing, which takes some minutes on a fresh machine: $*"
    # An unrelated source that cannot be reached is no reason to stop: the installation tells whether it matters.
    "${privileged[@]}" "${apt[@]}" -qq update || say "apt-get update complained; going on"
    # Thousands of lines about unpacking would bury what counts; errors are not among them.
    "${privileged[@]}" "${apt[@]}" -qq install --yes --no-install-recommends "$@" </dev/null >/dev/null
}

main() {
    local dry_run=no wanted=() missing
    [ $# -gt 0 ] || usage
    for argument in "$@"; do
        case $argument in
        --dry-run) dry_run=yes ;;
        build) wanted+=("${build_packages[@]}") ;;
        test) wanted+=("${test_packages[@]}") ;;
        lint) wanted+=("${lint_packages[@]}") ;;
        *) usage ;;
        esac
    done
    [ ${#wanted[@]} -gt 0 ] || usage

    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "not a Debian system: nothing is installed; what follows needs the likes of ${wanted[*]}"
        return 0
    fi
    mapfile -t missing < <(missing_of "${wanted[@]}")
    if [ ${#missing[@]} -eq 0 ]; then
        say "all ${#wanted[@]} packages are there"
        return 0
    fi
    if [ "$dry_run" = yes ]; then
        printf '%s\n' "${missing[@]}"
        return 1
    fi
    install "${missing[@]}"
}

main "$@"
