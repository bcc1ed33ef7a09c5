// Threads that kernels of Kelvin's share: TensorFlow's own cannot be reached by its C API.
#ifndef KELVIN_THREADS_H_
#define KELVIN_THREADS_H_

#include <cstdint>
#include <functional>

namespace kelvin {

// Calls work(from, to) for parts of 0..count that make up the whole, on as many threads as TensorFlow may use for one
// operation. `cost` is about how many bytes one of them reads and writes: little work stays in the calling thread.
void InParallel(int64_t count, int64_t cost, const std::function<void(int64_t, int64_t)>& work);

}  // namespace kelvin

#endif
