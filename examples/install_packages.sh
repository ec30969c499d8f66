#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs those Debian or Ubuntu packages of the given groups that are missing.
#
#   examples/install_packages.sh build programs data tests
#
# Where nothing is missing it says nothing, asks nothing and needs no network. It asks before it uses sudo. Where it
# cannot install, it lists what is missing and exits with status 1.
set -euo pipefail

# Group, package, how to see whether it is there, what it is.
packages='
build    g++                     command:g++                                        C++20 compiler
build    cmake                   command:cmake                                      CMake 3.22 or newer
build    ninja-build             command:ninja                                      Ninja
build    libeigen3-dev           header:eigen3/Eigen/Core                           Eigen
programs libcli11-dev            header:CLI/CLI.hpp                                 CLI11
programs nlohmann-json3-dev      header:nlohmann/json.hpp                           JSON for Modern C++
programs zlib1g-dev              header:zlib.h                                      zlib
programs libzip-dev              header:zip.h                                       libzip
programs libpcre2-dev            header:pcre2.h                                     PCRE2
programs libutf8proc-dev         header:utf8proc.h                                  utf8proc
programs libpng-dev              header:png.h                                       libpng
programs libjpeg-dev             header:jpeglib.h                                   libjpeg
programs libfreetype-dev         header:freetype2/ft2build.h                        FreeType
programs libharfbuzz-dev         header:harfbuzz/hb.h                               HarfBuzz
data     fonts-noto-color-emoji  share:fonts/truetype/noto/NotoColorEmoji.ttf       Noto Color Emoji, a font
data     unicode-data            share:unicode/emoji/emoji-test.txt                 list of all emoji
tests    libboost-test-dev       library:libboost_unit_test_framework.so            Boost.Test
tests    libboost-context-dev    library:libboost_context.so                        Boost.Context
tests    dataset-fashion-mnist   share:datasets/fashion-mnist/train-images-idx3-ubyte.gz   Fashion-MNIST, images
tests    python3                 command:python3                                    Python, for a check of comments
tests    clang                   command:clang++                                    second C++ compiler
tests    clang-format            command:clang-format                               clang-format
'

is_there() {  # KIND:NAME
  local kind=${1%%:*} name=${1#*:}
  case $kind in
    command) command -v "$name" >/dev/null ;;
    header) compgen -G "/usr/include/$name" || compgen -G "/usr/include/*-linux-*/$name" ||
      compgen -G "/usr/local/include/$name" ;;
    library) compgen -G "/usr/lib*/$name" || compgen -G "/usr/lib/*/$name" || compgen -G "/usr/local/lib*/$name" ;;
    share) compgen -G "/usr/share/$name" || compgen -G "/usr/local/share/$name" ;;
  esac >/dev/null
}

missing=()
descriptions=()
while read -r group package probe description; do
  if [[ " $* " == *" $group "* ]] && ! is_there "$probe"; then
    missing+=("$package")
    descriptions+=("$(printf '  %-24s %s' "$package" "$description")")
  fi
done < <(grep . <<<"$packages")
[[ ${#missing[@]} -gt 0 ]] || exit 0

echo "Missing on this machine:"
printf '%s\n' "${descriptions[@]}"
if ! command -v apt-get >/dev/null; then
  echo "Please install these (the names are those of Debian and Ubuntu), then run this again." >&2
  exit 1
fi

run=(env DEBIAN_FRONTEND=noninteractive apt-get)
install=(install -y --no-install-recommends "${missing[@]}")
if [[ $EUID -ne 0 ]]; then
  if ! command -v sudo >/dev/null || [[ ! -t 0 ]]; then
    echo "Please run as root, then run this again: apt-get update && apt-get ${install[*]}" >&2
    exit 1
  fi
  read -r -p "Install them with sudo apt-get? [y/N] " answer
  [[ $answer == [yY]* ]] || exit 1
  run=(sudo "${run[@]}")
fi
"${run[@]}" update
"${run[@]}" "${install[@]}"
