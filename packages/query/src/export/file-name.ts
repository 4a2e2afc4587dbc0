/** The name of an export's file: what any file system and any header takes. */
export const fileName = (name: string, ending: string): string =>
  `wayline-${name.replace(/[^A-Za-z0-9._-]+/g, '_').slice(0, 80)}.${ending}`;
