/** What the image sets: the program is measured as it is deployed. */
export const IMAGE_ENV = { MALLOC_ARENA_MAX: '2' } as const;
