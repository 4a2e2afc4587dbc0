/** What was asked for cannot be done as asked; the message is one sentence for whoever asked. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly code: 'invalid_slug' | 'invalid_name' | 'slug_taken' | 'unknown_project';

  constructor(code: IdentityError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
