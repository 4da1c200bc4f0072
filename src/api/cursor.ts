/** Where a page of a list ordered by time, then id, ended. */
export interface Cursor {
  at: number
  id: string
}

/** Opaque to clients, who hand it back as they got it. */
export function encodeCursor({ at, id }: Cursor): string {
  return Buffer.from(`${at}.${id}`).toString('base64url')
}

/** Null for anything that is no cursor of ours. */
export function decodeCursor(text: string): Cursor | null {
  const match = /^(\d{1,16})\.(.+)$/s.exec(Buffer.from(text, 'base64url').toString())
  return match === null ? null : { at: Number(match[1]), id: match[2]! }
}
