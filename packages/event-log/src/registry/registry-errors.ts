/** The schema registry did not answer, or not as one: later it may. */
export class RegistryUnavailableError extends Error {
  override readonly name = 'RegistryUnavailableError';
}

/** The schema registry will not do what is asked; the message is one sentence for the operator. */
export class RegistryRefusalError extends Error {
  override readonly name = 'RegistryRefusalError';
}
