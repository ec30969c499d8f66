// SPDX-License-Identifier: MIT
// What including the whole library costs.
#include <pixnerd/pixnerd.hpp>
