import { dashboardFolder, dashboardHeaders } from '@wayline/dashboard/files';
import express, { type RequestHandler } from 'express';

/** The files of the web app. They are public: what it shows, it asks for with the reader's own token. */
export function dashboardDoor(): RequestHandler {
  return express.static(dashboardFolder, {
    setHeaders(response, file) {
      for (const [name, value] of Object.entries(dashboardHeaders)) response.setHeader(name, value);
      // The names of the assets change with their content; the page that names them does not.
      const lasting = /[\\/]assets[\\/]/.test(file);
      response.setHeader('Cache-Control', lasting ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
}
