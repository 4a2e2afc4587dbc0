import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { ProblemError } from '@wayline/contracts';
import { servesOnly } from '@wayline/http';
import { type Response, Router } from 'express';

/** Of Swagger UI's files, those that the page needs; the others are for other ways to embed it. */
const FILES: readonly string[] = ['swagger-ui-bundle.js', 'swagger-ui.css', 'favicon-32x32.png'];

/**
 * The page loads nothing from elsewhere, runs nothing inline, and talks to its own origin only. Styles are set inline by the
 * library; its icons are `data:` in its style sheet.
 */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

const PAGE = `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Wayline API</title>
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="page"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/page.js"></script>
  </body>
</html>
`;

// Without a validator, which would be somebody else's server; credentials are forgotten with the page.
const SCRIPT = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#page',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayOperationId: false,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
`;

/** `/docs`, where people read the description and try it: Swagger UI, from its package. Nothing is read before it is asked for. */
export function createDocsPage(): Router {
  const router = Router({ caseSensitive: true });
  const give = (response: Response, type: string, text: string) => {
    response.setHeader('Content-Type', `${type}; charset=utf-8`);
    response.end(text);
  };
  router
    .route('/docs')
    .get((_request, response) => give(withHeaders(response), 'text/html', PAGE))
    .all(servesOnly('GET', 'HEAD'));
  router
    .route('/docs/:file')
    .get((request, response) => {
      const { file } = request.params;
      if (file === 'page.js') return give(withHeaders(response), 'text/javascript', SCRIPT);
      if (!FILES.includes(file)) throw new ProblemError('not_found', `There is no /docs/${file}.`);
      // With a root: else a folder on the way to it, whose name begins with a dot, would make it a hidden file.
      return withHeaders(response).sendFile(file, { root: folder(), cacheControl: false });
    })
    .all(servesOnly('GET', 'HEAD'));
  return router;
}

function withHeaders(response: Response): Response {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  return response;
}

function folder(): string {
  const require = createRequire(import.meta.url);
  return dirname(require.resolve('swagger-ui-dist/package.json'));
}
