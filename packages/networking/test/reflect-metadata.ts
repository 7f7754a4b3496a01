/**
 * The part of the metadata proposal that the dependency container of `@peculiar/x509` asks for, so that the tests need
 * no polyfill package. Import it before that library.
 */
type Key = string | symbol;

const metadata = new WeakMap<object, Map<string, Map<unknown, unknown>>>();

function own(target: object, property: Key | undefined): Map<unknown, unknown> {
  const properties = metadata.get(target) ?? new Map<string, Map<unknown, unknown>>();
  metadata.set(target, properties);
  const name = String(property ?? "");
  const entries = properties.get(name) ?? new Map<unknown, unknown>();
  properties.set(name, entries);
  return entries;
}

function defineMetadata(key: unknown, value: unknown, target: object, property?: Key): void {
  own(target, property).set(key, value);
}

function getOwnMetadata(key: unknown, target: object, property?: Key): unknown {
  return own(target, property).get(key);
}

function getMetadata(key: unknown, target: object | null, property?: Key): unknown {
  if (target === null) return undefined;
  const entries = own(target, property);
  return entries.has(key)
    ? entries.get(key)
    : getMetadata(key, Object.getPrototypeOf(target) as object | null, property);
}

Object.assign(Reflect, {
  defineMetadata,
  getOwnMetadata,
  getMetadata,
  metadata: (key: unknown, value: unknown) => (target: object, property?: Key) =>
    defineMetadata(key, value, target, property),
});
