import type { LogAppend } from '#contracts/event-log.ts'
import { partitionOf } from './partition-of.ts'

/** Records of one partition in their order: JSON texts joined by a newline, in UTF-8. */
export interface PartitionRun {
  partition: number
  count: number
  body: Uint8Array
}

/**
 * One append call as one buffer, so that it crosses to the log's thread by transfer, not by copy.
 * Little-endian words of 32 bits: call id, runs, then per run partition, count, bytes; then the bodies.
 */
export function encodeAppend(callId: number, records: LogAppend[], partitions: number): ArrayBuffer {
  const bodies = bodiesByPartition(records, partitions)
  const texts = bodies.map((list) => list && joinLines(list))
  const sizes = texts.map((text) => (text === undefined ? 0 : Buffer.byteLength(text)))
  const runs = texts.filter((text) => text !== undefined).length
  const headerBytes = 8 + runs * 12
  const buffer = Buffer.allocUnsafeSlow(headerBytes + sizes.reduce((sum, size) => sum + size, 0))
  let header = buffer.writeUInt32LE(runs, buffer.writeUInt32LE(callId, 0))
  let at = headerBytes
  for (let partition = 0; partition < texts.length; partition++) {
    const text = texts[partition]
    if (text === undefined) continue
    header = buffer.writeUInt32LE(partition, header)
    header = buffer.writeUInt32LE(bodies[partition]!.length, header)
    header = buffer.writeUInt32LE(sizes[partition]!, header)
    at += buffer.write(text, at, 'utf8')
  }
  return buffer.buffer as ArrayBuffer
}

/** The bodies are views of `buffer`: nothing is copied. */
export function decodeAppend(buffer: ArrayBuffer): { callId: number; runs: PartitionRun[] } {
  const words = new DataView(buffer)
  const count = words.getUint32(4, true)
  const runs: PartitionRun[] = []
  let at = 8 + count * 12
  for (let header = 8; runs.length < count; header += 12) {
    const bytes = words.getUint32(header + 8, true)
    runs.push({
      partition: words.getUint32(header, true),
      count: words.getUint32(header + 4, true),
      body: new Uint8Array(buffer, at, bytes),
    })
    at += bytes
  }
  return { callId: words.getUint32(0, true), runs }
}

function bodiesByPartition(records: LogAppend[], partitions: number): (string[] | undefined)[] {
  const bodies = new Array<string[] | undefined>(partitions).fill(undefined)
  for (const { key, body } of records) {
    const partition = partitionOf(key, partitions)
    const list = bodies[partition]
    if (list === undefined) bodies[partition] = [body]
    else list.push(body)
  }
  return bodies
}

/**
 * In JSON a bare newline is only white space between tokens: a space means the same. Looking for one in the
 * joined text spares a copy of each body, which until then is a tree of its parts.
 */
function joinLines(bodies: string[]): string {
  const text = bodies.join('\n')
  let newlines = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) newlines++
  if (newlines === bodies.length - 1) return text
  return bodies.map((body) => body.replaceAll('\n', ' ')).join('\n')
}
