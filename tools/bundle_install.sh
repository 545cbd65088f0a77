#!/bin/sh
# Installs Andon as a service of this machine, or upgrades it. Needs root and Python @PYTHON@; no network, nothing else.
#   sudo ./install             --dry-run tells what it would do; PYTHON=/usr/bin/python3 names another interpreter
set -eu
here=$(cd "$(dirname "$0")" && pwd)

end() {
    echo "andon: $*" >&2
    exit 1
}

machine=$(uname -m)
[ "$(uname -s)" = Linux ] && [ "$machine" = "@MACHINE@" ] ||
    end "this archive is for Linux on @MACHINE@, and this machine is $(uname -s) on $machine: take the archive for it"

case " $* " in
*" --dry-run "* | *" --root "* | *" --root="* | *" --help "* | *" -h "*) ;;
*) [ "$(id -u)" = 0 ] || end "installing a service needs the rights of root: put \`sudo\` in front of the same command" ;;
esac

is_right() { "$1" -I -c 'import sys; sys.exit("{0}.{1}".format(*sys.version_info) != "@PYTHON@")' 2>/dev/null; }

python=
for one in "${PYTHON:-}" "/usr/bin/python@PYTHON@" /usr/bin/python3 "python@PYTHON@" python3; do
    [ -n "$one" ] && found=$(command -v "$one") && is_right "$found" && python=$found && break
    [ -z "${PYTHON:-}" ] || end "PYTHON=$PYTHON is not Python @PYTHON@, which this archive is for"
done
[ -n "$python" ] || end "this archive is for Python @PYTHON@, and this machine has $(python3 -V 2>/dev/null || echo none): install Python @PYTHON@, or take the archive for the one that is there"
"$python" -I -c 'import venv' 2>/dev/null || end "$python has no module venv: install it (on Debian: apt install python3-venv)"

cd "$here"
sha256sum --check --quiet SHA256SUMS >&2 || end "this archive is damaged or was changed: unpack it again, or fetch it again"

work=$(mktemp -d "${TMPDIR:-/var/tmp}/andon-install.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
"$python" -I -m venv --without-pip "$work/env"
pip=$(echo "$here"/wheels/pip-*.whl)/pip
# an index, a proxy or a configuration file of the machine's have no say
PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore \
    "$work/env/bin/python" "$pip" install --quiet --isolated --no-index --find-links "$here/wheels" \
    --require-hashes --no-deps -r bundle.lock ||
    end "the packages do not go on this machine, see above; nothing was changed"
env -u PYTHONPATH -u PYTHONHOME "$work/env/bin/andon" install --python "$python" "$@"
