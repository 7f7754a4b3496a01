import type { RequestListener } from "node:http";

/** Tells clients which process answers. */
export default (listener: RequestListener): RequestListener =>
  (request, response) => {
    response.setHeader("x-pid", process.pid);
    listener(request, response);
  };
