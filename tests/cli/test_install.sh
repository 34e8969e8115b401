#!/usr/bin/env bash
# An installed Kerf runs from any folder with the catalog that came with it, also after it was moved.
#
#   tests/cli/test_install.sh BUILD
set -euo pipefail

build=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset KERF_CATALOG

fail() {
    echo "FAILED: $*"
    exit 1
}

# expect_own_catalog PREFIX: the program there finds the catalog beside it, and runs.
expect_own_catalog() {
    local prefix=$1 first
    cd /
    first=$("$prefix/bin/kerf" catalog | head -n 1)
    [ "$(realpath "${first#catalog: }")" = "$prefix/share/kerf/catalog" ] || fail "in $prefix it takes the $first"
    # A mark in the installed catalog shows that this one is read.
    grep -q 'a mark' "$prefix/share/kerf/catalog/links/roce-400g.yaml" ||
        sed -i 's/^title: .*/title: a mark/' "$prefix/share/kerf/catalog/links/roce-400g.yaml"
    "$prefix/bin/kerf" catalog roce-400g | grep -q 'a mark' || fail "in $prefix another catalog is read"
    "$prefix/bin/kerf" run "$prefix/share/kerf/scenarios/kimi-k2.6-single-stream.yaml" --quiet \
        --set columns=nominal --set workload.reasoning_tokens=10 --set workload.answer_tokens=10 \
        -o "$folder/result.h5" || fail "in $prefix it does not run"
    "$prefix/bin/kerf" show "$folder/result.h5" >/dev/null || fail "in $prefix it does not show its result"
}

cmake --install "$build" --prefix "$folder/here" >/dev/null
expect_own_catalog "$folder/here"
man=$folder/here/share/man/man1/kerf.1
grep -q '^\.SS search: ' "$man" || fail "the man page lacks commands"
# shellcheck disable=SC1091
source "$folder/here/share/bash-completion/completions/kerf"
COMP_WORDS=(kerf run --checkp) COMP_CWORD=2
_kerf
[ "${COMPREPLY[*]}" = "--checkpoint --checkpoint-every" ] || fail "bash completes to ${COMPREPLY[*]}"
mkdir -p "$folder/another place"
mv "$folder/here" "$folder/another place/there"
expect_own_catalog "$folder/another place/there"
echo "ok: an installed kerf has its own catalog, and may be moved"
