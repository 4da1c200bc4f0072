/**
 * The partition that Kafka's own clients give a record with this key: murmur2 over the key's bytes, its sign
 * bit cleared, modulo the partitions (`Utils.murmur2` and `BuiltInPartitioner.partitionForKey` of Apache
 * Kafka). Whoever produces with the same key meets us in the same partition.
 */
export function kafkaPartitionOf(key: string, partitions: number): number {
  return (murmur2(keyBytes(key)) & 0x7fffffff) % partitions
}

/** Austin Appleby's MurmurHash2 with Kafka's seed, as a signed word of 32 bits. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  let hash = 0x9747b28c ^ length
  const wordsEnd = length & ~3
  for (let i = 0; i < wordsEnd; i += 4) {
    let word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    word = Math.imul(word, 0x5bd1e995)
    word = Math.imul(word ^ (word >>> 24), 0x5bd1e995)
    hash = Math.imul(hash, 0x5bd1e995) ^ word
  }
  const rest = length & 3
  if (rest === 3) hash ^= bytes[wordsEnd + 2]! << 16
  if (rest >= 2) hash ^= bytes[wordsEnd + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[wordsEnd]!, 0x5bd1e995)
  hash = Math.imul(hash ^ (hash >>> 13), 0x5bd1e995)
  return hash ^ (hash >>> 15)
}

/** One buffer for all keys: a new one for each record costs more than the hash. */
const encoder = new TextEncoder()
const scratch = new Uint8Array(2048)

function keyBytes(key: string): Uint8Array {
  // A UTF-16 unit is at most three bytes of UTF-8.
  if (key.length * 3 > scratch.length) return encoder.encode(key)
  return scratch.subarray(0, encoder.encodeInto(key, scratch).written)
}
