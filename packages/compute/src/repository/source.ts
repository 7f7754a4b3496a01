import type { DeclaredSignature } from "./declared-signature.ts";

/** A version that a repository holds. */
export interface StoredVersion {
  readonly version: string;
  /** Changes when the bytes do; opaque. */
  readonly stamp: string;
}

/** A model that a repository holds. */
export interface StoredModel {
  readonly name: string;
  /** Changes when the settings do; empty without any. */
  readonly settingsStamp: string;
  readonly versions: readonly StoredVersion[];
  /** What was in the way of finding its versions: what is served of it stays. */
  readonly unreadable?: Error;
}

/** Where models come from. Implement it to serve models from somewhere else. */
export interface ModelSource {
  list(): Promise<readonly StoredModel[]>;
  /** The bytes of an `.onnx` or `.ort` file. */
  read(name: string, version: string): Promise<Uint8Array>;
  /** The JSON value of the model's settings, undefined when it has none. */
  settings(name: string): Promise<unknown>;
  /** What the model's inputs and outputs are said to be: one that has others is refused. Default: nothing is said. */
  declared?(name: string): Promise<DeclaredSignature | undefined>;
}

/** Names that may stand in URLs; whatever else lies in a repository is passed over. */
export const modelName: RegExp = /^(?!\.{1,2}$)[\w.-]{1,128}$/;

/** Versions of Triton's directory form are whole numbers from 1 on. */
export const versionName: RegExp = /^[1-9]\d{0,14}$/;

/** Files that may hold a model, in the order in which they are looked for. */
export const modelFiles = ["model.onnx", "model.ort"] as const;

export const settingsFile = "settings.json";
