// What kernels of Kelvin's have in common: TensorFlow's C API for operations, with owners for what it hands out.
#ifndef KELVIN_REGISTRATION_H_
#define KELVIN_REGISTRATION_H_

#include <cstdint>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

// A loop is compiled for the vectors of several processors, and the loader takes the best that there is.
#if defined(__GNUC__) && !defined(__clang__)
#define KELVIN_VECTORS __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define KELVIN_VECTORS
#endif

namespace kelvin {

class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  TF_Status* get() const { return status_; }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }
  void set(TF_Code code, const char* message) const { TF_SetStatus(status_, code, message); }

 private:
  TF_Status* const status_;
};

class Tensor {
 public:
  ~Tensor() {
    if (tensor_) TF_DeleteTensor(tensor_);
  }
  Tensor(const Tensor&) = delete;
  int rank() const { return TF_NumDims(tensor_); }
  int64_t dim(int i) const { return TF_Dim(tensor_, i); }
  float* data() const { return static_cast<float*>(TF_TensorData(tensor_)); }
  std::vector<int64_t> shape() const {
    std::vector<int64_t> sizes;
    for (int i = 0; i < rank(); i++) sizes.push_back(dim(i));
    return sizes;
  }
  bool same_shape(const Tensor& other) const { return shape() == other.shape(); }
  int64_t size() const { return TF_TensorElementCount(tensor_); }
  int64_t bytes() const { return size() * sizeof(float); }

 protected:
  Tensor() = default;
  TF_Tensor* tensor_ = nullptr;
};

class Input : public Tensor {
 public:
  Input(TF_OpKernelContext* context, int index, Status* status) {
    if (status->ok()) TF_GetInput(context, index, &tensor_, status->get());
  }
};

// An output of float32.
class Output : public Tensor {
 public:
  Output(TF_OpKernelContext* context, int index, const std::vector<int64_t>& shape, Status* status) {
    if (!status->ok()) return;
    size_t bytes = sizeof(float);
    for (int64_t size : shape) bytes *= size;
    const int rank = static_cast<int>(shape.size());
    tensor_ = TF_AllocateOutput(context, index, TF_FLOAT, shape.data(), rank, bytes, status->get());
  }
};

// An operation with its kernel for the CPU. Its first output has the shape of its first input.
struct Operation {
  const char* name;
  std::vector<const char*> inputs;
  std::vector<const char*> attrs;
  std::vector<const char*> outputs;
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
};

// Makes the operation known to TensorFlow: in eager calls and in graphs. Call it while the addon is loaded.
bool Register(const Operation& operation);

}  // namespace kelvin

#endif
