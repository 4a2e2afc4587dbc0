/** What the image sets: the program is measured as it is deployed. */
export const IMAGE_ENV = { MALLOC_ARENA_MAX: '2' } as const;

/** What docker-compose.yml sets for the role `worker` besides. */
export const WORKER_ENV = { MALLOC_MMAP_THRESHOLD_: '131072' } as const;
