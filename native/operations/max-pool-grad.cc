// KelvinMaxPoolGrad: the gradient of a maximum pool over images [batch, height, width, channels] of float32. The first
// maximum of a window gets it, row by row, as in TensorFlow; which finds the maxima again for each, one number at a time.
#include <algorithm>
#include <cstring>
#include <vector>

#include "registration.h"
#include "threads.h"

namespace kelvin {
namespace {

struct Window {
  int32_t size[2], strides[2], before[2];
};

void* Create(TF_OpKernelConstruction* construction) {
  auto* window = new Window;
  Status status;
  TF_OpKernelConstruction_GetAttrInt32List(construction, "ksize", window->size, 2, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32List(construction, "strides", window->strides, 2, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32List(construction, "before", window->before, 2, status.get());
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction, status.get());
  return window;
}

// What is left of a pixel's gradients goes to the channels whose maximum is here.
KELVIN_VECTORS void Share(int64_t channels, const float* x, const float* y, float* left, float* dx) {
  for (int64_t c = 0; c < channels; c++) {
    const bool here = x[c] == y[c] || y[c] != y[c];
    const float taken = here ? left[c] : 0.0f;
    dx[c] += taken;
    left[c] = here ? 0.0f : left[c];
  }
}

struct Images {
  int64_t height, width, channels;
};

void OneImage(const Window& w, const Images& in, const Images& out, const float* x, const float* y, const float* dy,
              float* dx, float* left) {
  const int64_t channels = in.channels;
  std::memset(dx, 0, in.height * in.width * channels * sizeof(float));
  for (int64_t row = 0; row < out.height; row++) {
    const int64_t top = row * w.strides[0] - w.before[0];
    const int64_t bottom = std::min(top + w.size[0], in.height);
    for (int64_t column = 0; column < out.width; column++, y += channels, dy += channels) {
      const int64_t start = column * w.strides[1] - w.before[1];
      const int64_t end = std::min(start + w.size[1], in.width);
      std::memcpy(left, dy, channels * sizeof(float));
      for (int64_t i = std::max<int64_t>(top, 0); i < bottom; i++)
        for (int64_t j = std::max<int64_t>(start, 0); j < end; j++) {
          const int64_t at = (i * in.width + j) * channels;
          Share(channels, x + at, y, left, dx + at);
        }
    }
  }
}

void Compute(void* kernel, TF_OpKernelContext* context) {
  const Window& window = *static_cast<Window*>(kernel);
  Status status;
  const Input x(context, 0, &status), y(context, 1, &status), dy(context, 2, &status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  if (x.rank() != 4 || y.rank() != 4 || !y.same_shape(dy) || x.dim(0) != y.dim(0) || x.dim(3) != y.dim(3)) {
    status.set(TF_INVALID_ARGUMENT, "KelvinMaxPoolGrad takes images, their pools and the gradients of those");
    return TF_OpKernelContext_Failure(context, status.get());
  }
  const Output dx(context, 0, x.shape(), &status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Images in{x.dim(1), x.dim(2), x.dim(3)}, out{y.dim(1), y.dim(2), y.dim(3)};
  const int64_t image = in.height * in.width * in.channels, pool = out.height * out.width * out.channels;
  InParallel(x.dim(0), (2 * image + 2 * pool) * sizeof(float), [&](int64_t from, int64_t to) {
    std::vector<float> left(in.channels);
    for (int64_t i = from; i < to; i++)
      OneImage(window, in, out, x.data() + i * image, y.data() + i * pool, dy.data() + i * pool, dx.data() + i * image,
               left.data());
  });
}

const bool registered = Register({
    "KelvinMaxPoolGrad",
    {"x: float", "y: float", "dy: float"},
    {"ksize: list(int) = [2, 2]", "strides: list(int) = [2, 2]", "before: list(int) = [0, 0]"},
    {"dx: float"},
    Create,
    Compute,
    [](void* kernel) { delete static_cast<Window*>(kernel); },
});

}  // namespace
}  // namespace kelvin
