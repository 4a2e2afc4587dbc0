/** A block of Server-Sent Events. */
export interface Block {
  /** `message` where none is named. */
  event: string;
  data: string;
  /** The last one told, here or before. */
  id: string;
}

/** Cuts a stream of Server-Sent Events into its blocks, as its pieces come; what has neither data nor a new id is left out. */
export function createBlockReader(): (piece: string) => Block[] {
  let rest = '';
  let id = '';
  return (piece) => {
    const parts = (rest + piece).split('\n\n');
    rest = parts.pop() ?? '';
    return parts.flatMap((part) => {
      const before = id;
      let event = 'message';
      const data: string[] = [];
      for (const line of part.split('\n')) {
        const colon = line.indexOf(':');
        const value = line.slice(colon + 1).replace(/^ /, '');
        const field = line.slice(0, colon);
        if (field === 'event') event = value;
        else if (field === 'data') data.push(value);
        else if (field === 'id') id = value;
      }
      return data.length > 0 || id !== before ? [{ event, data: data.join('\n'), id }] : [];
    });
  };
}
