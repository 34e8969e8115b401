#!/usr/bin/env bash
# The Debian package installs into a root of its own, runs there without the source tree, and leaves nothing behind.
#
#   tests/cli/test_package.sh BUILD
#
# That root is a copy-on-write view of this machine's in which the source tree cannot be seen, so what the package depends on
# has to be installed here. Exits with 77, "skipped", where the view or the package cannot be made.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

skip() {
    echo "skipped: $*"
    exit 77
}

# Inside: mounts are this process's own, and end with it.
inside() {
    local folder=$1 package=$2 view=$1/view
    mount -t tmpfs none "$folder"
    mkdir "$folder"/{changes,work,view}
    mount -t overlay none -o "lowerdir=/,upperdir=$folder/changes,workdir=$folder/work" "$view" 2>/dev/null || exit 77
    mount -t tmpfs none "$view$root"
    mount -t tmpfs none "$view/tmp"
    mount --rbind /proc "$view/proc"
    mount --rbind /dev "$view/dev"
    mount --rbind /sys "$view/sys"
    cp "$package" "$view/tmp/kerf.deb"
    chroot "$view" /bin/bash -euo pipefail -c '
        unset KERF KERF_CATALOG PYTHONPATH
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
        cd /tmp
        dpkg -i kerf.deb >/dev/null
        scenario=/usr/share/kerf/scenarios/kimi-k2.6-single-stream.yaml
        kerf catalog >catalog.txt
        grep -qx "catalog: /usr/bin/../share/kerf/catalog" catalog.txt
        mpirun -q --bind-to none -n 2 kerf run -q $scenario --set columns=nominal --set workload.reasoning_tokens=10 -o r.h5
        kerf show r.h5 >table.txt
        grep -q "20 x CS-3" table.txt
        test -s /usr/share/man/man1/kerf.1
        grep -q "prepend-path PATH" /usr/share/kerf/modulefiles/kerf/*
        /usr/bin/python3 -c "import kerf_analysis as kerf; assert \"Kimi K2.6\" in kerf.open(\"r.h5\").title"
        dpkg -r kerf >/dev/null
        ! test -e /usr/bin/kerf
        ! test -e /usr/share/kerf'
}

if [ "${1:-}" = --inside ]; then
    inside "$2" "$3"
    exit
fi
build=$(realpath "$1")
[ "$(id -u)" -eq 0 ] || skip "a root of its own takes root"
command -v dpkg-shlibdeps unshare >/dev/null || skip "dpkg-shlibdeps or unshare is not installed"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/package" "$folder/root"
(cd "$build" && cpack -G DEB -B "$folder/package" >"$folder/log" 2>&1) || {
    cat "$folder/log"
    exit 1
}
package=$(echo "$folder"/package/*.deb)
depends=$(dpkg-deb --field "$package" Depends)
for library in libpetsc libhdf5-openmpi libopenmpi libfyaml openmpi-bin; do
    [[ $depends = *$library* ]] || {
        echo "FAILED: the package does not depend on $library: $depends"
        exit 1
    }
done
status=0
unshare --mount bash "$0" --inside "$folder/root" "$package" || status=$?
[ "$status" -ne 77 ] || skip "this system has no overlay file system"
[ "$status" -eq 0 ] || {
    echo "FAILED: the package does not work in a root of its own (status $status)"
    exit 1
}
echo "ok: $(basename "$package") installs, runs and goes away again"
