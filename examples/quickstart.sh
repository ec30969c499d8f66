#!/usr/bin/env bash
# Trains a small PixNerd on emoji for a few minutes and draws samples from it.
#
#   examples/quickstart.sh [--minutes M]     five minutes unless given
#
# Installs the Debian or Ubuntu packages that are missing, builds the program pixnerd in build/cpu, and leaves everything
# in a new folder below runs/.
set -euo pipefail

minutes=5
while [[ $# -gt 0 ]]; do
  case $1 in
    --minutes=*) minutes=${1#*=} ;;
    --minutes) minutes=${2:-} && shift $(($# > 1)) ;;
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 0 ;;
    *) echo "quickstart.sh: expected --minutes M, got $1" >&2 && exit 2 ;;
  esac
  shift
done
if [[ ! $minutes =~ ^[0-9]+([.][0-9]+)?$ ]]; then
  echo "quickstart.sh: expected --minutes M with a number M, got '$minutes'" >&2
  exit 2
fi

cd "$(dirname "${BASH_SOURCE[0]}")/.."
examples/install_packages.sh build programs data
cmake --preset cpu -DPIXNERD_BUILD_TESTS=OFF -DPIXNERD_BUILD_BENCHMARKS=OFF
cmake --build --preset cpu --target pixnerd --parallel "$(nproc)"

run=runs/quickstart-$(date +%Y%m%d-%H%M%S)
# Many small steps, and faces that are never mirrored: the most that 451 images give within five minutes of two cores.
build/cpu/bin/pixnerd train --data emoji --minutes "$minutes" --batch 16 --no-flip --run "$run"
build/cpu/bin/pixnerd sample --run "$run" --count 64 --out "$run/quickstart.png"
echo
echo "The samples are in $PWD/$run/quickstart.png"
