import type { ReplyWord } from '#contracts/delivery.ts'

/**
 * What a text message from a customer asks for. Only a message that is one of these words and nothing else
 * counts, as carriers and Twilio have it: "non-stop" and "please stop by" opt nobody out.
 */
export function replyWord(text: string): ReplyWord | null {
  return words.get(text.trim().toUpperCase()) ?? null
}

const words = new Map<string, ReplyWord>([
  ...['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT'].map((word) => [word, 'stop'] as const),
  ...['START', 'YES', 'UNSTOP'].map((word) => [word, 'start'] as const),
  ...['HELP', 'INFO'].map((word) => [word, 'help'] as const),
])
