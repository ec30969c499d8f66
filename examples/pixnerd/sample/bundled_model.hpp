// SPDX-License-Identifier: MIT
/// \file
/// The text-to-image model that comes with the program.
#pragma once

#include <string>

namespace pixnerd::program {

/// The file emoji.safetensors: in share/pixnerd beside the installed program, or else in examples/models of
/// the source tree that the program was built from; empty where it is in neither.
std::string bundled_model();

}  // namespace pixnerd::program
