// Threads that kernels of Kelvin's share. They live as long as the process and sleep between kernels.
#include "threads.h"

#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace kelvin {
namespace {

// Bytes below which waking another thread takes longer than the work.
constexpr int64_t kWorthwhile = 256 * 1024;
constexpr int kMost = 64;

// TF_NUM_INTRAOP_THREADS, else the cores that this process may run on.
int ThreadCount() {
  const char* given = std::getenv("TF_NUM_INTRAOP_THREADS");
  int count = given ? std::atoi(given) : 0;
  if (count <= 0) {
    cpu_set_t cores;
    count = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
  }
  return std::min(std::max(count, 1), kMost);
}

class Threads {
 public:
  explicit Threads(int count) {
    for (int i = 1; i < count; i++) std::thread([this, i] { Serve(i); }).detach();
  }

  // Whole parts for each thread, so that a thread sees the same memory every time. False when others use the threads.
  bool Run(int64_t count, int parts, const std::function<void(int64_t, int64_t)>& work) {
    std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
    if (!turn) return false;
    {
      std::lock_guard<std::mutex> guard(mutex_);
      work_ = &work;
      count_ = count;
      parts_ = parts;
      left_ = parts - 1;
      round_++;
    }
    wake_.notify_all();
    work(0, count / parts);
    std::unique_lock<std::mutex> guard(mutex_);
    done_.wait(guard, [this] { return left_ == 0; });
    return true;
  }

 private:
  void Serve(int index) {
    uint64_t served = 0;
    std::unique_lock<std::mutex> guard(mutex_);
    for (;;) {
      wake_.wait(guard, [&] { return round_ != served; });
      served = round_;
      if (index >= parts_) continue;
      const int64_t from = count_ * index / parts_;
      const int64_t to = count_ * (index + 1) / parts_;
      const auto* work = work_;
      guard.unlock();
      (*work)(from, to);
      guard.lock();
      if (--left_ == 0) done_.notify_one();
    }
  }

  std::mutex turn_, mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int64_t, int64_t)>* work_ = nullptr;
  int64_t count_ = 0;
  int parts_ = 0;
  int left_ = 0;
  uint64_t round_ = 0;
};

}  // namespace

void InParallel(int64_t count, int64_t cost, const std::function<void(int64_t, int64_t)>& work) {
  static const int threads = ThreadCount();
  // Never freed: its threads run until the process ends.
  static Threads* const shared = threads > 1 ? new Threads(threads) : nullptr;
  const int64_t most = std::min<int64_t>({threads, count, count * cost / kWorthwhile});
  if (most < 2 || !shared->Run(count, static_cast<int>(most), work)) work(0, count);
}

}  // namespace kelvin
