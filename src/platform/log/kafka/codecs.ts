import { createRequire } from 'node:module'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import kafkajs from 'kafkajs'

const { CompressionCodecs, CompressionTypes } = kafkajs
const require = createRequire(import.meta.url)
const snappy = require('snappyjs') as {
  compress(bytes: Uint8Array): Uint8Array
  uncompress(bytes: Uint8Array): Uint8Array
}
const lz4 = require('lz4js') as {
  compress(bytes: Uint8Array): Uint8Array
  decompress(bytes: Uint8Array): Uint8Array
}

/** What kafkajs hands to a codec: its encoder, whose `buffer` is the bytes so far. */
interface Encoded {
  buffer: Buffer
}

/**
 * kafkajs has gzip alone; other producers use any of the four. Ours uses zstd at level 1, in the same
 * thread: handing batches of some 30 kB to the thread pool cost more than it saved (31k events/s against 49k).
 */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async ({ buffer }: Encoded) => zstdCompressSync(buffer, zstdOptions),
    decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
  })
  CompressionCodecs[CompressionTypes.Snappy] = () => ({
    compress: async ({ buffer }: Encoded) => asBuffer(snappy.compress(buffer)),
    decompress: async (buffer: Buffer) => unpackSnappy(buffer),
  })
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async ({ buffer }: Encoded) => asBuffer(lz4.compress(buffer)),
    decompress: async (buffer: Buffer) => asBuffer(lz4.decompress(buffer)),
  })
}

const zstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** The header of xerial's framing, which the Java client writes; librdkafka writes bare snappy. */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const xerialHeaderBytes = 16

function unpackSnappy(buffer: Buffer): Buffer {
  if (!buffer.subarray(0, xerialMagic.length).equals(xerialMagic)) return asBuffer(snappy.uncompress(buffer))
  const blocks: Uint8Array[] = []
  for (let at = xerialHeaderBytes; at < buffer.length; ) {
    const bytes = buffer.readUInt32BE(at)
    blocks.push(snappy.uncompress(buffer.subarray(at + 4, at + 4 + bytes)))
    at += 4 + bytes
  }
  return Buffer.concat(blocks)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
