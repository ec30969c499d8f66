// SPDX-License-Identifier: MIT
/// \file
/// The main function of every test program: Boost.Test writes it here, once.
#define BOOST_TEST_MODULE pixnerd
#include <boost/test/unit_test.hpp>
