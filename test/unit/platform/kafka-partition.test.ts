import { expect, test } from 'vitest'
import { kafkaPartitionOf, murmur2 } from '#platform/log/kafka/murmur2.ts'

// Apache Kafka, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java, testMurmur2.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s is what Kafka gives', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash)
  expect(kafkaPartitionOf(key, 7)).toBe((hash & 0x7fffffff) % 7)
})

test('hashes the bytes of UTF-8, however long the key is', () => {
  for (const key of ['shop\0日本語😀', 'ä'.repeat(5000), '']) {
    expect(kafkaPartitionOf(key, 1000)).toBe((murmur2(Buffer.from(key)) & 0x7fffffff) % 1000)
  }
})
