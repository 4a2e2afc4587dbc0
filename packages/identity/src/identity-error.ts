/** What was asked for cannot be done as asked; the message is one sentence for whoever asked. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly code: 'invalid_slug' | 'invalid_name' | 'invalid_setting' | 'slug_taken' | 'unknown_key' | 'unknown_project';

  constructor(code: IdentityError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
