import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

/** A name server on loopback that knows these TXT records and nothing else (RFC 1035). */
export async function startDnsServer(
  records: Record<string, string[]>,
): Promise<{ address: string; asked: string[]; close(): void }> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (query, from) => {
    const { name, end } = nameAt(query, 12)
    asked.push(name)
    const texts = records[name.toLowerCase()]
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    // An authoritative answer; 3: there is no such name.
    header.writeUInt16BE(0x8580 | (texts === undefined ? 3 : 0), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(texts?.length ?? 0, 6)
    const answers = (texts ?? []).map(txtRecord)
    socket.send(Buffer.concat([header, query.subarray(12, end + 4), ...answers]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  return { address: `127.0.0.1:${port}`, asked, close: () => socket.close() }
}

function nameAt(message: Buffer, from: number): { name: string; end: number } {
  const labels: string[] = []
  let at = from
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.subarray(at + 1, at + 1 + length).toString())
    at += 1 + length
  }
  return { name: labels.join('.'), end: at + 1 }
}

/** Of the name that was asked for; longer texts stand in pieces of 255 bytes. */
function txtRecord(text: string): Buffer {
  const pieces = (
    Buffer.from(text)
      .toString('latin1')
      .match(/[\s\S]{1,255}/g) ?? ['']
  ).map((piece) => Buffer.concat([Buffer.from([piece.length]), Buffer.from(piece, 'latin1')]))
  const data = Buffer.concat(pieces)
  const head = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 0])
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}
