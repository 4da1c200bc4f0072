/** Raise it with every change that may alter a choice or a byte of the record. */
const engineRevision = 3

/**
 * Records of one engine version replay to equal bytes. V8 is part of it: ECMAScript leaves the last bit of
 * `Math.exp` to the implementation, so another V8 may weigh a candidate differently.
 */
export const engineVersion = `${engineRevision}+v8-${process.versions.v8.split('.').slice(0, 2).join('.')}`
