#!/bin/sh
# Installs sakuin into a folder of its own, without what an image has no use for: deploy/image.sh TARGET [EXTRAS]
#
# The Dockerfile runs it; .ci/image.py runs it where there is no Docker.
set -eu
target=$1
extras=${2:-ui}
source=$(cd "$(dirname "$0")/.." && pwd)

# PyTorch's default build brings several GB for GPUs; only these extras need PyTorch at all.
case ",$extras," in
*,train,* | *,bench,* | *,all,*) torch="--extra-index-url https://download.pytorch.org/whl/cpu" ;;
*) torch= ;;
esac

python3 -m venv --without-pip "$target"
# Modules that an earlier build left there would be installed too.
rm -rf "$source/build"
# shellcheck disable=SC2086 # two words, or none
python3 -m pip --disable-pip-version-check --python "$target/bin/python" \
    install --quiet --no-cache-dir --no-compile $torch "$source[$extras]"
rm -rf "$source/build"

# Tests, headers, pages of notebooks, and storage of others: a fifth of the whole, and nothing of sakuin asks for them.
for packages in "$target"/lib/python3*/site-packages; do
    rm -rf "$packages"/pandas/tests "$packages"/pyarrow/tests "$packages"/pyarrow/include "$packages"/pydeck/nbextension
    rm -rf "$packages"/pyarrow/*flight* "$packages"/pyarrow/*s3*
done
rm -rf "$target/share/jupyter"
cp "$source/deploy/health.py" "$target/health.py"

# What is imported here is compiled and kept: the user of the image cannot write it, and would wait at every start.
trial=$(mktemp -d)
trap 'rm -rf "$trial"' EXIT
mkdir "$trial/documents"
echo "有給休暇の申請は三日前までに出してください。" >"$trial/documents/leave.txt"
cd "$trial"
"$target/bin/index" build documents >/dev/null
"$target/bin/index" search "休暇 leave" >/dev/null
"$target/bin/python" -c 'import sakuin.service.app, sakuin.service.worker'
case ",$extras," in
*,ui,* | *,all,*) "$target/bin/python" -c 'import streamlit.web.bootstrap, sakuin.ui.page.app' 2>/dev/null ;;
esac
