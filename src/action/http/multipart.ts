import { randomUUID } from 'node:crypto'

export interface FormPart {
  name: string
  value: string | Buffer
  filename?: string
}

/** A form of fields and files (RFC 7578). Names are ours and need no escaping. */
export function multipart(parts: readonly FormPart[]): { type: string; body: Buffer } {
  const boundary = `starling-${randomUUID()}`
  const chunks = parts.flatMap(({ name, value, filename }) => {
    const file =
      filename === undefined ? '' : `; filename="${filename}"\r\ncontent-type: application/octet-stream`
    return [
      Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"${file}\r\n\r\n`),
      Buffer.from(value),
      Buffer.from('\r\n'),
    ]
  })
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]),
  }
}
