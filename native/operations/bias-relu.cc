// KelvinBiasRelu: relu(x + bias), the bias along the last axis, in one pass over memory where TensorFlow takes two.
#include "registration.h"
#include "threads.h"

namespace kelvin {
namespace {

// NaN stays NaN.
KELVIN_VECTORS void Rows(int64_t rows, int64_t channels, const float* x, const float* bias, float* y) {
  for (int64_t row = 0; row < rows; row++, x += channels, y += channels)
    for (int64_t c = 0; c < channels; c++) {
      const float sum = x[c] + bias[c];
      y[c] = sum < 0.0f ? 0.0f : sum;
    }
}

void Compute(void*, TF_OpKernelContext* context) {
  Status status;
  const Input x(context, 0, &status), bias(context, 1, &status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  if (x.rank() < 1 || bias.rank() != 1 || bias.dim(0) < 1 || bias.dim(0) != x.dim(x.rank() - 1)) {
    status.set(TF_INVALID_ARGUMENT, "KelvinBiasRelu takes one bias for each channel");
    return TF_OpKernelContext_Failure(context, status.get());
  }
  const Output y(context, 0, x.shape(), &status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t channels = bias.dim(0);
  const int64_t rows = x.size() / channels;
  InParallel(rows, 2 * channels * sizeof(float), [&](int64_t from, int64_t to) {
    Rows(to - from, channels, x.data() + from * channels, bias.data(), y.data() + from * channels);
  });
}

const bool registered = Register({
    "KelvinBiasRelu",
    {"x: float", "bias: float"},
    {},
    {"y: float"},
    nullptr,
    Compute,
    nullptr,
});

}  // namespace
}  // namespace kelvin
