// Registers operations of Kelvin's with TensorFlow.
#include "registration.h"

#include "tensorflow/c/ops.h"

namespace kelvin {
namespace {

void ShapeOfFirstInput(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
  if (TF_GetCode(status) != TF_OK) return;
  TF_ShapeHandle* shape = TF_NewShapeHandle();
  TF_ShapeInferenceContextGetInput(context, 0, shape, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, 0, shape, status);
  TF_DeleteShapeHandle(shape);
}

}  // namespace

bool Register(const Operation& operation) {
  Status status;
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(operation.name);
  for (const char* input : operation.inputs) TF_OpDefinitionBuilderAddInput(definition, input);
  for (const char* attr : operation.attrs) TF_OpDefinitionBuilderAddAttr(definition, attr);
  for (const char* output : operation.outputs) TF_OpDefinitionBuilderAddOutput(definition, output);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, ShapeOfFirstInput);
  TF_RegisterOpDefinition(definition, status.get());
  if (!status.ok()) return false;
  TF_KernelBuilder* kernel =
      TF_NewKernelBuilder(operation.name, "CPU", operation.create, operation.compute, operation.destroy);
  TF_RegisterKernelBuilder(operation.name, kernel, status.get());
  return status.ok();
}

}  // namespace kelvin
