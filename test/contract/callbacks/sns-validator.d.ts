/** The package has no types of its own. */
declare module 'sns-validator' {
  export default class MessageValidator {
    validate(message: string | object, done: (error: Error | null, message?: object) => void): void
  }
}
