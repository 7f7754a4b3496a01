import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { isAshlarError } from "@ashlar/core";
import { beforeAll, describe, expect, it } from "vitest";
import { balance, createGateway, type Route } from "../src/index.ts";
import { createAuthority, type TestAuthority, type TestPair } from "./certificates.ts";

const code = (expected: string) => expect.toSatisfy((error) => isAshlarError(error, expected));
const routes: Route[] = [{ path: "/", to: async (request) => new Response(new URL(request.url).protocol) }];

let authority: TestAuthority;
let first: TestPair;
let second: TestPair;

beforeAll(async () => {
  authority = await createAuthority();
  [first, second] = [await authority.issue("first"), await authority.issue("second")];
});

/** A TLS connection that stays open. */
async function secure(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({
    port,
    host: "127.0.0.1",
    ca: authority.cert,
    ALPNProtocols: ["h2", "http/1.1"],
    ...options,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", () => resolve());
    socket.once("error", reject);
  });
  return socket;
}

const shownBy = (socket: TLSSocket): unknown => socket.getPeerCertificate().subject.CN;

function ask(socket: TLSSocket): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    socket.once("data", (data: Buffer) => resolve(data.toString("latin1")));
    socket.once("close", () => reject(new Error("closed without an answer")));
    socket.once("error", reject);
  });
  socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  return answer;
}

describe("TLS", () => {
  it("speaks HTTP/1.1 and shows new certificates without dropping a connection", async () => {
    await using gateway = createGateway({ routes, tls: first });
    const { port } = await gateway.listen({ port: 0 });
    const old = await secure(port);
    expect([old.alpnProtocol, shownBy(old)]).toEqual(["http/1.1", "first"]);
    expect(await ask(old)).toMatch(/^HTTP\/1\.1 200 .*https:/s);

    gateway.setCertificates(second);
    const fresh = await secure(port);
    expect(shownBy(fresh)).toBe("second");
    expect(await ask(old)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await ask(fresh)).toMatch(/^HTTP\/1\.1 200 /);
    for (const socket of [old, fresh]) socket.destroy();
  });

  it("refuses certificates that would not work, and keeps those it has", async () => {
    const expired = await authority.issue("expired", { notAfter: new Date(Date.now() - 1000) });
    await using gateway = createGateway({ routes, tls: first });
    const { port } = await gateway.listen({ port: 0 });
    for (const bad of [{ cert: first.cert, key: second.key }, { cert: "no", key: "no" }, expired]) {
      expect(() => gateway.setCertificates(bad)).toThrow(code("CERTIFICATE_INVALID"));
      expect(() => createGateway({ routes, tls: bad })).toThrow(code("CERTIFICATE_INVALID"));
    }
    const socket = await secure(port);
    expect(shownBy(socket)).toBe("first");
    socket.destroy();
    await using plain = createGateway({ routes });
    expect(() => plain.setCertificates(first)).toThrow(code("GATEWAY_STATE"));
  });

  it("refuses TLS 1.1, and clients without a certificate where one is asked for, after a rotation too", async () => {
    await using gateway = createGateway({ routes, tls: { ...first, ca: authority.cert } });
    const { port } = await gateway.listen({ port: 0 });
    const rotate = (): void => gateway.setCertificates({ ...second, ca: authority.cert });
    for (const before of [() => {}, rotate]) {
      before();
      const bare = secure(port, { maxVersion: "TLSv1.2" });
      await expect(bare).rejects.toBeInstanceOf(Error);
      const outdated = secure(port, { ...first, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" });
      await expect(outdated).rejects.toBeInstanceOf(Error);
      const known = await secure(port, first);
      expect(await ask(known)).toMatch(/^HTTP\/1\.1 200 /);
      known.destroy();
    }
  });

  it("reaches https upstreams of its own authority, and no others", async () => {
    const server = createServer({ ...first }, (_, response) => response.end("secret"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const to = balance.leastLoaded([url], { connection: { tls: { ca: authority.cert } } });
    await using gateway = createGateway({
      routes: [
        { path: "/trusted", to },
        { path: "/strange", to: balance.leastLoaded([url]) },
      ],
    });
    const { port } = await gateway.listen({ port: 0 });
    expect(await (await fetch(`http://127.0.0.1:${port}/trusted`)).text()).toBe("secret");
    expect((await fetch(`http://127.0.0.1:${port}/strange`)).status).toBe(502);
    server.closeAllConnections();
    server.close();
  });
});
