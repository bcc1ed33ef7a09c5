// KelvinReluBiasGrad: the gradients of relu(x + bias) in one pass, from its value y: dx is dy where y is above 0, dbias the
// sum of dx over all but the last axis.
#include <algorithm>
#include <vector>

#include "registration.h"
#include "threads.h"

namespace kelvin {
namespace {

// Rows are summed in parts that do not depend on the number of threads, so neither does the sum: at most so many, of so
// many bytes at least.
constexpr int64_t kParts = 64, kPart = 64 * 1024;

KELVIN_VECTORS void Rows(int64_t rows, int64_t channels, const float* y, const float* dy, float* dx, float* sums) {
  for (int64_t row = 0; row < rows; row++, y += channels, dy += channels, dx += channels)
    for (int64_t c = 0; c < channels; c++) {
      const float taken = y[c] > 0.0f ? dy[c] : 0.0f;
      dx[c] = taken;
      sums[c] += taken;
    }
}

void Compute(void*, TF_OpKernelContext* context) {
  Status status;
  const Input y(context, 0, &status), dy(context, 1, &status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  if (y.rank() < 1 || !y.same_shape(dy)) {
    status.set(TF_INVALID_ARGUMENT, "KelvinReluBiasGrad takes a value and its gradient, of one shape");
    return TF_OpKernelContext_Failure(context, status.get());
  }
  const int64_t channels = y.dim(y.rank() - 1);
  const Output dx(context, 0, y.shape(), &status), dbias(context, 1, {channels}, &status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t rows = channels == 0 ? 0 : y.size() / channels;
  const int64_t parts = std::min({rows, kParts, y.bytes() / kPart + 1});
  std::vector<float> sums(parts * channels);
  InParallel(parts, parts == 0 ? 0 : 3 * y.bytes() / parts, [&](int64_t from, int64_t to) {
    for (int64_t part = from; part < to; part++) {
      const int64_t first = rows * part / parts, behind = rows * (part + 1) / parts, at = first * channels;
      Rows(behind - first, channels, y.data() + at, dy.data() + at, dx.data() + at, sums.data() + part * channels);
    }
  });
  std::fill_n(dbias.data(), channels, 0.0f);
  for (int64_t part = 0; part < parts; part++)
    for (int64_t c = 0; c < channels; c++) dbias.data()[c] += sums[part * channels + c];
}

const bool registered = Register({
    "KelvinReluBiasGrad",
    {"y: float", "dy: float"},
    {},
    {"dx: float", "dbias: float"},
    nullptr,
    Compute,
    nullptr,
});

}  // namespace
}  // namespace kelvin
