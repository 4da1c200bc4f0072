import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import type { ApiFault } from '#contracts/errors.ts'

const unpackers = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

/**
 * The body as sent, decompressed by `Content-Encoding` whatever the content type says (one client sends
 * gzip as a form). Unpacking stops at `bytesMax`, so that a small bomb never becomes a large buffer.
 */
export async function unpackBody(
  body: Buffer,
  contentEncoding: string,
  bytesMax: number,
): Promise<Buffer | ApiFault> {
  const encoding = contentEncoding.trim().toLowerCase()
  if (encoding === 'identity' || encoding === '') return body
  if (!Object.hasOwn(unpackers, encoding)) {
    return { code: 'unsupported_encoding', detail: 'Content-Encoding may be gzip, deflate, br or identity' }
  }
  try {
    return await unpackers[encoding as keyof typeof unpackers](body, { maxOutputLength: bytesMax })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      return { code: 'body_too_large', detail: `the body unpacks to more than ${bytesMax} bytes` }
    }
    return { code: 'invalid_json', detail: `the body is not valid ${encoding}` }
  }
}
