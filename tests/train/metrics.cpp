// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include <pixnerd/train/loss_curve.hpp>
#include <pixnerd/train/metrics.hpp>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(metrics)

namespace {

MetricsRow row(std::int64_t step) {
  return {step, 1.0 / static_cast<double>(step), 0.5, 1e-3, 100, 0.25 * static_cast<double>(step)};
}

}  // namespace

BOOST_AUTO_TEST_CASE(rows_are_read_as_they_were_written) {
  const test::Folder folder;
  const std::string path = folder / "metrics.csv";
  for (const bool aligned : {false, true}) {
    {
      MetricsWriter writer(path, 0, aligned);
      for (std::int64_t step = 1; step <= 3; ++step) writer.add(row(step));
    }
    const auto rows = read_metrics(path);
    BOOST_TEST_REQUIRE(rows.size() == 3u);
    BOOST_TEST(rows[2].step == 3);
    BOOST_TEST(std::abs(rows[2].loss - 1.0 / 3) < 1e-7);
    BOOST_TEST(rows[2].seconds == 0.75);
  }
}

BOOST_AUTO_TEST_CASE(resuming_removes_later_rows) {
  const test::Folder folder;
  const std::string path = folder / "metrics.csv";
  {
    MetricsWriter writer(path, 0);
    for (std::int64_t step = 1; step <= 5; ++step) writer.add(row(step));
  }
  MetricsWriter writer(path, 3);
  BOOST_TEST(writer.rows().size() == 3u);
  BOOST_TEST(read_metrics(path).size() == 3u);
}

BOOST_AUTO_TEST_CASE(other_files_are_refused) {
  const test::Folder folder;
  const std::string path = folder / "metrics.csv";
  write_file_atomic(path, std::string("step,loss\n1,2\n"));
  test::check_throws<FileError>([&] { read_metrics(path); }, {"[metrics]", "another first line"});
  write_file_atomic(path, std::string(detail::metrics_header(false)) + "1,x\n");
  test::check_throws<FileError>([&] { read_metrics(path); }, {"[metrics]", "line 2"});
}

BOOST_AUTO_TEST_CASE(an_average_is_not_drawn_toward_zero) {
  Smoothed smoothed;
  BOOST_TEST(smoothed.value() == 0);
  BOOST_TEST(std::abs(smoothed.add(3) - 3) < 1e-12);
  BOOST_TEST(std::abs(smoothed.add(3) - 3) < 1e-12);
}

BOOST_AUTO_TEST_SUITE_END()
