import { afterEach, describe, expect, test, vi } from "vitest";
import { parseOptions } from "./options.ts";

afterEach(() => vi.restoreAllMocks());

describe("parseOptions", () => {
  test("has a default for everything", () => {
    expect(parseOptions([])).toEqual({
      options: { once: false, rows: undefined, data: ".ashlar", port: 8080, fresh: false, report: undefined },
    });
  });

  test("reads every flag", () => {
    const argv = "--once --rows 20000 --data d --port 0 --fresh --report r.json".split(" ");
    expect(parseOptions(argv)).toEqual({
      options: { once: true, rows: 20_000, data: "d", port: 0, fresh: true, report: "r.json" },
    });
  });

  test.each([
    ["--rows", "19999"],
    ["--rows", "3000001"],
    ["--rows", "1e6"],
    ["--rows", ""],
    ["--port", "65536"],
    ["--port", "-1"],
    ["--port", "http"],
  ])("refuses %s %s and names the rule", (option, value) => {
    expect(() => parseOptions([`${option}=${value}`])).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining(option) }),
    );
  });

  test.each([["--rwos", "5"], ["--rows"], ["stray"]])("ends with exit code 2 on %s", (...argv) => {
    const told = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    expect(parseOptions(argv)).toEqual({ exitCode: 2 });
    expect(told).toHaveBeenCalled();
  });

  test("ends with exit code 0 after help", () => {
    const told = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    expect(parseOptions(["--help"])).toEqual({ exitCode: 0 });
    expect(String(told.mock.calls[0]?.[0])).toContain("--fresh");
  });
});
