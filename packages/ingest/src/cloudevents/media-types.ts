/** Whether data of this media type is JSON. None is: that is what CloudEvents takes it for. */
export const isJsonType = (mediaType: string): boolean => mediaType === '' || /^[^/]+\/(.*\+)?json$/.test(mediaType);

/** Whether data of this media type is kept as text, and not as base64. */
export const isTextType = (mediaType: string): boolean => /^text\/|^[^/]+\/(.*\+)?xml$/.test(mediaType);
