#!/usr/bin/env bash
# Proves that the archive of `make bundle` installs without a network, twice the same bytes, and refuses what it is not for.
#   tools/bundle_test.sh PYTHON    the Python of an environment that `make setup` made
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" tools/bundle.py --out "$work/one" >/dev/null
"$python" tools/bundle.py --out "$work/two" >/dev/null
archive=$(basename "$work"/one/andon-*.tar.gz)
cmp "$work/one/$archive" "$work/two/$archive"
echo "the same bytes twice: $archive, $(du -h "$work/one/$archive" | cut -f 1)"

tar -C "$work" -xf "$work/one/$archive"
unpacked="$work/${archive%.tar.gz}"
mkdir "$work/staged"
base=$("$python" -I -c 'import sys; print(sys._base_executable)')
# a network namespace of its own: not even loopback is up
without_network() { unshare --net --map-root-user -- "$@"; }
if without_network "$base" -I -c 'import socket; socket.create_connection(("1.1.1.1", 53), 1)' 2>/dev/null; then
	echo "there is a network, so this proves nothing" && exit 1
fi
PYTHON=$base without_network "$unpacked/install" --root "$work/staged" >"$work/log" || { cat "$work/log" && exit 1; }
tail -n 1 "$work/log"
installed=$(echo "$work"/staged/opt/andon/0*)
without_network "$installed/bin/python" -I -m andon version
! find "$installed" -iname '*asyncua*' | grep . || { echo "an extra that nobody asked for is in it" && exit 1; }

refuses() { # sentence, then the command
	local sentence=$1 said
	shift
	said=$("$@" 2>&1) && echo "not refused: $*" && exit 1
	grep -qF -- "$sentence" <<<"$said" || { echo "said otherwise: $said" && exit 1; }
	echo "refuses: $(grep -F -- "$sentence" <<<"$said")"
}
printf '#!/bin/sh\n[ "$1" = -m ] && echo mips || echo Linux\n' >"$work/uname"
chmod +x "$work/uname"
refuses "and this machine is Linux on mips" env PATH="$work:$PATH" "$unpacked/install" --root "$work/staged"
refuses "which this archive is for" env PYTHON=/bin/false "$unpacked/install" --root "$work/staged"
echo >>"$unpacked/wheels/$(ls "$unpacked/wheels" | head -n 1)"
refuses "this archive is damaged or was changed" "$unpacked/install" --root "$work/staged"

# the schema's own validator, which is installed for this alone
"$base" -m venv "$work/validator"
"$work/validator/bin/pip" --disable-pip-version-check install --quiet 'cyclonedx-python-lib[json-validation]==11.*'
"$work/validator/bin/python" - "$unpacked/sbom.cdx.json" <<-'PYTHON'
	import json, sys
	from cyclonedx.schema import SchemaVersion
	from cyclonedx.validation.json import JsonStrictValidator
	text = open(sys.argv[1]).read()
	if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
	    sys.exit(f"the SBOM is not valid: {error}")
	known = json.loads(text)["components"]
	print(f"the SBOM is valid: {len(known)} components, {sum('licenses' in one for one in known)} with their licence")
PYTHON
