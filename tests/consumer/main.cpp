#include <cstdio>

#include <pixnerd/core/error.hpp>

int main() {
  try {
    pixnerd::raise<pixnerd::ShapeError>("consumer", "an error", "one");
  } catch (const pixnerd::Error& error) {
    std::puts(error.what());
  }
}
