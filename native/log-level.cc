// Has absl's log heed TF_CPP_MIN_LOG_LEVEL, which TensorFlow sets up too late for what it says while it is loaded. A library of
// its own, which depends on nothing and so is initialised before TensorFlow's; what it calls is found in these.
#include <algorithm>
#include <cstdlib>

#include "absl/log/globals.h"

namespace {

bool Heed() {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  if (level == nullptr) return false;
  // The levels are the same: 0 is everything, 1 warnings, 2 errors, 3 what ends the process.
  absl::SetMinLogLevel(static_cast<absl::LogSeverityAtLeast>(std::min(std::max(std::atoi(level), 0), 3)));
  return true;
}

const bool heeded = Heed();

}  // namespace
