import type { JsonObject, JsonValue } from '#contracts/json.ts'

/**
 * A reader of one path: the value under the whole name where there is one (`address.country` may be a
 * name), else what the dots lead to. Own properties only, objects only.
 */
export function compilePath(path: string): (from: JsonObject) => JsonValue | undefined {
  const keys = path.split('.')
  return (from) => {
    if (Object.hasOwn(from, path)) return from[path]
    let value: JsonValue | undefined = from
    for (const key of keys) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
      value = Object.hasOwn(value, key) ? value[key] : undefined
    }
    return value
  }
}
