/** What bounds one request and one event against hostile or broken input. */
export interface IngestLimits {
  /** Of the request as it comes over the wire. */
  bodyBytesMax: number
  /** Of the body after decompression. */
  unpackedBytesMax: number
  eventsMax: number
  /** Of the event's payload as compact JSON in UTF-8. */
  eventBytesMax: number
  /** Objects and arrays inside each other; the event itself is the first. */
  depthMax: number
  /** Keys of all objects of an event together. */
  keysMax: number
  /** UTF-16 code units of any string value. */
  stringCharsMax: number
  /** UTF-16 code units of an event's name and of a key. */
  nameCharsMax: number
  /** UTF-16 code units of an id. */
  idCharsMax: number
  /** An event later than its receipt by more than this, after correction, is refused. */
  futureMsMax: number
  /** Of a refused event's text that is kept. */
  rejectedBytesMax: number
}

export const DEFAULT_INGEST_LIMITS: IngestLimits = {
  bodyBytesMax: 4 * 1024 * 1024,
  unpackedBytesMax: 16 * 1024 * 1024,
  // The smallest useful event has some 50 bytes; refused ones grow fivefold in the log.
  eventsMax: 20_000,
  eventBytesMax: 32 * 1024,
  depthMax: 16,
  keysMax: 1000,
  stringCharsMax: 8192,
  nameCharsMax: 256,
  idCharsMax: 256,
  futureMsMax: 24 * 60 * 60 * 1000,
  rejectedBytesMax: 64 * 1024,
}
