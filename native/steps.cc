// Small training steps, run whole: a program is a list of instructions over buffers of JavaScript's. An addon for Node-API
// without TensorFlow, built by `kelvin native install` and by scripts that test it.
//
//   allocate(floats)            a Float32Array of zeros at a multiple of 64 bytes
//   create(code, buffers, work) a program. `code` Int32Array, `buffers` Float32Arrays, `work` floats for packing. The caller
//                               keeps the buffers alive as long as the program
//   run(program)                0, or what went wrong (interpret.inc)
//   level                       which instructions are used: 'avx512', 'avx2' or 'sse2'
#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#define LANES 4
namespace sse2 {
#include "kernels.inc"
#include "elementwise.inc"
#include "interpret.inc"
}
#undef LANES

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define LANES 8
namespace avx2 {
#include "kernels.inc"
#include "elementwise.inc"
#include "interpret.inc"
}
#undef LANES
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,fma")
#endif
#define LANES 16
namespace avx512 {
#include "kernels.inc"
#include "elementwise.inc"
#include "interpret.inc"
}
#undef LANES
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace {

typedef int (*Run)(const int*, const int*, float* const*, float*);

struct Level {
  const char* name;
  Run run;
};

Level levelHere() {
  __builtin_cpu_init();
  const char* wanted = getenv("KELVIN_STEPS_LEVEL");  // for tests: 'avx2' or 'sse2'
  const bool lowest = wanted != nullptr && wanted[0] == 's', lower = wanted != nullptr && !lowest;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  const bool middle = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (wide && middle && !lower && !lowest) return {"avx512", avx512::run};
  if (middle && !lowest) return {"avx2", avx2::run};
  return {"sse2", sse2::run};
}

const Level level = levelHere();

struct Program {
  std::vector<int> code;
  std::vector<float*> at;
  std::vector<float> packed;
};

bool refuse(napi_env env, napi_status status, const char* what) {
  if (status == napi_ok) return false;
  napi_throw_error(env, nullptr, what);
  return true;
}

napi_value Allocate(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, memory, array;
  int64_t floats = 0;
  if (refuse(env, napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr), "arguments")) return nullptr;
  if (refuse(env, napi_get_value_int64(env, argument, &floats), "allocate: a number is needed")) return nullptr;
  void* data = nullptr;
  const size_t bytes = static_cast<size_t>(floats) * sizeof(float);
  if (refuse(env, napi_create_arraybuffer(env, bytes + 64, &data, &memory), "allocate: out of memory")) return nullptr;
  const size_t offset = (64 - reinterpret_cast<uintptr_t>(data) % 64) % 64;
  if (refuse(env, napi_create_typedarray(env, napi_float32_array, floats, memory, offset, &array), "allocate")) return nullptr;
  return array;
}

napi_value Create(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3], result;
  if (refuse(env, napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr), "arguments")) return nullptr;
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (refuse(env, napi_get_typedarray_info(env, arguments[0], &type, &length, &data, nullptr, nullptr), "create: code"))
    return nullptr;
  Program* program = new Program;
  program->code.assign(static_cast<int*>(data), static_cast<int*>(data) + length);
  uint32_t buffers = 0;
  int64_t work = 0;
  napi_get_array_length(env, arguments[1], &buffers);
  napi_get_value_int64(env, arguments[2], &work);
  program->packed.resize(work);
  for (uint32_t i = 0; i < buffers; i++) {
    napi_value buffer;
    napi_status status = napi_get_element(env, arguments[1], i, &buffer);
    if (status == napi_ok) status = napi_get_typedarray_info(env, buffer, &type, &length, &data, nullptr, nullptr);
    if (status != napi_ok) delete program;
    if (refuse(env, status, "create: buffers")) return nullptr;
    program->at.push_back(static_cast<float*>(data));
  }
  const auto release = [](napi_env, void* given, void*) { delete static_cast<Program*>(given); };
  if (refuse(env, napi_create_external(env, program, release, nullptr, &result), "create")) return nullptr;
  return result;
}

napi_value RunProgram(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, result;
  void* data = nullptr;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  if (refuse(env, napi_get_value_external(env, argument, &data), "run: a program is needed")) return nullptr;
  Program& program = *static_cast<Program*>(data);
  const int* code = program.code.data();
  napi_create_int32(env, level.run(code, code + program.code.size(), program.at.data(), program.packed.data()), &result);
  return result;
}

napi_value Init(napi_env env, napi_value exports) {
  napi_value name;
  napi_create_string_utf8(env, level.name, NAPI_AUTO_LENGTH, &name);
  const napi_property_descriptor properties[] = {
      {"allocate", nullptr, Allocate, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"create", nullptr, Create, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"run", nullptr, RunProgram, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"level", nullptr, nullptr, nullptr, nullptr, name, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, 4, properties);
  return exports;
}

}  // namespace

NAPI_MODULE(kelvin_steps, Init)
