/**
 * The partition of a key: FNV-1a (32 bit, over UTF-16 code units) with the finaliser of MurmurHash3,
 * modulo `partitions`. Part of the file format: a change would move customers to other partitions and
 * break their order.
 */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  // The low bits of bare FNV-1a hang on the low bits of the input only.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions
}
