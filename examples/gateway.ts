// A gateway that checks tokens, limits each principal, and tries another upstream when one does not answer.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { balance, createGateway } from "@ashlar/networking";
import { createTokenIssuer, createTokenVerifier } from "@ashlar/security/identity";

const upstream = createServer((request, response) => {
  const answer = {
    path: request.url,
    asked: request.headers["x-ashlar-principal"],
    token: request.headers.authorization,
  };
  response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
});
await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
const up = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
const down = "http://127.0.0.1:9"; // the discard port: nothing listens

const issuer = "https://login.example.com";
const keys = [{ kid: "1", key: generateKeyPairSync("ed25519").privateKey }];
const tokens = createTokenIssuer({ issuer, keys });
await using gateway = createGateway({
  routes: [
    {
      path: "/v2/**",
      to: balance.leastLoaded([up, down]),
      authenticate: createTokenVerifier({ issuer, audience: "models", keys: tokens.jwks() }),
      limit: { rate: "4/s", by: "principal" },
      deadline: "2s",
      retry: { budget: 0.1 },
    },
  ],
});
const { port } = await gateway.listen({ port: 0 });

const token = await tokens.issue({ principal: "User::ada", audience: "models" });
const ask = async (headers: Record<string, string>): Promise<void> => {
  const response = await fetch(`http://127.0.0.1:${port}/v2/models/delay`, { headers });
  console.log(response.status, await response.text());
};
await ask({});
await ask({ authorization: `Bearer ${token}`, "x-ashlar-principal": "User::root" });
await Promise.all(Array.from({ length: 5 }, () => ask({ authorization: `Bearer ${token}` })));
console.log(gateway.statistics().routes[0]?.statuses);
upstream.closeAllConnections();
upstream.close();
