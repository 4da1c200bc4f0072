/** As sysexits.h has them; documented in docs/guides/cli.md. */
export const exitCodes = {
  ok: 0,
  /** The command line is wrong. */
  usage: 64,
  /** What was given is wrong: a definition, a file, an id; or `verify` found differences. */
  data: 65,
  /** No server answers, or it does not take the key. */
  unreachable: 69,
  internal: 70,
  /** The data folder is in use by another process. */
  folderInUse: 73,
  /** After SIGTERM, what was under way did not end in time. */
  drainTooLong: 75,
  /** Of `bounces`: no server answers now; a mail server's pipe then tries again (EX_TEMPFAIL). */
  tryAgain: 75,
  /** A setting is wrong. */
  config: 78,
} as const
