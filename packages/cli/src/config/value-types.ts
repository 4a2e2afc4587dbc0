/** How the text of a variable becomes a value: `parse` throws a `TypeError` whose message says what it must be. */
export interface ValueType<T> {
  parse(text: string): T;
  /** The form, for the table of the documentation. */
  form: string;
}

function mustBe(what: string): never {
  throw new TypeError(`must be ${what}`);
}

export const text: ValueType<string> = { form: 'text', parse: (given) => given };

export const path: ValueType<string> = { form: 'path', parse: (given) => given };

/** A whole number within bounds, both inclusive. */
export function integer(min: number, max: number): ValueType<number> {
  const form = `${min} to ${max}`;
  return {
    form,
    parse(given) {
      const value = Number(given);
      return /^\d+$/.test(given) && value >= min && value <= max ? value : mustBe(`a whole number from ${form}`);
    },
  };
}

export const port: ValueType<number> = { ...integer(0, 65_535), form: 'port; 0 is any free one' };

export const flag: ValueType<boolean> = {
  form: 'true or false',
  parse(given) {
    if (['true', '1', 'yes', 'on'].includes(given.toLowerCase())) return true;
    if (['false', '0', 'no', 'off'].includes(given.toLowerCase())) return false;
    return mustBe('true or false');
  },
};

export function oneOf<const T extends string>(...values: readonly T[]): ValueType<T> {
  const form = values.join(', ');
  return { form, parse: (given) => values.find((value) => value === given) ?? mustBe(`one of ${form}`) };
}

/** An address with one of the schemes. The text may hold a password: it is never part of a message. */
export function address(...schemes: readonly string[]): ValueType<string> {
  const form = schemes.map((scheme) => `${scheme}://…`).join(' or ');
  return {
    form,
    parse(given) {
      const url = URL.canParse(given) ? new URL(given) : undefined;
      return url && schemes.includes(url.protocol.slice(0, -1)) ? given : mustBe(`an address of the form ${form}`);
    },
  };
}

/** `host:port,host:port`; IPv6 addresses in brackets. */
export const brokers: ValueType<readonly string[]> = {
  form: 'host:port,…',
  parse(given) {
    const list = given.split(',').map((part) => part.trim());
    const valid = list.every((broker) => {
      const match = /^(\[[0-9a-f:.]+\]|[^\s:/[\]]+):(\d{1,5})$/i.exec(broker);
      return match && Number(match[2]) > 0 && Number(match[2]) < 65_536;
    });
    return valid ? list : mustBe('a list of host:port with commas between, such as kafka-1:9092,kafka-2:9092');
  },
};
