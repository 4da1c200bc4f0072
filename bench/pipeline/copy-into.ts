import type { Client, Submittable } from 'pg'

interface CopyConnection {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/** `copy … from stdin` with all rows at once, in its text format. */
export function copyInto(client: Client, table: string, columns: string[], rows: unknown[][]): Promise<void> {
  let data = ''
  for (const row of rows) data += `${row.map(cell).join('\t')}\n`
  return new Promise((resolve, reject) => {
    const copy = {
      callback: () => {},
      submit: (connection: CopyConnection) =>
        connection.query(`copy ${table} (${columns.join(', ')}) from stdin`),
      handleCopyInResponse(connection: CopyConnection) {
        connection.sendCopyFromChunk(Buffer.from(data))
        connection.endCopyFrom()
      },
      handleCommandComplete() {},
      handleReadyForQuery() {
        copy.callback()
        resolve()
      },
      handleError(error: unknown) {
        copy.callback()
        reject(error)
      },
    }
    client.query(copy as unknown as Submittable)
  })
}

const escapes: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

function cell(value: unknown): string {
  if (value === null) return '\\N'
  if (Buffer.isBuffer(value)) return `\\\\x${value.toString('hex')}`
  const text = String(value)
  return /[\\\t\n\r]/.test(text) ? text.replace(/[\\\t\n\r]/g, (character) => escapes[character]!) : text
}
