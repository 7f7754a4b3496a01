export { describeKernelBackend, type KernelBackendSuite } from "./kernel-backend.ts";
export { type CaseLengths, type KernelCase, kernelCases } from "./kernel-cases.ts";
