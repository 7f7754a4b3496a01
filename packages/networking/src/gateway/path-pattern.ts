import { networkingError } from "../errors.ts";
import { canonicalTarget } from "./canonical-path.ts";

/** What the named segments of a pattern stood for, percent-decoded. */
export type PathParams = Readonly<Record<string, string>>;

const none: PathParams = Object.freeze({});

/**
 * Compiles a route path into a matcher that reads the path once, whatever it contains.
 *
 * `*` takes one segment, `:name` takes one and names it, `/**` at the end takes any number, none included.
 *
 * @returns a function from a canonical path to its parameters, or undefined when it does not match
 * @throws ROUTE_INVALID when the pattern is not canonical itself
 */
export function compilePath(pattern: string): (path: string) => PathParams | undefined {
  const open = pattern.endsWith("/**");
  const fixed = open ? pattern.slice(0, -3) : pattern;
  checkPattern(pattern, fixed);
  const segments = fixed.split("/").slice(1);
  if (open && !/[*:]/.test(fixed)) {
    return (path) =>
      path.startsWith(fixed) && (path.length === fixed.length || path.charCodeAt(fixed.length) === 0x2f)
        ? none
        : undefined;
  }
  if (!open && !/[*:]/.test(fixed)) return (path) => (path === fixed ? none : undefined);

  return (path) => {
    const given = path.split("/");
    const count = given.length - 1;
    if (open ? count < segments.length : count !== segments.length) return undefined;
    const named: [string, string][] = [];
    for (const [index, segment] of segments.entries()) {
      const value = given[index + 1] as string;
      if (segment === "*" || segment.startsWith(":")) {
        if (value === "") return undefined;
        if (segment !== "*") named.push([segment.slice(1), decodeURIComponent(value)]);
      } else if (segment !== value) return undefined;
    }
    return named.length === 0 ? none : Object.fromEntries(named);
  };
}

function checkPattern(pattern: string, fixed: string): void {
  const fail = (problem: string): never => {
    const remedy = `Write a path such as "/v2/models/:model/infer" or "/v2/**".`;
    throw networkingError("ROUTE_INVALID", { path: pattern, problem, remedy });
  };
  if (!pattern.startsWith("/")) fail("it does not begin with a slash");
  const segments = fixed.split("/").slice(1);
  const names = segments.filter((segment) => segment.startsWith(":"));
  if (segments.some((segment) => segment !== "*" && segment.includes("*"))) {
    fail(`"*" stands for a whole segment, and "**" for the rest of the path`);
  }
  if (names.some((name) => !/^:[A-Za-z][A-Za-z0-9_]*$/.test(name)))
    fail("a parameter is not named in letters and digits");
  if (new Set(names).size < names.length) fail("a parameter name cannot be used twice");
  if (fixed === "") return;
  const canonical = canonicalTarget(fixed);
  if ("problem" in canonical) fail(canonical.problem);
  else if (canonical.path !== fixed || canonical.query !== "") fail("it is not in canonical form");
}
