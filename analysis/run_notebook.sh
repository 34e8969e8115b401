#!/usr/bin/env bash
# Turns a result into a page and pictures: OUTDIR/NAME.html from compare.ipynb (of a sweep, from notebooks/frontier.ipynb),
# and every picture as OUTDIR/*.png.
#
#   analysis/run_notebook.sh RESULT OUTDIR
#
# KERF_PYTHON   Python with h5py, xarray, matplotlib and nbconvert (default: /usr/bin/python3, whatever PATH holds)
set -euo pipefail

analysis=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
python=${KERF_PYTHON:-/usr/bin/python3}

fail() {
    printf 'run_notebook: %s\n' "$*" >&2
    exit 2
}

# Nothing of the user's own Python may shadow the packages, the kernel or the settings.
isolate() {
    private=$(mktemp -d)
    trap 'rm -rf "$private"' EXIT
    unset PYTHONHOME VIRTUAL_ENV JUPYTER_PATH MPLBACKEND
    export PYTHONPATH=$analysis PYTHONNOUSERSITE=1 PYDEVD_DISABLE_FILE_VALIDATION=1
    export JUPYTER_DATA_DIR=$private/data JUPYTER_CONFIG_DIR=$private/config JUPYTER_RUNTIME_DIR=$private/runtime
    export IPYTHONDIR=$private/ipython MPLCONFIGDIR=$private/matplotlib
}

check_python() {
    "$python" -c 'import h5py, h5netcdf, xarray, pandas, matplotlib, nbconvert, ipykernel' 2>"$private/imports" ||
        fail "$python lacks packages ($(tail -n 1 "$private/imports")): jobs/install-packages.sh test"
}

notebook_of() {
    "$python" -c 'import sys, kerf_analysis.sweep
print("notebooks/frontier.ipynb" if kerf_analysis.sweep.is_sweep(sys.argv[1]) else "compare.ipynb")' "$1"
}

main() {
    [ $# -eq 2 ] || fail "usage: analysis/run_notebook.sh RESULT OUTDIR"
    isolate
    check_python
    mkdir -p "$2"
    "$python" -m kerf_analysis.plot --all "$1" "$2"
    KERF_RESULT=$(realpath "$1") "$python" -m nbconvert --log-level WARN --to html --execute \
        --ExecutePreprocessor.timeout=600 --ExecutePreprocessor.kernel_name=python3 \
        --output-dir "$2" --output "$(basename "$1" .h5)" "$analysis/$(notebook_of "$1")"
    echo "run_notebook: $2/$(basename "$1" .h5).html and the pictures beside it"
}

main "$@"
