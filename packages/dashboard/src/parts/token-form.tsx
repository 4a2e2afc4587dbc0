/** Asks for an access token. */
export function TokenForm({ refusal, onToken }: { refusal: string | undefined; onToken(token: string): void }) {
  const submit = (form: FormData) => {
    const token = String(form.get('token') ?? '').trim();
    if (token) onToken(token);
  };
  return (
    <form className="card token" action={submit}>
      <h1>Sign in with an access token</h1>
      {refusal && (
        <p className="notice bad" role="alert">
          {refusal}
        </p>
      )}
      <label>
        Access token
        <textarea name="token" rows={4} required spellCheck={false} autoComplete="off" />
      </label>
      <button type="submit">Continue</button>
      <p className="hint">
        <code>wayline all</code> prints an address that signs you in. Elsewhere, make a token with{' '}
        <code>wayline admin create-token --project … --scopes read,aggregation,admin</code>. It is kept in this tab
        only.
      </p>
    </form>
  );
}
