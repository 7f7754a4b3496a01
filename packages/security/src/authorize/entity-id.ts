/** An entity as Cedar's JSON names it. */
export interface CedarId {
  readonly type: string;
  readonly id: string;
}

const typePath = /^[A-Za-z_]\w*(::[A-Za-z_]\w*)*$/;
// Printable, without what means something in a policy's text or could pass for something else.
const forbiddenInId = /["\\*\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const maxLength = 1024;

/**
 * Takes `Type::id` apart at its last `::`. Returns the rule that a text breaks, in words.
 */
export function parseEntityId(text: unknown): CedarId | string {
  if (typeof text !== "string") return "it is not a string";
  if (text.length > maxLength) return `it is longer than ${maxLength} characters`;
  if (!text.isWellFormed()) return "it has a lone surrogate";
  const cut = text.lastIndexOf("::");
  const [type, id] = [text.slice(0, Math.max(0, cut)), text.slice(cut + 2)];
  if (cut < 0 || !typePath.test(type) || id === "") return "it does not have the form Type::id";
  if (forbiddenInId.test(id)) return "its id has a quote, a backslash, an asterisk, or a character that cannot be seen";
  if (id === "__proto__" || type.split("::").includes("__proto__")) return "__proto__ is not allowed";
  return { type, id };
}

/** `Type::id`, as keys of maps and messages have it. */
export function entityKey({ type, id }: CedarId): string {
  return `${type}::${id}`;
}
