import { connect } from "node:net";
import { isAshlarError } from "@ashlar/core";
import { describe, expect, it } from "vitest";
import { balance, createGateway, type Handler } from "../src/index.ts";
import { startUpstream } from "./upstream.ts";

const code = (expected: string) => expect.toSatisfy((error) => isAshlarError(error, expected));

/** A handler that answers when it is told to. */
function held() {
  const began = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const handler: Handler = async () => {
    began.resolve();
    await release.promise;
    return new Response("finished");
  };
  return { handler, began: began.promise, release: () => release.resolve() };
}

describe("listen", () => {
  it("names the port that is in use", async () => {
    await using first = createGateway({ routes: [] });
    await using second = createGateway({ routes: [] });
    const { port, host } = await first.listen({ port: 0 });
    expect(host).toBe("127.0.0.1");
    await expect(second.listen({ port })).rejects.toThrow(code("PORT_IN_USE"));
    await expect(second.listen({ port })).rejects.toThrow(String(port));
    await first.close();
    expect(await second.listen({ port })).toEqual({ port, host });
  });

  it("refuses what it cannot open", async () => {
    await using gateway = createGateway({ routes: [] });
    await expect(gateway.listen({ port: 0, host: "192.0.2.1" })).rejects.toThrow(code("LISTEN_FAILED"));
    await expect(gateway.listen({ port: 70_000 })).rejects.toThrow(code("OPTION_INVALID"));
    await gateway.listen({ port: 0 });
    await expect(gateway.listen({ port: 0 })).rejects.toThrow(code("GATEWAY_STATE"));
    await gateway.close();
    await expect(gateway.listen({ port: 0 })).rejects.toThrow(code("GATEWAY_STATE"));
  });
});

describe("close", () => {
  it("lets requests under way finish, closes their connections, and takes no more", async () => {
    const { handler, began, release } = held();
    const gateway = createGateway({ routes: [{ path: "/", to: handler }] });
    const { port } = await gateway.listen({ port: 0 });
    const url = `http://127.0.0.1:${port}`;
    const request = fetch(url);
    await began;
    const closed = gateway.close({ drainMs: 10_000 });
    await expect(fetch(url)).rejects.toThrow("fetch failed");
    release();
    const response = await request;
    expect(response.headers.get("connection")).toBe("close");
    expect(await response.text()).toBe("finished");
    await closed;
    expect(gateway.statistics().connections).toBe(0);
  });

  it("lets a forwarded response finish that had begun", async () => {
    const release = Promise.withResolvers<void>();
    await using upstream = await startUpstream((_, response) => {
      response.write("begun ");
      void release.promise.then(() => response.end("finished"));
    });
    const gateway = createGateway({ routes: [{ path: "/", to: balance.leastLoaded([upstream.url]) }] });
    const { port } = await gateway.listen({ port: 0 });
    const response = await fetch(`http://127.0.0.1:${port}`);
    const closed = gateway.close({ drainMs: 10_000 });
    release.resolve();
    expect(await response.text()).toBe("begun finished");
    await closed;
  });

  it("ends what is left when the time for draining is over", async () => {
    const { handler, began } = held();
    const gateway = createGateway({ routes: [{ path: "/", to: handler }] });
    const { port } = await gateway.listen({ port: 0 });
    const cut = fetch(`http://127.0.0.1:${port}`).catch((error: unknown) => error);
    await began;
    await gateway.close({ drainMs: 50 });
    expect(await cut).toBeInstanceOf(TypeError);
  });

  it("does not wait for connections that never asked for anything", async () => {
    const gateway = createGateway({ routes: [] });
    const { port } = await gateway.listen({ port: 0 });
    const socket = connect(port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    const ended = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
    await gateway.close({ drainMs: 20_000 });
    expect(await ended).toBe(false);
  });

  it("can be called twice, and before the gateway ever listened", async () => {
    const gateway = createGateway({ routes: [] });
    await Promise.all([gateway.close(), gateway.close()]);
    await expect(createGateway({ routes: [] }).close()).resolves.toBeUndefined();
    await expect(createGateway({ routes: [] }).close({ drainMs: -1 })).rejects.toThrow(code("OPTION_INVALID"));
  });
});
