import { BlockList, isIP } from "node:net";
import { networkingError } from "../errors.ts";

/**
 * A test for addresses that lie in one of the given addresses or CIDR blocks.
 *
 * @throws OPTION_INVALID
 */
export function trustedPeers(blocks: readonly string[]): (address: string) => boolean {
  if (blocks.length === 0) return () => false;
  const list = new BlockList();
  for (const block of blocks) add(list, block);
  return (address) => {
    const plain = address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
    const family = isIP(plain);
    return family !== 0 && list.check(plain, family === 6 ? "ipv6" : "ipv4");
  };
}

function add(list: BlockList, block: string): void {
  const [address = "", length, ...rest] = block.split("/");
  const family = isIP(address);
  const widest = family === 6 ? 128 : 32;
  const bits = length === undefined ? widest : Number(length);
  if (family === 0 || rest.length > 0 || length === "" || !Number.isInteger(bits) || bits < 0 || bits > widest) {
    const rule = "a list of IP addresses or CIDR blocks, such as 10.0.0.0/8";
    throw networkingError("OPTION_INVALID", { option: "trustedProxies", value: JSON.stringify(block), rule });
  }
  list.addSubnet(address, bits, family === 6 ? "ipv6" : "ipv4");
}
