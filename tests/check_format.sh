#!/usr/bin/env bash
# Every C file is laid out as .clang-format says.
#
#   tests/check_format.sh [--fix]      --fix rewrites the files instead of complaining
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1:-} in
'') mode=(--dry-run -Werror) ;;
--fix) mode=(-i) ;;
*)
    sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac

# New files count before they are added, and files that are gone do not.
mapfile -d '' files < <(find sim models tests -type f -name '*.[ch]' -print0 | sort -z)
if [ ${#files[@]} -eq 0 ]; then
    echo "check_format: no C files found" >&2
    exit 1
fi
clang-format "${mode[@]}" "${files[@]}" || {
    echo "check_format: mend it with tests/check_format.sh --fix" >&2
    exit 1
}
echo "check_format: ${#files[@]} files"
