/// \file
/// The compile time of the umbrella header is limited by a test.
#include <pixnerd/pixnerd.hpp>
